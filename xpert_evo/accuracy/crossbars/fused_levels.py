"""The innermost function of the fused kernel for cells that vary: sums of 16-bit digits, converted and accumulated.

Four rows that are on or off contribute one of 16 sums to a column. The sums of two such groups make one table of 32
numbers in 16 bits, in which AVX-512 looks up both groups of 16 pixels in one instruction (`vpermw`). A second one
(`vpmaddwd`, or `vpdpwssd`) adds the two and accumulates them in 32 bits.

A function computes four columns of 64 pixels. Its sums stay in registers until they are converted. All arithmetic is in
integers, or in float32 operations that are rounded one by one in the order of `converters.Accumulator`, so the results
are those of the torch form, bit for bit.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from xpert_evo.accuracy.crossbars.integer_products import ROUNDER

PIXELS, COLUMNS, GROUP = 64, 4, 4
"""Pixels and columns of one call, and rows of a group."""

TABLE = 2 << GROUP
"""Numbers in the table of a pair of groups."""

CONSTANTS = 8
"""float32 constants of a column's converter: gain, offset, `ROUNDER` plus the lowest and the highest code, deviation of
the noise; factors of the sums' squares, of the common term, of the product of two bends."""

_LANES = 16
_VECTORS = PIXELS // _LANES
_PAIR_BYTES = 4 * PIXELS
"""Bytes of a pair's input bits of all pixels."""

_HALF, _WORD, _LONG, _FLOAT = ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()
_HALVES, _WORDS, _FLOATS = ir.VectorType(_HALF, 32), ir.VectorType(_WORD, 16), ir.VectorType(_FLOAT, 16)
_VECTOR_BYTES = 64
_N_ARGUMENTS = 12
_FILL = "xpert_evo_levels_fill"


def supported() -> bool:
    """Whether the processor has AVX-512 instructions for 16-bit numbers."""
    return bool(llvmlite.binding.get_host_cpu_features().get("avx512bw"))


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


