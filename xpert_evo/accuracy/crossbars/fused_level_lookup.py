"""How the kernel for cells that vary looks up the sums of rows, by the instructions that the processor has.

Four rows that are on or off contribute one of 16 sums to a column, a number of 16 bits. The tables of two such groups
make a pair. A look-up gives vectors of 16-bit numbers in which the sums of a pair's groups alternate, pixel by pixel;
multiplied by the levels of the inputs, the two are added in 32 bits.
"""

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from xpert_evo.accuracy.crossbars import fused_kernel
from xpert_evo.accuracy.crossbars.fused_level_data import COLUMNS, PIXELS, TABLE

BYTE, HALF, WORD, LONG, FLOAT = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()

_SIXTEEN_BYTES = ir.VectorType(BYTE, TABLE // 2)
_X86_MULTIPLY = {8: "llvm.x86.avx2.pmadd.wd", 16: "llvm.x86.avx512.pmaddw.d.512"}
"""Instructions that multiply and add pairs of 16-bit numbers, by the number of sums."""


class Lookup(ABC):
    """Look-up of some columns and pixels at a time, as many as the registers hold sums of.

    Attributes:
        lanes: 32-bit numbers of a vector.
        columns: Columns at a time, a divisor of COLUMNS.
        pixels: Pixels at a time, a divisor of PIXELS.
        pair_bytes: Bytes of a pair's places in the tables, for PIXELS pixels.
        step_bytes: Bytes from the places of some pixels to those of the next.
    """

    lanes: int
    columns: int
    pixels: int
    pair_bytes: int
    step_bytes: int

    @property
    def halves(self) -> ir.VectorType:
        """Type of a vector of 16-bit numbers."""
        return ir.VectorType(HALF, 2 * self.lanes)

    @property
    def words(self) -> ir.VectorType:
        """Type of a vector of 32-bit numbers."""
        return ir.VectorType(WORD, self.lanes)

    @property
    def floats(self) -> ir.VectorType:
        """Type of a vector of float32."""
        return ir.VectorType(FLOAT, self.lanes)

    @property
    def vectors(self) -> int:
        """Vectors of 32-bit numbers that the pixels fill."""
        return self.pixels // self.lanes

    @abstractmethod
    def table(self, b: ir.IRBuilder, sums: ir.Value) -> ir.Value:
        """The pair's 32 sums, 16-bit numbers, as they are stored."""

    @abstractmethod
    def sums(self, b: ir.IRBuilder, tables: list[ir.Value], places: ir.Value) -> list[list[ir.Value]]:
        """Looks up a pair: for each column and vector, the 16-bit sums of both groups in turn.

        Args:
            b: Where instructions are written.
            tables: Address of each column's table.
            places: Address of the first pixels' places in the tables.
        """

    def multiplied(self, b: ir.IRBuilder, sums: ir.Value, levels: ir.Value | None) -> ir.Value:
        """Both groups' sums, each times its level (None for 1), added in 32 bits."""
        name = _X86_MULTIPLY.get(self.lanes)
        if name is not None:
            ones = ir.Constant(self.halves, [1] * self.halves.count)
            multiply = declared(b.module, name, self.words, [self.halves] * 2)
            return b.call(multiply, [sums, ones if levels is None else levels])
        first, second = _halves_of(b, sums, self.words)
        if levels is not None:
            of_first, of_second = _halves_of(b, levels, self.words)
            first, second = b.mul(first, of_first), b.mul(second, of_second)
        return b.add(first, second)


class WordLookup(Lookup):
    """Look-up of 16-bit numbers: AVX-512 finds both groups of 16 pixels in a table of 32 (`vpermw`).

    A place is a 16-bit number, those of a pair alternate.
    """

    lanes, columns, pixels = 16, COLUMNS, PIXELS
    pair_bytes = step_bytes = 4 * PIXELS

    def table(self, b: ir.IRBuilder, sums: ir.Value) -> ir.Value:
        """See `Lookup`."""
        del b
        return sums

    def sums(self, b: ir.IRBuilder, tables: list[ir.Value], places: ir.Value) -> list[list[ir.Value]]:
        """See `Lookup`."""
        look_up = declared(b.module, "llvm.x86.avx512.permvar.hi.512", self.halves, [self.halves] * 2)
        loaded_tables = [loaded(b, table, 0, self.halves) for table in tables]
        indices = [loaded(b, places, 4 * self.lanes * v, self.halves) for v in range(self.vectors)]
        return [[b.call(look_up, [table, index]) for index in indices] for table in loaded_tables]


class ByteLookup(Lookup):
    """Look-up of bytes, as AVX2, SSSE3 and NEON have it: low and high bytes of a sum are found one after another.

    A place is a byte. PIXELS places of the first group of a pair are followed by those of the second, in the order in
    which interleaving bytes, then sums, within 16 bytes leaves pixels in their own order (`order`). A table has the low
    bytes of both groups' sums before the high ones.

    Args:
        width: Bytes of a register.
        shuffle: LLVM's name of the instruction, which looks up a register's bytes in 16 that are repeated in it.
    """

    pair_bytes = 2 * PIXELS

    def __init__(self, width: int, shuffle: str) -> None:
        self.width, self.shuffle = width, shuffle
        self.lanes, self.pixels, self.step_bytes = width // 4, width, width
        self.columns = COLUMNS if width < 32 else COLUMNS // 2

    def table(self, b: ir.IRBuilder, sums: ir.Value) -> ir.Value:
        """See `Lookup`."""
        half = ir.VectorType(BYTE, TABLE)
        eight = ir.Constant(sums.type, [8] * TABLE)
        low, high = b.trunc(sums, half), b.trunc(b.lshr(sums, eight), half)
        return b.shuffle_vector(low, high, _places(range(2 * TABLE)))

    def sums(self, b: ir.IRBuilder, tables: list[ir.Value], places: ir.Value) -> list[list[ir.Value]]:
        """See `Lookup`."""
        kind = ir.VectorType(BYTE, self.width)
        look_up = declared(b.module, self.shuffle, kind, [kind] * 2)
        indices = [loaded(b, places, PIXELS * group, kind) for group in range(2)]
        found = []
        for table in tables:
            groups = []
            for group, index in enumerate(indices):
                parts = [self._repeated(b, table, TABLE // 2 * group + TABLE * part) for part in range(2)]
                low, high = (b.call(look_up, [part, index]) for part in parts)
                groups.append([b.bitcast(numbers, self.halves) for numbers in self._interleaved(b, low, high)])
            found.append([both for pair in zip(*groups, strict=True) for both in self._interleaved(b, *pair)])
        return found

    def order(self) -> NDArray[np.int64]:
        """Place of each of PIXELS pixels among the bytes."""
        pixels = np.arange(PIXELS)
        vector, lane = pixels % self.width // self.lanes, pixels % self.lanes
        return pixels // self.width * self.width + lane // 4 * 16 + 4 * vector + lane % 4

    def _repeated(self, b: ir.IRBuilder, table: ir.Value, offset: int) -> ir.Value:
        sixteen = loaded(b, table, offset, _SIXTEEN_BYTES)
        undefined = ir.Constant(_SIXTEEN_BYTES, ir.Undefined)
        return b.shuffle_vector(sixteen, undefined, _places(i % 16 for i in range(self.width)))

    def _interleaved(self, b: ir.IRBuilder, first: ir.Value, second: ir.Value) -> list[ir.Value]:
        """Elements of two vectors in turn within each 16 bytes: of their lower halves, and of their upper ones."""
        count: int = first.type.count
        a_part = 16 * count // self.width
        half = a_part // 2
        return [
            b.shuffle_vector(
                first,
                second,
                _places(
                    start + upper + i // 2 + i % 2 * count for start in range(0, count, a_part) for i in range(a_part)
                ),
            )
            for upper in (0, half)
        ]


@lru_cache(maxsize=1)
def lookup() -> Lookup:
    """The look-up of this processor, which must have one of the shuffles of `fused_kernel`."""
    width = fused_kernel.PIXELS
    return WordLookup() if width == PIXELS else ByteLookup(width, fused_kernel.SHUFFLE)


def declared(module: ir.Module, name: str, result: ir.Type, arguments: list[Any]) -> ir.Function:
    """An instruction of the processor, declared once for a module."""
    return module.globals.get(name) or ir.Function(module, ir.FunctionType(result, arguments), name)


def pointer(b: ir.IRBuilder, address: ir.Value, offset: ir.Value | int, kind: ir.Type) -> ir.Value:
    """A place in memory, `offset` bytes behind an address."""
    return b.inttoptr(b.add(address, LONG(offset) if isinstance(offset, int) else offset), kind.as_pointer())


def loaded(b: ir.IRBuilder, address: ir.Value, offset: ir.Value | int, kind: ir.Type) -> ir.Value:
    """What is stored there; vectors need no alignment."""
    return b.load(pointer(b, address, offset, kind), align=1)


def _places(numbers: Any) -> ir.Constant:
    chosen = list(numbers)
    return ir.Constant(ir.VectorType(WORD, len(chosen)), chosen)


def _halves_of(b: ir.IRBuilder, numbers: ir.Value, words: ir.VectorType) -> tuple[ir.Value, ir.Value]:
    """Even and odd 16-bit numbers of a vector, in 32 bits."""
    pairs, sixteen = b.bitcast(numbers, words), ir.Constant(words, [16] * words.count)
    return b.ashr(b.shl(pairs, sixteen), sixteen), b.ashr(pairs, sixteen)
