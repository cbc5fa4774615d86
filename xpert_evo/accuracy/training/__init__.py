"""Training and judging the network of a design.

`protocols` are the named settings of a training, `training` carries one out in the steps of `epoch`, and
`checkpoints` lets it go on after an interruption. `judge` measures the trained network with the exact emulation.
`weights` reads and writes trained networks, `weights_header` is what their files say of them; `packing` stores them
in a quarter of the space. `results` are what a training and a judgement found, and their JSON.
"""
