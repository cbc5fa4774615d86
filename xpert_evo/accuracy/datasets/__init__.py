"""Data sets: where they come from and how they are split.

`catalogue` names the data sets and splits them reproducibly, `readers` and `python_batches` read published file
layouts, `transfer` downloads or imports them with `downloads` and `archives`.
"""
