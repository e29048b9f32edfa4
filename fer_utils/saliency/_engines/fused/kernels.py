"""The six pieces of work of which a map is made, in vector instructions.

Every picture and feature map lies in memory row by row, pixel by pixel, and of each pixel all
channels side by side (NHWC), so one vector holds 8 or 16 channels of one pixel. Numbers that
one piece of work needs again and again stay in registers. The pieces get addresses (plain
integers, as in C); `plan` makes sure that they are inside the arena. Steps and offsets count
floats; channels are a multiple of 8, so no vector sticks out.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

from fer_utils.saliency._engines.fused.vectors import (
    INDEX,
    Number,
    Pointer,
    Vector,
    Vectors,
    in_blocks,
    loop,
    pointer,
    sum_of,
    widths,
)

# numba hands over `typing` by itself, which a type checker cannot know
intrinsic: Any = extending.intrinsic

WIDTHS = widths()

# How `mix` cuts its work: so many pixels at a time (and fewer at the end) by so many vectors of
# output channels; the widest first. As many sums as fit into the 32 registers of AVX-512, or
# the 16 of AVX2, beside the weights; 8 sums or more, so that none waits for its own last term.
ALL_TILES = {
    16: ((6, 2, 4, 16), (8, 4, 2, 16), (8, 8, 1, 16), (8, 8, 1, 8)),
    8: ((6, 4, 2, 8), (8, 8, 1, 8)),
}
TILES = ALL_TILES[WIDTHS[0]]

#: A list of pixels goes on for so many after its end, by repeating the last.
SPARE_PIXELS = max(fewer for _, fewer, _, _ in TILES) - 1

# neighbouring pixels of a depthwise convolution whose inputs are loaded once for all of them
NEIGHBOURS = 2

_WHOLE, _FLOAT = types.int64, types.float32
_BYTES = INDEX(4)  # of a float


@intrinsic
def mix(typing, sources, targets, pixels, weights, bias, rows, row_step, inputs, outputs, floor):
    """Convolve: every output channel of a pixel is a weighted sum of the inputs around it.

    target[o] = max(floor, bias[o] + sum over r, i of source[r * row_step + i] * weights[r, i, o])

    for every pair of a source and a target, r in range(rows), i in range(inputs). With one row
    this is a 1x1 convolution; with 3 rows of 3 pixels, whose channels are `inputs`, a 3x3 one.

    Args:
        typing: numba's.
        sources: address of a list of addresses, the first input of each pixel.
        targets: address of a list of addresses, where each pixel's outputs go.
        pixels: their number; both lists go on for SPARE_PIXELS more.
        weights: address of (rows, inputs, outputs).
        bias: address of (outputs,).
        rows: of the window of each pixel.
        row_step: from one to the next.
        inputs: floats in one row of the window.
        outputs: channels.
        floor: 0 for a ReLU, minus infinity for none.
    """

    def codegen(context, builder, signature, args):
        _, _, pixels, *_, outputs, _ = args
        wide = [vectors * lanes for *_, vectors, lanes in TILES]
        blocks = in_blocks(builder, outputs, wide)
        for (*counts, _, lanes), (block, start, stop) in zip(TILES, blocks, strict=True):
            with loop(builder, stop, start, block) as column:
                offsets = [sum_of(builder, column, INDEX(i)) for i in range(0, block, lanes)]
                for count, first, last in in_blocks(builder, pixels, counts):
                    with loop(builder, last, first, count) as pixel:
                        _mix_tile(Vectors(builder, lanes), count, pixel, offsets, args)
        return context.get_dummy_value()

    return types.void(*[_WHOLE] * 9, _FLOAT), codegen


def _mix_tile(
    v: Vectors, pixels: int, first: Number, offsets: list[Number], args: Sequence[Number]
) -> None:
    """Write `mix` for some pixels from `first` on, and for the output channels at `offsets`."""
    # These Python loops run while the program is written, so they are unrolled in it: one sum per
    # pixel and vector, each in a register of its own, all alive at a time. An input is loaded once
    # and multiplied with every vector of weights, a weight once and with every pixel.
    sources, targets, _, weights, bias, rows, row_step, inputs, outputs, floor = args
    builder = v.builder
    starts = [_listed(builder, sources, first, i) for i in range(pixels)]
    sums = [[cgutils.alloca_once(builder, v.type) for _ in offsets] for _ in starts]
    for of_pixel in sums:
        for total, offset in zip(of_pixel, offsets, strict=True):
            builder.store(v.load(pointer(builder, bias), offset), total)
    with loop(builder, rows) as row, loop(builder, inputs) as i:
        place = builder.mul(sum_of(builder, builder.mul(row, inputs), i), outputs)
        weight_row = builder.gep(pointer(builder, weights), [place])
        weight = [v.load(weight_row, offset) for offset in offsets]
        step = sum_of(builder, builder.mul(row, row_step), i)
        for start, of_pixel in zip(starts, sums, strict=True):
            value = v.repeat(builder.load(builder.gep(start, [step])))
            for total, w in zip(of_pixel, weight, strict=True):
                builder.store(v.multiply_add(value, w, builder.load(total)), total)
    lowest = v.repeat(floor)  # max(0, x) is the ReLU; max(-inf, x) is x: no branch needed
    for i, of_pixel in enumerate(sums):
        target = _listed(builder, targets, first, i)
        for total, offset in zip(of_pixel, offsets, strict=True):
            v.store(v.maximum(builder.load(total), lowest), target, offset)


@intrinsic
def list_pixels(typing, addresses, first, rows, columns, row_step, step):
    """Write a list of the addresses of a box's pixels, as `mix` wants it.

    Args:
        typing: numba's.
        addresses: address of the list.
        first: address of the upper left pixel.
        rows: of the box.
        columns: of the box.
        row_step: from one row to the next.
        step: from one pixel to the next.
    """

    def codegen(context, builder, signature, args):
        addresses, first, rows, columns, row_step, step = args
        entries = builder.inttoptr(addresses, INDEX.as_pointer())
        last = sum_of(
            builder,
            first,
            builder.mul(_BYTES, builder.mul(row_step, builder.sub(rows, INDEX(1)))),
            builder.mul(_BYTES, builder.mul(step, builder.sub(columns, INDEX(1)))),
        )
        # the last tile of `mix` may stick out of the list: there it repeats the last pixel, which
        # costs a few multiplications instead of a tile for every remainder
        for i in range(SPARE_PIXELS):
            end = sum_of(builder, builder.mul(rows, columns), INDEX(i))
            builder.store(last, builder.gep(entries, [end]))
        with loop(builder, rows) as row, loop(builder, columns) as column:
            place = sum_of(builder, builder.mul(row, columns), column)
            offset = sum_of(builder, builder.mul(row, row_step), builder.mul(column, step))
            address = sum_of(builder, first, builder.mul(_BYTES, offset))
            builder.store(address, builder.gep(entries, [place]))
        return context.get_dummy_value()

    return types.void(*[_WHOLE] * 6), codegen


def _listed(builder: ir.IRBuilder, addresses: Number, pixel: Number, i: int) -> Pointer:
    """Return the pixel + i-th pointer of a list."""
    entries = builder.inttoptr(addresses, INDEX.as_pointer())
    entry = builder.gep(entries, [sum_of(builder, pixel, INDEX(i))])
    return pointer(builder, builder.load(entry))


@intrinsic
def depthwise(typing, source, row_step, weights, target, rows, columns, channels):
    """Convolve each channel with a 3x3 kernel of its own; the outputs lie side by side.

    Args:
        typing: numba's.
        source: address of the upper left input of the first output.
        row_step: from one row of inputs to the next.
        weights: address of (3, 3, channels).
        target: address of the outputs (rows, columns, channels).
        rows: of outputs.
        columns: of outputs.
        channels: a multiple of 8.
    """

    def codegen(context, builder, signature, args):
        source, row_step, weights, target, rows, columns, channels = args
        for lanes, start, stop in in_blocks(builder, channels, WIDTHS):
            v = Vectors(builder, lanes)
            with loop(builder, stop, start, lanes) as channel:
                taps = [
                    v.load(
                        pointer(builder, weights),
                        sum_of(builder, builder.mul(channels, INDEX(tap)), channel),
                    )
                    for tap in range(9)
                ]
                with loop(builder, rows) as row:
                    first = sum_of(builder, builder.mul(row, row_step), channel)
                    inputs = builder.gep(pointer(builder, source), [first])
                    first = builder.mul(builder.mul(row, columns), channels)
                    first = sum_of(builder, first, channel)
                    outputs = builder.gep(pointer(builder, target), [first])
                    for count, left, right in in_blocks(builder, columns, (NEIGHBOURS, 1)):
                        with loop(builder, right, left, count) as column:
                            step = builder.mul(column, channels)
                            window = builder.gep(inputs, [step])
                            sums = _windows(v, taps, window, row_step, channels, count)
                            for i, value in enumerate(sums):
                                to = sum_of(builder, step, builder.mul(channels, INDEX(i)))
                                v.store(value, outputs, to)
        return context.get_dummy_value()

    return types.void(*[_WHOLE] * 7), codegen


def _windows(
    v: Vectors, taps: list[Vector], inputs: Pointer, row_step: Number, step: Number, count: int
) -> list[Vector]:
    """Write the weighted sums of `count` neighbouring 3x3 windows."""
    builder = v.builder
    sums: list[Vector] = [ir.Constant(v.type, [0.0] * v.lanes)] * count
    # Windows of neighbouring pixels share 2 of their 3 columns: each input is loaded once for all.
    for row in range(3):
        first = builder.gep(inputs, [builder.mul(row_step, INDEX(row))])
        values = [v.load(first, builder.mul(step, INDEX(i))) for i in range(count + 2)]
        for i in range(count):
            for column in range(3):
                tap = taps[3 * row + column]
                sums[i] = v.multiply_add(values[i + column], tap, sums[i])
    return sums


@intrinsic
def pool_and_add(
    typing, source, row_step, shortcut, target, target_step, rows, columns, channels, floor
):
    """Take the largest of each 3x3 window, two pixels apart, and add the shortcut's value.

    target = max(floor, source[...]) + shortcut

    Args:
        typing: numba's.
        source: address of the upper left pixel of the first window.
        row_step: from one row of the source to the next.
        shortcut: address of (rows, columns, channels).
        target: address of the first output.
        target_step: from one row of outputs to the next.
        rows: of outputs.
        columns: of outputs.
        channels: a multiple of 8.
        floor: 0 for a ReLU before the sum, minus infinity for none.
    """

    def codegen(context, builder, signature, args):
        source, row_step, shortcut, target, target_step, rows, columns, channels, floor = args
        with loop(builder, rows) as row, loop(builder, columns) as column:
            step = builder.mul(column, channels)
            first = builder.mul(INDEX(2), sum_of(builder, builder.mul(row, row_step), step))
            window = builder.gep(pointer(builder, source), [first])
            first = builder.mul(builder.mul(row, columns), channels)
            added = builder.gep(pointer(builder, shortcut), [sum_of(builder, first, step)])
            first = sum_of(builder, builder.mul(row, target_step), step)
            output = builder.gep(pointer(builder, target), [first])
            for lanes, start, stop in in_blocks(builder, channels, WIDTHS):
                v = Vectors(builder, lanes)
                with loop(builder, stop, start, lanes) as channel:
                    largest = v.repeat(floor)
                    for y in range(3):
                        for x in range(3):
                            place = sum_of(
                                builder,
                                builder.mul(row_step, INDEX(y)),
                                builder.mul(channels, INDEX(x)),
                                channel,
                            )
                            largest = v.maximum(v.load(window, place), largest)
                    value = builder.fadd(largest, v.load(added, channel))
                    v.store(value, output, channel)
        return context.get_dummy_value()

    return types.void(*[_WHOLE] * 8, _FLOAT), codegen


@intrinsic
def copy_box(typing, source, source_step, target, target_step, rows, floats):
    """Copy rows of floats from one address to another; the steps lead from row to row."""

    def codegen(context, builder, signature, args):
        source, source_step, target, target_step, rows, floats = args
        with loop(builder, rows) as row:
            origin = builder.gep(pointer(builder, source), [builder.mul(row, source_step)])
            to = builder.gep(pointer(builder, target), [builder.mul(row, target_step)])
            for lanes, start, stop in in_blocks(builder, floats, (*WIDTHS, 1)):
                v = Vectors(builder, lanes)
                with loop(builder, stop, start, lanes) as i:
                    v.store(v.load(origin, i), to, i)
        return context.get_dummy_value()

    return types.void(*[_WHOLE] * 6), codegen
