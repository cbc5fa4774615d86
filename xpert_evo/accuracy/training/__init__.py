"""Training and judging the network of a design.

`protocols` contains the named training settings, `training` runs a training in the steps of `epoch`, and
`checkpoints` lets it continue after an interruption. `judge` measures the trained network with the exact emulation.
`weights` reads and writes trained networks, `weights_header` defines the header of their files, and `packing` stores
them in a quarter of the space. `results` contains the results of trainings and judgements, and their JSON.
"""
