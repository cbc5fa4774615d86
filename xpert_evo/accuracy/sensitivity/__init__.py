"""What the peripherals of single layers do to a trained network's class probabilities.

`probe` runs a network by the exact emulation and again with other peripherals in one or more layers, from the first
changed layer on; `statistics` calibrates batch norm for changed peripherals; `prediction` adds up the changes of single
layers and pairs to predict those of a whole design.
"""
