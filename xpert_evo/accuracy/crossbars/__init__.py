"""Layers on crossbars: weight codes, programmed arrays, converters, non-idealities, and the resulting network.

A weight becomes digits in cells (`coding`, `quantisers`), cells form arrays (`arrays`), and the partial sums of their
columns are converted (`converters`). `emulation` does all of it exactly; `adc_noise` is the fast form used in training,
with a noise power that `snr` and `fidelity` derive from the converters' error. `nonidealities` disturbs cells and
converters. `network` connects layers according to a backbone.
"""
