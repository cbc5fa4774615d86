"""Data sets: where they come from and how they are split.

`catalogue` names the data sets and splits them reproducibly, `readers` and `python_batches` read published file
layouts, `transfer` downloads or imports them with `downloads` and `archives`. Images of the user's own go another way:
`own_images` opens a folder (`folders`), arrays (`stacks`) or what a function returns (`functions`) as a
`sources.Source`, which `splitting` splits and `decoded` keeps, with images made square by `resizing`.
"""
