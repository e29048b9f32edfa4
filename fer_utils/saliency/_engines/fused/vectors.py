"""Vector instructions, written down by hand for the compiler inside numba.

Numba turns Python loops into machine code, but whether it finds that a loop can treat 8 or 16
numbers at once is luck, and here luck is worth a factor of four. `@intrinsic` functions may
write LLVM's intermediate code themselves; this module has the few words of it that are needed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from llvmlite import ir
from numba.core import cgutils
from numba.core.registry import cpu_target

FLOAT = ir.FloatType()
INDEX = ir.IntType(64)

# to say in signatures what a value of the program is
Pointer: TypeAlias = ir.Value
Vector: TypeAlias = ir.Value
Number: TypeAlias = ir.Value


def widths() -> tuple[int, ...]:
    """Return the vector lengths to use on this processor, in floats, the longest first.

    8 floats are one register with AVX2 and two with SSE or on ARM, where the compiler splits
    them by itself. The processor's features are part of the key of numba's cache on disk, so
    code compiled for another processor is not taken by mistake.
    """
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    return (16, 8) if "+avx512f" in features.split(",") else (8,)


class Vectors:
    """Writes instructions on vectors of `lanes` floats at the builder's place."""

    def __init__(self, builder: ir.IRBuilder, lanes: int):
        self.builder, self.lanes = builder, lanes
        self.type = ir.VectorType(FLOAT, lanes)

    def _place(self, pointer: Pointer, offset: Number) -> Pointer:
        place = self.builder.gep(pointer, [offset])
        return self.builder.bitcast(place, self.type.as_pointer())

    def load(self, pointer: Pointer, offset: Number) -> Vector:
        """Read `lanes` floats, `offset` floats after the pointer."""
        return self.builder.load(self._place(pointer, offset), align=4)

    def store(self, value: Vector, pointer: Pointer, offset: Number) -> None:
        """Write `lanes` floats."""
        self.builder.store(value, self._place(pointer, offset), align=4)

    def repeat(self, number: Number) -> Vector:
        """Return a vector that holds one float in every lane."""
        nothing = ir.Constant(self.type, ir.Undefined)
        first = self.builder.insert_element(nothing, number, ir.IntType(32)(0))
        every = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, nothing, every)

    def multiply_add(self, x: Vector, y: Vector, z: Vector) -> Vector:
        """Return x * y + z, in one instruction where the processor has it."""
        kind = ir.FunctionType(self.type, [self.type] * 3)
        name = f"llvm.fmuladd.v{self.lanes}f32"
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, [x, y, z])

    def maximum(self, x: Vector, y: Vector) -> Vector:
        """Return the larger of two, lane by lane."""
        return self.builder.select(self.builder.fcmp_ordered(">", x, y), x, y)


def sum_of(builder: ir.IRBuilder, *terms: Number) -> Number:
    """Return the sum of whole numbers."""
    total = terms[0]
    for term in terms[1:]:
        total = builder.add(total, term)
    return total


def pointer(builder: ir.IRBuilder, address: Number) -> Pointer:
    """Return the floats that begin at an address."""
    return builder.inttoptr(address, FLOAT.as_pointer())


@contextmanager
def loop(
    builder: ir.IRBuilder, stop: Number, start: Number | None = None, step: int = 1
) -> Iterator[Number]:
    """Write `for index in range(start, stop, step)` around what is written inside."""
    first = INDEX(0) if start is None else start
    with cgutils.for_range_slice(builder, first, stop, INDEX(step), INDEX) as (index, _):
        yield index


def in_blocks(
    builder: ir.IRBuilder, count: Number, blocks: Sequence[int]
) -> Iterator[tuple[int, Number, Number]]:
    """Cut range(count) into whole blocks, the largest first: (block, start, stop) for each size.

    The last block may stick out.
    """
    start = INDEX(0)
    for block in blocks[:-1]:
        rest = builder.srem(builder.sub(count, start), INDEX(block))
        stop = builder.sub(count, rest)
        yield block, start, stop
        start = stop
    yield blocks[-1], start, count