class _Builder:
    """Builds the function of a form; `levels_function` describes its arguments."""

    def __init__(self, module: ir.Module, form: Form) -> None:
        self.form = form
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), [_LONG] * _N_ARGUMENTS), form.name)
        self.function.linkage = "internal"
        self.function.attributes.add("noinline")
        self.look_up = self._declared(module, "llvm.x86.avx512.permvar.hi.512", _HALVES)
        self.multiply = self._declared(module, "llvm.x86.avx512.pmaddw.d.512", _WORDS)
        self.ir = ir.IRBuilder(self.function.append_basic_block())

    def _declared(self, module: ir.Module, name: str, result: ir.VectorType) -> ir.Function:
        return module.globals.get(name) or ir.Function(module, ir.FunctionType(result, [_HALVES, _HALVES]), name)

    def build(self) -> ir.Function:
        """Returns the function; `levels_function` describes its arguments."""
        b = self.ir
        tables, bits, levels, n_pairs, n_bits, *delivery = self.function.args
        start, loop, done = b.block, self.function.append_basic_block(), self.function.append_basic_block()
        b.branch(loop)
        b.position_at_end(loop)
        bit = self._joined(_LONG, _LONG(0), start)
        plane = b.mul(bit, b.mul(n_pairs, _LONG(_PAIR_BYTES)))
        sums = self._sums(tables, b.add(bits, plane), b.add(levels, plane), n_pairs)
        for column, vectors in enumerate(sums):
            if self.form.raw:
                self._write(vectors, column, bit, delivery[0])
            else:
                self._convert(vectors, column, (bit, n_bits), delivery)
        following = b.add(bit, _LONG(1))
        bit.add_incoming(following, b.block)
        b.cbranch(b.icmp_signed("<", following, n_bits), loop, done)
        b.position_at_end(done)
        b.ret_void()
        return self.function

    def _sums(self, tables: ir.Value, bits: ir.Value, levels: ir.Value, n_pairs: ir.Value) -> list[list[ir.Value]]:
        """Sums of an input bit in 32-bit numbers, for each column and each vector of pixels."""
        b = self.ir
        start, loop, done = b.block, self.function.append_basic_block(), self.function.append_basic_block()
        column_bytes = b.mul(n_pairs, _LONG(2 * TABLE))
        b.branch(loop)
        b.position_at_end(loop)
        pair = self._joined(_LONG, _LONG(0), start)
        before = [[self._joined(_WORDS, _same(_WORDS, 0), start) for _ in range(_VECTORS)] for _ in range(COLUMNS)]
        place = b.mul(pair, _LONG(2 * TABLE))
        table = [self._loaded(tables, b.add(place, b.mul(column_bytes, _LONG(c))), _HALVES) for c in range(COLUMNS)]
        place = b.mul(pair, _LONG(_PAIR_BYTES))
        after: list[list[ir.Value]] = [[] for _ in range(COLUMNS)]
        for v in range(_VECTORS):
            offset = b.add(place, _LONG(v * _VECTOR_BYTES))
            index = self._loaded(bits, offset, _HALVES)
            level = self._loaded(levels, offset, _HALVES) if self.form.levels else _same(_HALVES, 1)
            for c in range(COLUMNS):
                product = b.call(self.multiply, [b.call(self.look_up, [table[c], index]), level])
                after[c].append(b.add(before[c][v], product))
        following = b.add(pair, _LONG(1))
        pair.add_incoming(following, loop)
        for totals, new in zip(before, after, strict=True):
            for total, value in zip(totals, new, strict=True):
                total.add_incoming(value, loop)
        b.cbranch(b.icmp_signed("<", following, n_pairs), loop, done)
        b.position_at_end(done)
        return after

    def _write(self, sums: list[ir.Value], column: int, bit: ir.Value, raw: ir.Value) -> None:
        for vector, total in enumerate(sums):
            self.ir.store(total, self._pointer(raw, self._raw_place(column, bit, vector), _WORDS), align=4)

    def _raw_place(self, column: int, bit: ir.Value, vector: int) -> ir.Value:
        first = self.ir.mul(bit, _LONG(4 * PIXELS * COLUMNS))
        return self.ir.add(first, _LONG(4 * PIXELS * column + vector * _VECTOR_BYTES))

    def _bent(
        self, total: ir.Value, factors: list[ir.Value], raw: list[ir.Value], place: ir.Value, common: ir.Value
    ) -> ir.Value:
        """Sums of a vector as floats, after the effect of wires."""
        b = self.ir
        square, scale, bend = factors
        sums = b.sitofp(total, _FLOATS)
        if self.form.bends:
            first, second = (b.sitofp(self._loaded(address, place, _WORDS), _FLOATS) for address in raw)
            sums = b.fsub(sums, b.fmul(b.fmul(first, second), bend))
        if self.form.square:
            sums = b.fsub(sums, b.fmul(b.fmul(sums, sums), square))
        return b.fadd(sums, b.fmul(common, scale)) if self.form.common else sums

    def _convert(
        self,
        sums: list[ir.Value],
        column: int,
        bits: tuple[ir.Value, ir.Value],
        delivery: list[ir.Value],
    ) -> None:
        """Converts a column's sums, and adds the bit patterns of their codes to memory."""
        b = self.ir
        bit, n_bits = bits
        totals, totals_bytes, constants, noise, commons, *raw = delivery
        first = _LONG(4 * CONSTANTS * column)
        gain, offset, lowest, highest, noise_steps, *factors = (
            self._constant(constants, first, n) for n in range(CONSTANTS)
        )
        shift = self._repeated(b.trunc(bit, _WORD), _WORDS)
        address = _LONG(0)
        if self.form.noise:
            number = b.add(b.mul(n_bits, _LONG(column)), bit)
            address = b.load(self._pointer(noise, b.mul(number, _LONG(8)), _LONG), align=8)
        for vector, total in enumerate(sums):
            added = offset
            if self.form.noise:
                normal = self._loaded(address, _LONG(vector * _VECTOR_BYTES), _FLOATS)
                added = b.fadd(b.fmul(normal, noise_steps), offset)
            common = None
            if self.form.common:
                place = b.add(b.mul(bit, _LONG(4 * PIXELS)), _LONG(vector * _VECTOR_BYTES))
                common = self._loaded(commons, place, _FLOATS)
            bent = self._bent(total, factors, raw, self._raw_place(column, bit, vector), common)
            scaled = b.fadd(b.fmul(bent, gain), added)
            code = b.fadd(scaled, _same(_FLOATS, ROUNDER))
            code = b.select(b.fcmp_ordered("<", code, lowest), lowest, code)
            code = b.select(b.fcmp_ordered(">", code, highest), highest, code)
            offset_bytes = b.add(b.mul(totals_bytes, _LONG(column)), _LONG(vector * _VECTOR_BYTES))
            place = self._pointer(totals, offset_bytes, _WORDS)
            b.store(b.add(b.load(place, align=4), b.shl(b.bitcast(code, _WORDS), shift)), place, align=4)

    def _constant(self, constants: ir.Value, first: ir.Value, number: int) -> ir.Value:
        place = self._pointer(constants, self.ir.add(first, _LONG(4 * number)), _FLOAT)
        return self._repeated(self.ir.load(place, align=4), _FLOATS)

    def _joined(self, kind: ir.Type, value: ir.Value, block: ir.Block) -> ir.Value:
        phi = self.ir.phi(kind)
        phi.add_incoming(value, block)
        return phi

    def _pointer(self, address: ir.Value, offset: ir.Value, kind: ir.Type) -> ir.Value:
        return self.ir.inttoptr(self.ir.add(address, offset), kind.as_pointer())

    def _loaded(self, address: ir.Value, offset: ir.Value, kind: ir.Type) -> ir.Value:
        return self.ir.load(self._pointer(address, offset, kind), align=2)

    def _repeated(self, value: ir.Value, vector: ir.VectorType) -> ir.Value:
        undefined = ir.Constant(vector, ir.Undefined)
        first = self.ir.insert_element(undefined, value, _WORD(0))
        return self.ir.shuffle_vector(first, undefined, _same(ir.VectorType(_WORD, vector.count), 0))


