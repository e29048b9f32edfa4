"""The compiled part of `winograd`: boxes to values, values times values of the taps, and back."""

import threading

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from torch import Tensor

from fer_utils.saliency._engines.delta.winograd import CACHED, ROWS, Line
from fer_utils.saliency._engines.fused.kernels import SPARE_PIXELS, WIDTHS, intrinsic, mix
from fer_utils.saliency._engines.fused.layers import compiled
from fer_utils.saliency._engines.fused.vectors import (
    INDEX,
    Vectors,
    in_blocks,
    loop,
    pointer,
    sum_of,
)
from fer_utils.saliency._engines.fused.weights import empty

# Vectors of a sum that are added up at a time: each factor is read once for all of them.
ABREAST = 4

# what a thread keeps: its scratch space
_kept = threading.local()

_ANYTHING = np.float32(-np.inf)


@intrinsic
def combine(typing, columns, factors, count, source, step, target, floats):
    """Add up rows of floats: target[j] = sum over i of factors[i] * source[columns[i] * step + j].

    Args:
        typing: numba's.
        columns: address of int64 (count,).
        factors: address of float32 (count,).
        count: of the rows that are added.
        source: address of row 0.
        step: from one row to the next.
        target: address of the sum.
        floats: of a row, a multiple of 8.
    """

    def codegen(context, builder, signature, args):
        columns, factors, count, source, step, target, floats = args
        columns = builder.inttoptr(columns, INDEX.as_pointer())
        factors, source, target = (pointer(builder, one) for one in (factors, source, target))
        widths = [(ABREAST * WIDTHS[0], WIDTHS[0]), *((lanes, lanes) for lanes in WIDTHS)]
        blocks = in_blocks(builder, floats, [block for block, _ in widths])
        for (block, lanes), (_, start, stop) in zip(widths, blocks, strict=True):
            v = Vectors(builder, lanes)
            with loop(builder, stop, start, block) as first:
                places = [sum_of(builder, first, INDEX(i)) for i in range(0, block, lanes)]
                sums = [cgutils.alloca_once(builder, v.type) for _ in places]
                for total in sums:
                    builder.store(ir.Constant(v.type, [0.0] * lanes), total)
                with loop(builder, count) as i:
                    column = builder.load(builder.gep(columns, [i]))
                    row = builder.gep(source, [builder.mul(column, step)])
                    factor = v.repeat(builder.load(builder.gep(factors, [i])))
                    for total, place in zip(sums, places, strict=True):
                        value = v.multiply_add(v.load(row, place), factor, builder.load(total))
                        builder.store(value, total)
                for total, place in zip(sums, places, strict=True):
                    v.store(builder.load(total), target, place)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 7), codegen


@compiled
def multiply(matrix, source, step, target, target_step, floats):
    """Multiply a matrix, see `winograd.sparse`, with rows of floats."""
    first, columns, factors = matrix
    for row in range(len(first) - 1):
        begin, count = first[row], first[row + 1] - first[row]
        combine(
            columns.ctypes.data + 8 * begin,
            factors.ctypes.data + 4 * begin,
            count,
            source,
            step,
            target + 4 * row * target_step,
            floats,
        )


