"""The surrogate: predicts accuracy, with its uncertainty, from trained designs.

`features` describes a design by numbers, the candidates in `models` compete in cross-validation, `fit` keeps the best
of them, and `quality` measures how far its predictions can be trusted. `scale` is the log-odds scale on which they
learn.
"""
