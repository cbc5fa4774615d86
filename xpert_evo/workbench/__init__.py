"""Work on one design: `train` it, `judge` its network, `pack` the weights.

`training`, `judging` and `packing` contain the library functions behind the commands of the same names. `plan` checks
the arguments of a training; `listening` defines listeners that follow the progress; `devices` describes the noisy
chips of a judgement; `unfinished` stores the results of an interrupted judgement.
"""
