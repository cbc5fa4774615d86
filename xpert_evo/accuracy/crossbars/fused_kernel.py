"""Product, conversion and accumulation of the exact emulation in one kernel compiled with numba.

For one input bit the rows of a crossbar are on or off, so a group of four rows contributes one of 16 sums to a column.
These sums are tabulated once (T. Wei et al., "T-MAC", arXiv 2407.00088, 2024, looks up weight bits in tables of
activations). A byte shuffle then looks up 16 to 64 pixels at once: 256 products of a bit and a digit in a single
AVX-512 instruction. Sums stay in registers from the look-up to the converted code.

- Tables contain unsigned *levels*, digit = scale x level + offset. Sums of levels are accumulated in bytes for as many
  groups of four rows as cannot exceed 255, then in 16 bits, with bytes at even positions separate from those at odd
  ones. The contribution of `offset` follows from the number of active rows.
- A vector of bytes contains pixels in order. As 32-bit numbers they form four quarters: number l of quarter q is pixel
  4 l + q. Sums of columns are kept in this order, which the last step reverts.

Only integer and float32 operations without rounding take place before the converters' own rounding, so the result
depends neither on the width of the registers nor on the order of arrays.
"""

import platform
from collections.abc import Callable
from typing import Any, NamedTuple

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from xpert_evo.accuracy.crossbars.integer_products import ROUNDER

ROWS_PER_GROUP = 4
_TABLE = 1 << ROWS_PER_GROUP
_MOST_BITS = 4
"""Input bits that are looked up together: their sums fit into the registers."""

_NAME = "xpert_evo_converted_sums"

_BYTE, _HALF, _WORD, _LONG = (ir.IntType(n) for n in (8, 16, 32, 64))
_FLOAT = ir.FloatType()


def _shuffle() -> tuple[int, str]:
    """Returns the bytes in the widest register that the processor can shuffle, and the instruction; 0 if none."""
    if platform.machine().lower() in ("aarch64", "arm64"):
        return 16, "llvm.aarch64.neon.tbl1.v16i8"
    has = llvmlite.binding.get_host_cpu_features()
    if has.get("avx512bw"):
        return 64, "llvm.x86.avx512.pshuf.b.512"
    if has.get("avx2"):
        return 32, "llvm.x86.avx2.pshuf.b"
    return 0, ""


PIXELS, SHUFFLE = _shuffle()
"""Number of pixels computed at once, and the instruction."""


class Inputs(NamedTuple):
    """Input codes of a layer and the positions of its windows in them.

    Attributes:
        codes: Codes (bytes of a code, padded maps one after another), least significant byte first.
        pixels: Start position of each output pixel's window.
        rows: Offset from there to the code for each row of the weight matrix.
        n_bits: Input precision.
    """

    codes: NDArray[np.uint8]
    pixels: NDArray[np.uint32]
    rows: NDArray[np.uint32]
    n_bits: int


class Arrays(NamedTuple):
    """Programmed arrays; *columns* are those of all slices, slice by slice.

    Attributes:
        first_rows: First row of each array, and the total number of rows.
        first_groups: The same in groups of four rows; an array's last group may have fewer.
        tables: The 16 sums for each array, column and group.
        block_groups: Number of groups whose sums may be added in bytes, (arrays, columns).
        scales: Change of the digit per level, (columns,).
        offsets: Digit of level 0, (columns,).
    """

    first_rows: NDArray[np.int64]
    first_groups: NDArray[np.int64]
    tables: NDArray[np.uint8]
    block_groups: NDArray[np.int64]
    scales: NDArray[np.int16]
    offsets: NDArray[np.int16]


class Scratch(NamedTuple):
    """Working memory of a thread for a block of pixels.

    Attributes:
        planes: Input bits of a group's rows, one byte per pixel, (groups, bits, eights of pixels).
        active: Active rows, 16 bits each, even pixels before odd ones, (arrays, bits, halves, eights of pixels).
        sums: Accumulated bit patterns of codes, (columns, pixels by quarters).
    """

    planes: NDArray[np.uint64]
    active: NDArray[np.uint64]
    sums: NDArray[np.int32]