class _TableBuilder(_Builder):
    """Builds the function that fills a column's tables; `fill_tables` describes its arguments."""

    def __init__(self, module: ir.Module) -> None:
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), [_LONG] * 3), _FILL)
        self.function.linkage = "internal"
        self.ir = ir.IRBuilder(self.function.append_basic_block())

    def build(self) -> ir.Function:
        """Returns the function."""
        b = self.ir
        integers, tables, n_pairs = self.function.args
        start, loop, done = b.block, self.function.append_basic_block(), self.function.append_basic_block()
        b.branch(loop)
        b.position_at_end(loop)
        pair = self._joined(_LONG, _LONG(0), start)
        place = b.mul(pair, _LONG(4 * GROUP))
        digits = self._loaded(integers, place, ir.VectorType(_HALF, 2 * GROUP))
        total = _same(_HALVES, 0)
        for row in range(2 * GROUP):
            half = range(TABLE // 2 * (row // GROUP), TABLE // 2 * (row // GROUP + 1))
            chosen = [-(i >> row % GROUP & 1) if i in half else 0 for i in range(TABLE)]
            everywhere = b.shuffle_vector(digits, digits, _same(ir.VectorType(_WORD, TABLE), row))
            total = b.add(total, b.and_(everywhere, ir.Constant(_HALVES, chosen)))
        b.store(total, self._pointer(tables, b.mul(pair, _LONG(2 * TABLE)), _HALVES), align=2)
        following = b.add(pair, _LONG(1))
        pair.add_incoming(following, loop)
        b.cbranch(b.icmp_signed("<", following, n_pairs), loop, done)
        b.position_at_end(done)
        b.ret_void()
        return self.function


def levels_function(form: Form) -> Callable[..., None]:
    """Makes a function for numba's code that adds the codes of COLUMNS columns of an array to memory.

    The result takes a tuple: addresses of the tables, of the input bits of a block of pixels, and of their levels;
    number of pairs of groups, of input bits; address of the accumulated codes (of the sums, if raw), and bytes from
    column to column; addresses of the converters' constants, of the addresses of the noise's numbers (columns, bits),
    of the common term (bits, pixels), of two bends' raw sums.
    """
    return _called(form.name, _N_ARGUMENTS, lambda module: _Builder(module, form).build())


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


fill_tables = _called(_FILL, 3, lambda module: _TableBuilder(module).build())
"""Fills a column's tables: takes addresses of its digits and of its tables, and the number of pairs of groups."""
