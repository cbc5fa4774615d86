"""How accurate a design is, in four packages.

`crossbars` computes what a layer delivers on analog hardware: exactly, conversion by conversion, and in the fast form
that trains. `datasets` reads, imports and splits images. `training` trains a design's network and judges it.
`surrogate` predicts the accuracy of designs that were not trained. Imports go from `training` to `datasets` and
`crossbars`, and from `surrogate` to `crossbars`.
"""