def convolve(boxes: Tensor, result: Tensor, rows: Line, columns: Line, weights: np.ndarray) -> None:
    """Convolve a part of boxes, in this thread.

    Args:
        boxes: (n, C, height, width), channels last, float32.
        result: (n, F, ...), likewise; the part of it that `rows` and `columns` make is written.
        rows: how columns are convolved, down.
        columns: how rows are convolved, to the right.
        weights: float32 (kinds, kinds, C, F).
    """
    inputs, outputs = weights.shape[2:]
    products = rows.products * columns.products
    together = max(CACHED // (inputs + outputs), ROWS * len(weights) ** 2) // products
    group = max(1, min(together, len(boxes)))
    longest = rows.products * max(columns.length * inputs, columns.outputs * outputs)
    floats = outputs + longest + group * products * (inputs + outputs)
    if not hasattr(_kept, "floats") or len(_kept.floats) < floats:
        _kept.floats = empty(floats)
    steps = []
    for maps in (boxes, result):
        _, channels, height, width = maps.shape
        steps += [height * width * channels, width * channels]
    source = boxes.data_ptr() + 4 * (rows.start * steps[1] + columns.start * inputs)
    target = result.data_ptr() + 4 * (rows.first * steps[3] + columns.first * outputs)
    _convolve(
        source,
        target,
        (len(boxes), *steps, columns.length, columns.outputs),
        group,
        (rows.values, columns.values),
        (rows.kinds, columns.kinds),
        (rows.sums, columns.sums),
        weights,
        _kept.floats,
        np.empty((2, group * products + SPARE_PIXELS), np.int64),
    )


@compiled
def _convolve(source, target, shape, group, values, kinds, sums, weights, scratch, addresses):
    """Convolve boxes.

    Args:
        source: address of the first box's first number that is read.
        target: address of the first box's first output.
        shape: (boxes, floats from box to box of the source and from row to row, the same of the
            target, columns that are read, outputs in a row).
        group: how many boxes are computed together.
        values: of the lines down and to the right, as of `winograd.sparse`.
        kinds: (where each kind begins, which products are of it), likewise.
        sums: likewise.
        weights: float32 (kinds, kinds, inputs, outputs).
        scratch: float32, for the zeros of no bias, a box's rows, and a group's products.
        addresses: int64 (2, products of a group + SPARE_PIXELS), for `mix`.
    """
    boxes, source_box, source_row, target_box, target_row, width, wide = shape
    inputs, outputs = weights.shape[2:]
    down, right = len(values[0][0]) - 1, len(values[1][0]) - 1
    for i in range(outputs):
        scratch[i] = 0
    zeros, line = scratch.ctypes.data, scratch.ctypes.data + 4 * outputs
    given = line + 4 * down * max(width * inputs, wide * outputs)
    made = given + 4 * group * down * right * inputs
    for begin in range(0, boxes, group):
        together = min(group, boxes - begin)
        for box in range(together):
            place = source + 4 * (begin + box) * source_box
            multiply(values[0], place, source_row, line, width * inputs, width * inputs)
            for row in range(down):
                place = line + 4 * row * width * inputs
                to = given + 4 * (box * down + row) * right * inputs
                multiply(values[1], place, inputs, to, inputs, inputs)
        for y in range(weights.shape[0]):
            for x in range(weights.shape[1]):
                count = 0
                for box in range(together):
                    for i in kinds[0][1][kinds[0][0][y] : kinds[0][0][y + 1]]:
                        for j in kinds[1][1][kinds[1][0][x] : kinds[1][0][x + 1]]:
                            place = (box * down + i) * right + j
                            addresses[0, count] = given + 4 * place * inputs
                            addresses[1, count] = made + 4 * place * outputs
                            count += 1
                # a tile of `mix` that sticks out repeats the last
                for spare in range(SPARE_PIXELS if count else 0):
                    addresses[0, count + spare] = addresses[0, count - 1]
                    addresses[1, count + spare] = addresses[1, count - 1]
                if count:
                    mix(
                        addresses[0].ctypes.data,
                        addresses[1].ctypes.data,
                        count,
                        weights[y, x].ctypes.data,
                        zeros,
                        1,
                        0,
                        inputs,
                        outputs,
                        _ANYTHING,
                    )
        for box in range(together):
            for row in range(down):
                place = made + 4 * (box * down + row) * right * outputs
                multiply(sums[1], place, outputs, line + 4 * row * wide * outputs, outputs, outputs)
            place = target + 4 * (begin + box) * target_box
            multiply(sums[0], line, wide * outputs, place, target_row, wide * outputs)
