"""The innermost function of the fused kernel for cells that vary: sums of 16-bit digits, converted and accumulated.

A function computes four columns of 64 pixels, looked up as `fused_level_lookup` describes. Its sums stay in registers
until they are converted. All arithmetic is in integers, or in float32 operations that are rounded one by one in the
order of `converters.Accumulator`, so the results are those of the torch form, bit for bit.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from xpert_evo.accuracy.crossbars.fused_level_data import COLUMNS, CONSTANTS, GROUP, PIXELS, TABLE
from xpert_evo.accuracy.crossbars.fused_level_lookup import FLOAT, HALF, LONG, WORD, Lookup, loaded, lookup, pointer
from xpert_evo.accuracy.crossbars.integer_products import ROUNDER

_N_ARGUMENTS = 12
_FILL = "xpert_evo_levels_fill"


class Form(NamedTuple):
    """What a function does.

    Attributes:
        noise: Whether every conversion has a noise of its own.
        levels: Whether inputs have levels; otherwise they are 0 and 1.
        square: Whether sums are bent by their squares.
        bends: Whether sums are bent by the product of two others.
        common: Whether a common term is added to the sums of all columns.
        raw: Whether the sums themselves are written (columns, pixels) for each input bit, and not converted.
    """

    noise: bool = False
    levels: bool = False
    square: bool = False
    bends: bool = False
    common: bool = False
    raw: bool = False

    @property
    def name(self) -> str:
        """Name of the compiled function."""
        return "xpert_evo_levels" + "".join(f"_{name}" for name, value in self._asdict().items() if value)


def _same(vector: ir.VectorType, value: float) -> ir.Constant:
    return ir.Constant(vector, [value] * vector.count)


class _Writer:
    """Begins a function, and writes its loops and constants."""

    def __init__(self, module: ir.Module, name: str, n_arguments: int) -> None:
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), [LONG] * n_arguments), name)
        self.function.linkage = "internal"
        self.ir = ir.IRBuilder(self.function.append_basic_block())

    @contextmanager
    def loop(self, n: ir.Value) -> Iterator[tuple[ir.Value, ir.Block]]:
        """Writes a loop of at least one turn: gives its number and the block before it."""
        b = self.ir
        start, inside, done = b.block, self.function.append_basic_block(), self.function.append_basic_block()
        b.branch(inside)
        b.position_at_end(inside)
        number = self.joined(LONG, LONG(0), start)
        yield number, start
        following = b.add(number, LONG(1))
        number.add_incoming(following, b.block)
        b.cbranch(b.icmp_signed("<", following, n), inside, done)
        b.position_at_end(done)

    def joined(self, kind: ir.Type, value: ir.Value, block: ir.Block) -> ir.Value:
        """A value that is `value` when coming from a block."""
        phi = self.ir.phi(kind)
        phi.add_incoming(value, block)
        return phi

    def repeated(self, value: ir.Value, vector: ir.VectorType) -> ir.Value:
        """A vector of equal numbers."""
        undefined = ir.Constant(vector, ir.Undefined)
        first = self.ir.insert_element(undefined, value, WORD(0))
        return self.ir.shuffle_vector(first, undefined, _same(ir.VectorType(WORD, vector.count), 0))


class _Part(NamedTuple):
    """Where the columns and pixels lie that are computed at a time: the first of them, and the input bit."""

    bit: ir.Value
    column: ir.Value
    pixel: ir.Value


class _Builder(_Writer):
    """Builds the function of a form; `levels_function` describes its arguments."""

    def __init__(self, module: ir.Module, form: Form, way: Lookup) -> None:
        super().__init__(module, form.name, _N_ARGUMENTS)
        self.form, self.way = form, way
        self.function.attributes.add("noinline")

    def build(self) -> ir.Function:
        """Returns the function; `levels_function` describes its arguments."""
        b, way = self.ir, self.way
        tables, bits, levels, n_pairs, n_bits, *delivery = self.function.args
        column_bytes = b.mul(n_pairs, LONG(2 * TABLE))
        with (
            self.loop(n_bits) as (bit, _),
            self.loop(LONG(COLUMNS // way.columns)) as (of_columns, _),
            self.loop(LONG(PIXELS // way.pixels)) as (of_pixels, _),
        ):
            part = _Part(bit, b.mul(of_columns, LONG(way.columns)), b.mul(of_pixels, LONG(way.pixels)))
            plane = b.mul(bit, n_pairs)
            own_bits = b.add(b.mul(plane, LONG(way.pair_bytes)), b.mul(of_pixels, LONG(way.step_bytes)))
            own_levels = b.add(b.mul(plane, LONG(4 * PIXELS)), b.mul(part.pixel, LONG(4)))
            own_tables = b.add(tables, b.mul(part.column, column_bytes))
            starts = [b.add(own_tables, b.mul(LONG(c), column_bytes)) for c in range(way.columns)]
            sums = self._sums(starts, b.add(bits, own_bits), b.add(levels, own_levels), n_pairs)
            for c, vectors in enumerate(sums):
                own = part._replace(column=b.add(part.column, LONG(c)))
                if self.form.raw:
                    for v, total in enumerate(vectors):
                        b.store(total, pointer(b, delivery[0], self._raw_place(own, v), way.words), align=4)
                else:
                    self._convert(vectors, own, n_bits, delivery)
        b.ret_void()
        return self.function

    def _sums(
        self, tables: list[ir.Value], bits: ir.Value, levels: ir.Value, n_pairs: ir.Value
    ) -> list[list[ir.Value]]:
        """Sums of an input bit in 32-bit numbers, for each column and each vector of pixels."""
        b, way = self.ir, self.way
        with self.loop(n_pairs) as (pair, start):
            zero = _same(way.words, 0)
            before = [[self.joined(way.words, zero, start) for _ in range(way.vectors)] for _ in tables]
            place = b.mul(pair, LONG(2 * TABLE))
            found = way.sums(
                b, [b.add(table, place) for table in tables], b.add(bits, b.mul(pair, LONG(way.pair_bytes)))
            )
            place = b.add(levels, b.mul(pair, LONG(4 * PIXELS)))
            inputs = [
                loaded(b, place, 4 * way.lanes * v, way.halves) if self.form.levels else None
                for v in range(way.vectors)
            ]
            after = [
                [b.add(total, way.multiplied(b, *both)) for total, *both in zip(totals, sums, inputs, strict=True)]
                for totals, sums in zip(before, found, strict=True)
            ]
            for totals, new in zip(before, after, strict=True):
                for total, value in zip(totals, new, strict=True):
                    total.add_incoming(value, b.block)
        return after

    def _pixel_place(self, part: _Part, vector: int) -> ir.Value:
        """Bytes from the first pixel's 32-bit number to those of a vector."""
        return self.ir.add(self.ir.mul(part.pixel, LONG(4)), LONG(4 * self.way.lanes * vector))

    def _raw_place(self, part: _Part, vector: int) -> ir.Value:
        b = self.ir
        column = b.add(b.mul(part.bit, LONG(COLUMNS)), part.column)
        return b.add(b.mul(column, LONG(4 * PIXELS)), self._pixel_place(part, vector))

    def _bent(
        self, total: ir.Value, factors: list[ir.Value], raw: list[ir.Value], place: ir.Value, common: ir.Value
    ) -> ir.Value:
        """Sums of a vector as floats, after the effect of wires."""
        b, way = self.ir, self.way
        square, scale, bend = factors
        sums = b.sitofp(total, way.floats)
        if self.form.bends:
            first, second = (b.sitofp(loaded(b, address, place, way.words), way.floats) for address in raw)
            sums = b.fsub(sums, b.fmul(b.fmul(first, second), bend))
        if self.form.square:
            sums = b.fsub(sums, b.fmul(b.fmul(sums, sums), square))
        return b.fadd(sums, b.fmul(common, scale)) if self.form.common else sums

    def _convert(self, sums: list[ir.Value], part: _Part, n_bits: ir.Value, delivery: list[ir.Value]) -> None:
        """Converts a column's sums, and adds the bit patterns of their codes to memory."""
        b, way = self.ir, self.way
        totals, totals_bytes, constants, noise, commons, *raw = delivery
        first = b.mul(part.column, LONG(4 * CONSTANTS))
        gain, offset, lowest, highest, noise_steps, *factors = (
            self.repeated(loaded(b, constants, b.add(first, LONG(4 * n)), FLOAT), way.floats) for n in range(CONSTANTS)
        )
        shift = self.repeated(b.trunc(part.bit, WORD), way.words)
        address = LONG(0)
        if self.form.noise:
            number = b.add(b.mul(n_bits, part.column), part.bit)
            address = loaded(b, noise, b.mul(number, LONG(8)), LONG)
        for vector, total in enumerate(sums):
            pixel = self._pixel_place(part, vector)
            added = offset
            if self.form.noise:
                added = b.fadd(b.fmul(loaded(b, address, pixel, way.floats), noise_steps), offset)
            common = None
            if self.form.common:
                common = loaded(b, commons, b.add(b.mul(part.bit, LONG(4 * PIXELS)), pixel), way.floats)
            bent = self._bent(total, factors, raw, self._raw_place(part, vector), common)
            scaled = b.fadd(b.fmul(bent, gain), added)
            code = b.fadd(scaled, _same(way.floats, ROUNDER))
            code = b.select(b.fcmp_ordered("<", code, lowest), lowest, code)
            code = b.select(b.fcmp_ordered(">", code, highest), highest, code)
            place = pointer(b, totals, b.add(b.mul(totals_bytes, part.column), pixel), way.words)
            b.store(b.add(b.load(place, align=4), b.shl(b.bitcast(code, way.words), shift)), place, align=4)