class Converters(NamedTuple):
    """ADCs of all columns and the digital processing of their codes.

    Attributes:
        gains: Codes per half level, (columns,).
        lowest: Bit pattern of `ROUNDER` plus the lowest code, (columns,).
        highest: The same for the highest code, (columns,).
        steps: Value of a code in the layer's output, (slices, columns of a slice).
        has_reference: Whether the last column of each slice is subtracted from the others.
        counted_offset: Amount subtracted per unit of an input code.
    """

    gains: NDArray[np.float32]
    lowest: NDArray[np.int32]
    highest: NDArray[np.int32]
    steps: NDArray[np.float32]
    has_reference: bool
    counted_offset: int


def _vector(element: ir.Type, n_bytes: int) -> ir.VectorType:
    return ir.VectorType(element, 8 * n_bytes // (32 if element is _FLOAT else element.width))


def _constant(vector: ir.VectorType, value: float) -> ir.Constant:
    return ir.Constant(vector, [value] * vector.count)


class _Builder:
    """Builds the innermost function, in vectors of `width` bytes for `n_bits` input bits at once."""

    def __init__(self, module: ir.Module, width: int, shuffle: str, n_bits: int) -> None:
        self.n_bits, self.width = n_bits, width
        self.bytes, self.halves, self.words, self.floats = (_vector(t, width) for t in (_BYTE, _HALF, _WORD, _FLOAT))
        arguments = [_LONG] * 8 + [_HALF, _HALF, _FLOAT, _WORD, _WORD]
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), f"{_NAME}_{n_bits}")
        self.function.linkage = "internal"
        self.function.attributes.add("noinline")
        self.shuffle = module.globals.get(shuffle) or ir.Function(
            module, ir.FunctionType(self.bytes, [self.bytes, self.bytes]), shuffle
        )
        self.ir = ir.IRBuilder(self.function.append_basic_block())

    def build(self) -> ir.Function:
        """Returns the function; `_converted_sums` describes its arguments."""
        tables, planes, active, sums, plane_bytes, n_groups, block_groups, first_bit, *converter = self.function.args
        even, odd = self._level_sums(tables, planes, plane_bytes, n_groups, block_groups)
        totals = self._converted(even, odd, active, converter)
        shift = self._repeated(self.ir.trunc(first_bit, _WORD), self.words)
        for quarter, total in enumerate(totals):
            place = self._pointer(sums, quarter * self.width, self.words)
            shifted = self.ir.shl(total, shift)
            self.ir.store(self.ir.add(self.ir.load(place, align=4), shifted), place, align=4)
        self.ir.ret_void()
        return self.function

    def _level_sums(
        self, tables: ir.Value, planes: ir.Value, plane_bytes: ir.Value, n_groups: ir.Value, block_groups: ir.Value
    ) -> tuple[list[ir.Value], list[ir.Value]]:
        """Sums of levels in 16 bits for each input bit: for bytes at even positions, and at odd ones."""
        b, n = self.ir, self.n_bits
        start, block, group, widen, done = b.block, *(self.function.append_basic_block() for _ in range(4))
        b.branch(block)
        b.position_at_end(block)
        first = self._joined(_LONG, _LONG(0), start)
        wide = [self._joined(self.halves, _constant(self.halves, 0), start) for _ in range(2 * n)]
        end = b.add(first, block_groups)
        end = b.select(b.icmp_signed("<", end, n_groups), end, n_groups)
        b.branch(group)
        b.position_at_end(group)
        number = self._joined(_LONG, first, block)
        narrow = [self._joined(self.bytes, _constant(self.bytes, 0), block) for _ in range(n)]
        sixteen = self._loaded(tables, b.mul(number, _LONG(_TABLE)), ir.VectorType(_BYTE, _TABLE))
        places = ir.Constant(ir.VectorType(_WORD, self.width), [i % _TABLE for i in range(self.width)])
        table = b.shuffle_vector(sixteen, ir.Constant(sixteen.type, ir.Undefined), places)
        added = []
        for bit, total in enumerate(narrow):
            place = b.add(b.mul(number, plane_bytes), _LONG(bit * self.width))
            added.append(b.add(total, b.call(self.shuffle, [table, self._loaded(planes, place, self.bytes)])))
        following = b.add(number, _LONG(1))
        for phi, value in zip([number, *narrow], [following, *added], strict=True):
            phi.add_incoming(value, group)
        b.cbranch(b.icmp_signed("<", following, end), group, widen)
        b.position_at_end(widen)
        halves = [b.bitcast(total, self.halves) for total in added]
        parts = [b.and_(half, _constant(self.halves, 255)) for half in halves]
        parts += [b.lshr(half, _constant(self.halves, 8)) for half in halves]
        widened = [b.add(total, part) for total, part in zip(wide, parts, strict=True)]
        for phi, value in zip([first, *wide], [end, *widened], strict=True):
            phi.add_incoming(value, widen)
        b.cbranch(b.icmp_signed("<", end, n_groups), block, done)
        b.position_at_end(done)
        return widened[:n], widened[n:]

    def _converted(
        self, even: list[ir.Value], odd: list[ir.Value], active: ir.Value, converter: list[ir.Value]
    ) -> list[ir.Value]:
        """Bit patterns of the codes, in four quarters, accumulated with the significance of the input bits."""
        b = self.ir
        scale, offset = (self._repeated(value, self.halves) for value in converter[:2])
        gain = self._repeated(converter[2], self.floats)
        lowest, highest = (self._repeated(value, self.words) for value in converter[3:])
        sixteen, rounder = _constant(self.words, 16), _constant(self.floats, ROUNDER)
        totals = [_constant(self.words, 0)] * 4
        for bit in range(self.n_bits):
            for part, levels in enumerate((even[bit], odd[bit])):
                count = self._loaded(active, _LONG((2 * bit + part) * self.width), self.halves)
                pairs = b.bitcast(b.add(b.mul(levels, scale), b.mul(count, offset)), self.words)
                quarters = (part, b.ashr(b.shl(pairs, sixteen), sixteen)), (part + 2, b.ashr(pairs, sixteen))
                for quarter, half_levels in quarters:
                    # The product is exact, so only one rounding happens whether or not the processor fuses the two
                    # operations.
                    scaled = b.fmul(b.sitofp(half_levels, self.floats), gain, flags=("contract",))
                    code = b.bitcast(b.fadd(scaled, rounder, flags=("contract",)), self.words)
                    code = b.select(b.icmp_signed("<", code, lowest), lowest, code)
                    code = b.select(b.icmp_signed(">", code, highest), highest, code)
                    totals[quarter] = b.add(totals[quarter], b.shl(code, _constant(self.words, bit)))
        return totals

    def _joined(self, kind: ir.Type, value: ir.Value, block: ir.Block) -> ir.Value:
        phi = self.ir.phi(kind)
        phi.add_incoming(value, block)
        return phi

    def _pointer(self, address: ir.Value, offset: ir.Value | int, kind: ir.Type) -> ir.Value:
        place = _LONG(offset) if isinstance(offset, int) else offset
        return self.ir.inttoptr(self.ir.add(address, place), kind.as_pointer())

    def _loaded(self, address: ir.Value, offset: ir.Value, kind: ir.Type) -> ir.Value:
        return self.ir.load(self._pointer(address, offset, kind), align=1)

    def _repeated(self, value: ir.Value, vector: ir.VectorType) -> ir.Value:
        undefined = ir.Constant(vector, ir.Undefined)
        first = self.ir.insert_element(undefined, value, _WORD(0))
        return self.ir.shuffle_vector(first, undefined, _constant(ir.VectorType(_WORD, vector.count), 0))


