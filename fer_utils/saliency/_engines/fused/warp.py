"""The loops of nets with a spatial transformer, compiled: maps whose channels are planes.

With ten filters, a vector of channels would be empty for the most part. So here a vector holds
neighbouring pixels of one channel, and the sums of all filters are kept in registers.
"""

from typing import Any

import numpy as np
from numba import extending, types
from numba.core import cgutils

from fer_utils.saliency._engines.fused.layers import compiled
from fer_utils.saliency._engines.fused.transformer import (
    BIAS,
    INPUTS,
    KERNEL,
    ORIGIN,
    OUTPUTS,
    PLANE,
    RECTIFIED,
    ROW,
    SIDE,
    SOURCE,
    TARGET,
    WEIGHTS,
)
from fer_utils.saliency._engines.fused.vectors import (
    INDEX,
    Number,
    Vectors,
    in_blocks,
    loop,
    pointer,
    sum_of,
    widths,
)

# numba hands over `typing` by itself, which a type checker cannot know
intrinsic: Any = extending.intrinsic

LANES = widths()[0]
# Filters at a time, and vectors of pixels: their sums fit into the 32 registers of AVX-512, or the
# 16 of AVX2.
FILTERS = (10, 8, 4, 1)
VECTORS = (2, 1) if LANES == 16 else (1,)

_WHOLE, _FLOAT = types.int64, types.float32
_ANYTHING = np.float32(-np.inf)


