"""Layers on crossbars: weight codes, programmed arrays, converters, non-idealities, and the network made of them.

A weight becomes digits in cells (`coding`, `quantisers`), cells form arrays (`arrays`), and the partial sums of their
columns are converted (`converters`). `emulation` does all of it exactly; `adc_noise` is the fast form that trainings
use, with noise as strong as `snr` and `fidelity` find the converters' error to be. `nonidealities` disturbs cells and
converters. `network` joins layers as a backbone says.
"""