def _converted_sums(n_bits: int) -> Callable[..., None]:
    """Makes a function for numba's code that adds one column's codes for `n_bits` bits of an array to memory.

    The result takes two tuples: (tables, planes, active, sums, bytes of a group's planes, groups, groups accumulated in
    bytes, first bit), of which the first four are addresses, and (scale, offset, gain, lowest, highest).
    """

    def typed(_: Any, places: Any, converter: Any) -> Any:
        del places, converter  # numba casts the arguments to these types
        kinds: Any = types
        taken = (
            kinds.UniTuple(types.intp, 8),
            kinds.Tuple((types.int16, types.int16, types.float32, *[types.int32] * 2)),
        )

        def written(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
            module = builder.module
            function = module.globals.get(f"{_NAME}_{n_bits}")
            unpacked: Any = cgutils.unpack_tuple
            numbers = [number for part in arguments for number in unpacked(builder, part)]
            builder.call(function or _Builder(module, PIXELS, SHUFFLE, n_bits).build(), numbers)
            return context.get_dummy_value()

        return types.void(*taken), written

    made: Callable[..., None] = intrinsic(typed)
    return made


CONVERTED_SUMS = tuple(_converted_sums(n) for n in range(1, _MOST_BITS + 1))
"""For 1, 2, 3 and 4 input bits at once."""
