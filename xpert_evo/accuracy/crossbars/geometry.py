"""Shape and precision of one layer on crossbars."""

from dataclasses import dataclass, replace

from hw_models import AdcType, CrossbarSpec

Margins = tuple[int, int, int, int]
"""Rows and columns of zeros around a map: at the top, left, bottom and right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerGeometry:
    """Shape and precision of one layer.

    A linear layer is a convolution of kernel 1; its positions are the rows of a map one pixel wide.

    Attributes:
        in_channels: Input channels.
        out_channels: Output channels.
        kernel_size: Height of the kernel, and its width unless `kernel_width` is given.
        stride: Stride of the convolution; to the right, `stride_width` if given.
        output_size: Height of the output map, and its width unless `output_width` is given [pixels].
        adc_precision: Bits of the ADC.
        input_precision: Bits of the inputs.
        column_sharing: Columns that share one ADC.
        reads_image: Whether the input is the image, which has a known range.
        depth_ratio: Position in the network, from 0 for the first layer to 1 for the classifier.
        array_rows: Rows of each array that stores part of the layer, or of one block of a layer with groups; they add
            up to the rows of the weight matrix or block.
        crossbar: Cells and coding.
        kernel_width: Width of a kernel that is not square.
        stride_width: Stride to the right.
        output_width: Width of a map that is not square [pixels].
        padding: Zeros around the input map; None for half a kernel on each side.
        dilation: Distance of the kernel's elements, downwards and to the right.
        groups: Groups of channels that are convolved separately.
        signed: Whether inputs can be negative: their positive and negative parts then take a pass each.
        adc_type: Type of the ADCs, on which their offsets may depend.
    """

    in_channels: int
    out_channels: int
    kernel_size: int
    stride: int
    output_size: int
    adc_precision: int
    input_precision: int
    column_sharing: int
    reads_image: bool
    depth_ratio: float
    array_rows: tuple[int, ...]
    crossbar: CrossbarSpec
    kernel_width: int | None = None
    stride_width: int | None = None
    output_width: int | None = None
    padding: Margins | None = None
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    signed: bool = False
    adc_type: AdcType = AdcType.SAR

    @property
    def kernel(self) -> tuple[int, int]:
        """Height and width of the kernel."""
        return (self.kernel_size, self.kernel_size if self.kernel_width is None else self.kernel_width)

    @property
    def strides(self) -> tuple[int, int]:
        """Stride downwards and to the right."""
        return (self.stride, self.stride if self.stride_width is None else self.stride_width)

    @property
    def output(self) -> tuple[int, int]:
        """Height and width of the output map [pixels]."""
        return (self.output_size, self.output_size if self.output_width is None else self.output_width)

    @property
    def margins(self) -> Margins:
        """Zeros around the input map."""
        return (self.kernel[0] // 2, self.kernel[1] // 2) * 2 if self.padding is None else self.padding

    @property
    def reach(self) -> tuple[int, int]:
        """Height and width of the pixels that a window covers."""
        down, right = (d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True))
        return (down, right)

    @property
    def n_positions(self) -> int:
        """Pixels of the output map."""
        return self.output[0] * self.output[1]

    @property
    def n_rows(self) -> int:
        """Rows of the weight matrix that an output reads."""
        return self.in_channels // self.groups * self.kernel[0] * self.kernel[1]

    @property
    def n_passes(self) -> int:
        """Passes of the inputs through the arrays."""
        return 1 + self.signed

    @property
    def own_rows(self) -> tuple[int, ...]:
        """Rows of each array that an output's own weights are in, without those of other groups beside them."""
        if self.groups_together == 1:
            return self.array_rows
        return array_rows(self.n_rows, self.crossbar, evenly=False)

    @property
    def groups_together(self) -> int:
        """Groups on the diagonal of one crossbar; a layer without groups counts as one."""
        if self.groups == 1:
            return 1
        columns = self.out_channels // self.groups * self.crossbar.columns_per_weight
        fitting = min(self.crossbar.rows // self.n_rows, self.crossbar.columns // columns)
        return max(1, min(fitting, self.groups))

    @property
    def n_blocks(self) -> int:
        """Blocks of groups, each with crossbars of its own."""
        return -(-self.groups // self.groups_together)

    def block(self, position: int) -> "LayerGeometry":
        """Returns the geometry of one block: a layer whose weights outside the diagonal are 0."""
        together = self.groups_together
        n = min(together, self.groups - position * together)
        rows = self.array_rows if n == together else array_rows(n * self.n_rows, self.crossbar, evenly=False)
        return replace(
            self,
            in_channels=n * (self.in_channels // self.groups),
            out_channels=n * (self.out_channels // self.groups),
            groups=1,
            array_rows=rows,
        )

    @property
    def n_conversions(self) -> int:
        """Conversions of one slice for one image, to which the time of the exact emulation is proportional."""
        each = len(self.array_rows) * self.out_channels * self.n_positions * self.input_precision
        return each * self.n_passes

    @property
    def n_crossbars(self) -> int:
        """Crossbars that store the layer's weights."""
        c, columns = self.crossbar, self.out_channels // self.groups * self.groups_together
        side_by_side = -(-columns * c.columns_per_weight // c.columns)
        n_arrays = -(-len(self.array_rows) // c.row_groups)
        return n_arrays * side_by_side * self.n_blocks

    @property
    def coverage_ratio(self) -> float:
        """Share of a window's pixels that lie inside the image, averaged over the map; the rest is zero padding."""
        return self._coverage(0) * self._coverage(1)

    def _coverage(self, axis: int) -> float:
        """The share along one axis; for maps as large as the output's times the stride."""
        n_out, stride, kernel, dilation = self.output[axis], self.strides[axis], self.kernel[axis], self.dilation[axis]
        before, after = self.margins[axis], self.margins[axis + 2]
        side = n_out * stride
        if self.padding is not None:
            side = (n_out - 1) * stride + self.reach[axis] - before - after
        starts = range(-before, n_out * stride - before, stride)
        inside = sum(0 <= start + tap * dilation < side for start in starts for tap in range(kernel))
        return inside / (n_out * kernel)


def array_rows(n_rows: int, crossbar: CrossbarSpec, *, evenly: bool) -> tuple[int, ...]:
    """Distributes `n_rows` of a weight matrix over arrays, that is rows that are read together in one conversion.

    Args:
        n_rows: Rows of the layer.
        crossbar: An array is a crossbar, or a group of its rows if not all rows are read at once.
        evenly: For proxies: whether to use about as many rows in every array, and the number of arrays that comes
            closest to full ones. A proxy's 72 rows make one array of 72 (not one of 64 and one of 8), which has the
            signal-to-noise ratio of the nine full arrays of the full-width layer.
    """
    if not evenly:
        full, rest = divmod(n_rows, crossbar.rows)
        held = (crossbar.rows,) * full + ((rest,) if rest else ())
        return tuple(group for rows in held for group in _groups(rows, crossbar.rows_at_once))
    n_arrays = max(1, round(n_rows / crossbar.rows_at_once))
    return tuple(n_rows // n_arrays + (i < n_rows % n_arrays) for i in range(n_arrays))


def _groups(n_rows: int, at_once: int) -> tuple[int, ...]:
    """Splits the rows of one crossbar into groups of at most `at_once`."""
    full, rest = divmod(n_rows, at_once)
    return (at_once,) * full + ((rest,) if rest else ())