@intrinsic
def convolve(
    typing, source, source_plane, target, target_plane, step, rows, columns, weights, bias, taps
):
    """Convolve a box of planes: target[o] = max(floor, bias[o] + sum of source[i] * weights[i, o]).

    Vectors go on past the end of a row, where they compute what stands there anyhow.

    Args:
        typing: numba's.
        source: address of the upper left input of the first output, in the first plane.
        source_plane: floats from one plane to the next.
        target: address of the first output.
        target_plane: floats from one plane to the next.
        step: floats from one row to the next, of both.
        rows: of the box.
        columns: of the box.
        weights: address of (inputs, kernel, kernel, outputs).
        bias: address of (outputs,).
        taps: (inputs, kernel, outputs, floor), where floor is 0 for a ReLU or minus infinity.
    """

    def codegen(context, builder, signature, args):
        *_, rows, columns, weights, bias, taps = args
        *_, outputs, _ = cgutils.unpack_tuple(builder, taps, 4)
        for filters, first, last in in_blocks(builder, outputs, FILTERS):
            with loop(builder, last, first, filters) as output, loop(builder, rows) as row:
                wide = [LANES * vectors for vectors in VECTORS]
                for width, left, right in in_blocks(builder, columns, wide):
                    with loop(builder, right, left, width) as column:
                        tile = (filters, width // LANES)
                        _tile(Vectors(builder, LANES), tile, (output, row, column), args)
        return context.get_dummy_value()

    return types.void(*[_WHOLE] * 9, types.Tuple([_WHOLE] * 3 + [_FLOAT])), codegen


def _tile(
    v: Vectors, tile: tuple[int, int], place: tuple[Number, Number, Number], args: list[Number]
) -> None:
    """Write `convolve` for some filters and some vectors of neighbouring pixels."""
    source, source_plane, target, target_plane, step, _, _, weights, bias, taps = args
    (filters, vectors), (output, row, column), builder = tile, place, v.builder
    inputs, kernel, outputs, floor = cgutils.unpack_tuple(builder, taps, 4)
    offset = sum_of(builder, builder.mul(row, step), column)
    start = builder.gep(pointer(builder, source), [offset])
    ends = [INDEX(i * v.lanes) for i in range(vectors)]
    sums = [[cgutils.alloca_once(builder, v.type) for _ in ends] for _ in range(filters)]
    biases = builder.gep(pointer(builder, bias), [output])
    for i, of_filter in enumerate(sums):
        value = v.repeat(builder.load(builder.gep(biases, [INDEX(i)])))
        for total in of_filter:
            builder.store(value, total)
    first = builder.gep(pointer(builder, weights), [output])
    with loop(builder, inputs) as channel, loop(builder, kernel) as down:
        above = builder.mul(sum_of(builder, builder.mul(channel, kernel), down), kernel)
        line = sum_of(builder, builder.mul(channel, source_plane), builder.mul(down, step))
        with loop(builder, kernel) as right:
            pixels = builder.gep(start, [sum_of(builder, line, right)])
            values = [v.load(pixels, end) for end in ends]
            tap = builder.gep(first, [builder.mul(sum_of(builder, above, right), outputs)])
            for i, of_filter in enumerate(sums):
                weight = v.repeat(builder.load(builder.gep(tap, [INDEX(i)])))
                for total, value in zip(of_filter, values, strict=True):
                    builder.store(v.multiply_add(value, weight, builder.load(total)), total)
    lowest = v.repeat(floor)
    for i, of_filter in enumerate(sums):
        plane = builder.mul(sum_of(builder, output, INDEX(i)), target_plane)
        to = builder.gep(pointer(builder, target), [sum_of(builder, plane, offset)])
        for total, end in zip(of_filter, ends, strict=True):
            v.store(v.maximum(builder.load(total), lowest), to, end)


@compiled
def pool(arena, origin, row, plane, target, target_row, target_plane, box, channels, floor):
    """Take the largest of every 2x2 pixels in a box (top, bottom, left, right) of the target."""
    top, bottom, left, right = box
    for channel in range(channels):
        for y in range(top, bottom):
            above = origin + channel * plane + 2 * y * row
            to = target + channel * target_plane + y * target_row
            upper, lower = arena[above : above + 2 * right], arena[above + row :]
            out = arena[to : to + right]
            for x in range(left, right):
                most = max(max(upper[2 * x], upper[2 * x + 1]), max(lower[2 * x], lower[2 * x + 1]))
                out[x] = max(most, floor)


@compiled
def follow(arena, program, rows, columns, i, j):
    """Compute all maps of a chain, in the boxes of window (i, j)."""
    maps, steps, weights = program
    base, filters = arena.ctypes.data, weights.ctypes.data
    for s in range(len(steps)):
        source, target, outputs = steps[s, SOURCE], steps[s, TARGET], steps[s, OUTPUTS]
        top, bottom, left, right = (
            rows[target, i, 0],
            rows[target, i, 1],
            columns[target, j, 0],
            columns[target, j, 1],
        )
        floor = np.float32(0) if steps[s, RECTIFIED] else _ANYTHING
        origin, row, plane = maps[source, ORIGIN], maps[source, ROW], maps[source, PLANE]
        to, to_row, to_plane = maps[target, ORIGIN], maps[target, ROW], maps[target, PLANE]
        if steps[s, KERNEL] == 0:
            box = (top, bottom, left, right)
            pool(arena, origin, row, plane, to, to_row, to_plane, box, outputs, floor)
            continue
        high, wide = bottom - top, right - left
        if wide == maps[target, SIDE]:
            # whole rows lie side by side, with what is between them: one long row
            high, wide = 1, (high - 1) * row + wide
        convolve(
            base + 4 * (origin + top * row + left),
            plane,
            base + 4 * (to + top * row + left),
            to_plane,
            row,
            high,
            wide,
            filters + 4 * steps[s, WEIGHTS],
            filters + 4 * steps[s, BIAS],
            (steps[s, INPUTS], steps[s, KERNEL], outputs, floor),
        )


@compiled
def copy_out(arena, program, numbers):
    """Write the last map's numbers side by side, channel by channel."""
    maps, steps, _ = program
    last = len(maps) - 1
    side, place = maps[last, SIDE], 0
    for channel in range(steps[len(steps) - 1, OUTPUTS]):
        for y in range(side):
            first = maps[last, ORIGIN] + channel * maps[last, PLANE] + y * maps[last, ROW]
            for x in range(side):
                numbers[place] = arena[first + x]
                place += 1


@compiled
def paint(arena, maps, rows, columns, i, j, picture):
    """Put a part of a picture into the first map."""
    for y in range(rows[0, i, 0], rows[0, i, 1]):
        first = maps[0, ORIGIN] + y * maps[0, ROW]
        for x in range(columns[0, j, 0], columns[0, j, 1]):
            arena[first + x] = picture[y, x]


@compiled
def look(arena, clean, program, rows, columns, windows, shown, numbers):
    """Compute the localisation network's last map for pictures under windows.

    Args:
        arena: float32, the maps of the clean picture, in which to work; the same afterwards.
        clean: float32, the same, only read.
        program: see `Layout.program`.
        rows: int64 (maps, positions, 2), from `Layout.intervals`.
        columns: likewise.
        windows: int64 (n, 2), which of the rows and of the columns.
        shown: float32 (H, W), what the window shows.
        numbers: float32 (n, features), the answer.
    """
    maps, steps, _ = program
    for w in range(len(windows)):
        i, j = windows[w, 0], windows[w, 1]
        paint(arena, maps, rows, columns, i, j, shown)
        follow(arena, program, rows, columns, i, j)
        copy_out(arena, program, numbers[w])
        for m in range(len(maps)):
            channels = steps[m - 1, OUTPUTS] if m else 1
            left, right = columns[m, j, 0], columns[m, j, 1]
            for channel in range(channels):
                for y in range(rows[m, i, 0], rows[m, i, 1]):
                    first = maps[m, ORIGIN] + channel * maps[m, PLANE] + y * maps[m, ROW]
                    for x in range(first + left, first + right):
                        arena[x] = clean[x]


@compiled
def warp(arena, maps, target, corners):
    """Sample the first map bilinearly, by an affine matrix, as `F.grid_sample` does; 0 outside."""
    side, origin, row = maps[0, SIDE], maps[0, ORIGIN], maps[0, ROW]
    a, b, c, d, e, f = corners
    # `F.affine_grid` has pixel x at (2 x + 1) / side - 1; so counted in pixels the matrix moves by:
    center = (1 - side) / 2
    move_x = side / 2 * c + (a + b - 1) * center
    move_y = side / 2 * f + (d + e - 1) * center
    across_x, across_y, last = np.float32(a), np.float32(d), np.float32(side)
    for y in range(side):
        from_x, from_y = np.float32(b * y + move_x), np.float32(e * y + move_y)
        to = arena[target + y * side : target + (y + 1) * side]
        for x in range(side):
            at_x = across_x * np.float32(x) + from_x
            at_y = across_y * np.float32(x) + from_y
            # a pixel beyond the border, all is 0: there is a frame of zeros
            at_x = min(max(at_x, np.float32(-1)), last)
            at_y = min(max(at_y, np.float32(-1)), last)
            left, top = np.floor(at_x), np.floor(at_y)
            p, q = at_x - left, at_y - top
            place = origin + np.int64(top) * row + np.int64(left)
            upper = arena[place] * (np.float32(1) - p) + arena[place + 1] * p
            lower = arena[place + row] * (np.float32(1) - p) + arena[place + row + 1] * p
            to[x] = upper * (np.float32(1) - q) + lower * q


@compiled
def crop(arena, picture, maps, program, rows, columns, windows, shown, whole, matrices, numbers):
    """Compute the last map of the layers on the crop, for pictures under windows.

    Args:
        arena: as in `look`.
        picture: float32 (H, W), the clean one.
        maps: of the localisation network; its first is the picture.
        program: of the layers on the crop.
        rows: as in `look`.
        columns: likewise.
        windows: likewise.
        shown: likewise.
        whole: int64 (maps, 1, 2), all rows (and columns) of the maps of the crop.
        matrices: float64 (n, 6), how to crop.
        numbers: float32 (n, features), the answer.
    """
    target = program[0][0, ORIGIN]
    for w in range(len(windows)):
        i, j, m = windows[w, 0], windows[w, 1], matrices[w]
        paint(arena, maps, rows, columns, i, j, shown)
        warp(arena, maps, target, (m[0], m[1], m[2], m[3], m[4], m[5]))
        paint(arena, maps, rows, columns, i, j, picture)
        follow(arena, program, whole, whole, 0, 0)
        copy_out(arena, program, numbers[w])