class _TableBuilder(_Writer):
    """Builds the function that fills a column's tables; `fill_tables` describes its arguments."""

    def __init__(self, module: ir.Module, way: Lookup) -> None:
        super().__init__(module, _FILL, 3)
        self.way = way

    def build(self) -> ir.Function:
        """Returns the function."""
        b, all_sums = self.ir, ir.VectorType(HALF, TABLE)
        integers, tables, n_pairs = self.function.args
        with self.loop(n_pairs) as (pair, _):
            digits = loaded(b, integers, b.mul(pair, LONG(4 * GROUP)), ir.VectorType(HALF, 2 * GROUP))
            total = _same(all_sums, 0)
            for row in range(2 * GROUP):
                half = range(TABLE // 2 * (row // GROUP), TABLE // 2 * (row // GROUP + 1))
                chosen = [-(i >> row % GROUP & 1) if i in half else 0 for i in range(TABLE)]
                everywhere = b.shuffle_vector(digits, digits, _same(ir.VectorType(WORD, TABLE), row))
                total = b.add(total, b.and_(everywhere, ir.Constant(all_sums, chosen)))
            table = self.way.table(b, total)
            b.store(table, pointer(b, tables, b.mul(pair, LONG(2 * TABLE)), table.type), align=1)
        b.ret_void()
        return self.function


def levels_function(form: Form) -> Callable[..., None]:
    """Makes a function for numba's code that adds the codes of COLUMNS columns of an array to memory.

    The result takes a tuple: addresses of the tables, of the input bits of a block of pixels, and of their levels;
    number of pairs of groups, of input bits; address of the accumulated codes (of the sums, if raw), and bytes from
    column to column; addresses of the converters' constants, of the addresses of the noise's numbers (columns, bits),
    of the common term (bits, pixels), of two bends' raw sums.
    """
    return _called(form.name, _N_ARGUMENTS, lambda module: _Builder(module, form, lookup()).build())


def _called(name: str, n_arguments: int, build: Callable[[ir.Module], ir.Function]) -> Callable[..., None]:
    """Makes a function for numba's code that takes a tuple of integers."""

    def typed(_: Any, places: Any) -> Any:
        del places  # numba casts the argument to this type
        kinds: Any = types
        taken = kinds.UniTuple(types.intp, n_arguments)

        def written(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
            unpacked: Any = cgutils.unpack_tuple
            numbers = [number for part in arguments for number in unpacked(builder, part)]
            builder.call(builder.module.globals.get(name) or build(builder.module), numbers)
            return context.get_dummy_value()

        return types.void(taken), written

    made: Callable[..., None] = intrinsic(typed)
    return made


fill_tables = _called(_FILL, 3, lambda module: _TableBuilder(module, lookup()).build())
"""Fills a column's tables: takes addresses of its digits and of its tables, and the number of pairs of groups."""
