"""The matrix of cells that stores a layer's weights, and which of its columns store any.

A dense layer is one block of rows and columns. The groups of a grouped convolution share no inputs: as many as fit are
placed on the diagonal of one crossbar, the cells beside them stay empty, and crossbars with different groups are placed
side by side, each with its own inputs. A block of groups therefore begins with a crossbar of its own, and the columns
after its last weights are never converted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hw_models.arrays import FloatArray, IntArray, ceil_divide
from hw_models.crossbar import CrossbarSpec
from hw_models.workload import LayerShapes


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightMatrix:
    """Cells of layers; every field has the shape (designs, layers) or broadcasts to it.

    Attributes:
        rows: Rows of one block.
        columns: Columns of all blocks, with the unused ones between blocks: the width that is placed on crossbars.
        used_columns: Columns that store weights.
        filled: Cells that store weights.
        blocks: Blocks with inputs of their own.
        block_columns, block_used: Columns of one block with and without the unused ones.
    """

    rows: IntArray
    columns: IntArray
    used_columns: IntArray
    filled: FloatArray
    blocks: IntArray
    block_columns: IntArray
    block_used: IntArray

    def used_within(self, width: IntArray) -> IntArray:
        """Counts the columns with weights among the first `width` ones, (designs, layers)."""
        whole, rest = np.divmod(width, self.block_columns)
        used: IntArray = np.minimum(
            whole * self.block_used + np.minimum(rest, self.block_used), np.minimum(width, self.used_columns)
        )
        return used


def weight_matrix(a: dict[str, IntArray], spec: CrossbarSpec) -> WeightMatrix:
    """Lays out layers, given by the fields of their shapes."""
    rows = a["in_channels"] // a["groups"] * a["kernel_size"] * a["kernel_width"]
    columns = a["out_channels"] // a["groups"] * spec.columns_per_weight
    packed = np.clip(np.minimum(spec.rows // rows, spec.columns // columns), 1, a["groups"])
    blocks = ceil_divide(a["groups"], packed)
    grouped = a["groups"] > 1
    used = packed * columns
    block_columns = np.where(grouped, ceil_divide(used, spec.columns) * spec.columns, used)
    return WeightMatrix(
        rows=packed * rows,
        columns=blocks * block_columns,
        used_columns=a["groups"] * columns,
        filled=(rows * columns * a["groups"]).astype(np.float64),
        blocks=blocks,
        block_columns=block_columns,
        block_used=used,
    )


def fullest_rows(shapes: LayerShapes, spec: CrossbarSpec) -> IntArray:
    """Rows in use in the fullest crossbar of each layer, (designs, layers)."""
    return np.minimum(weight_matrix(shapes.arrays(), spec).rows, spec.rows)
