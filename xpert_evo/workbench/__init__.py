"""What is done with one design: `train` it, `judge` its network, `pack` the weights.

`training`, `judging` and `packing` hold the functions of the library, which the commands of the same names call. A
`plan` is a training whose arguments were checked; `listening` tells whoever wants to know how far the work is;
`devices` are the noisy chips that a judgement draws; `unfinished` keeps what an interrupted judgement has found.
"""
