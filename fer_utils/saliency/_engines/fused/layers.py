"""The loop over windows, compiled: paint a window, renew what it changes, put the clean back.

One working copy of all maps holds the clean picture's numbers. A window overwrites the boxes
it can change, step by step, and afterwards they are copied back from the clean maps. What is
touched on the way is small enough for the processor's cache.
"""

from collections.abc import Callable

import numpy as np
from numba import njit

from fer_utils.saliency._engines.fused.kernels import (
    copy_box,
    depthwise,
    list_pixels,
    mix,
    pool_and_add,
)
from fer_utils.saliency._engines.fused.plan import (
    BATCH,
    BIAS,
    CHANNELS,
    CONVOLVE,
    JOIN,
    KERNELS,
    KIND,
    MAIN,
    MAKE_CHANNELS,
    ORIGIN,
    PICTURE,
    PIXEL,
    POOL,
    RECTIFIED,
    ROW,
    SAME,
    SEPARABLE,
    SIDE,
    SOURCE,
    TARGET,
    WEIGHTS,
)

_ANYTHING = np.float32(-np.inf)


def compiled(function: Callable) -> Callable:
    """Compile at the first call, and keep the code on disk for the next process if possible."""
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba found no folder that it may write to
        return njit(nogil=True)(function)


@compiled
def mirrored(i, side):
    """Return the index that lies on the picture: the border pixel is the mirror."""
    if i < 0:
        return -i
    return i if i < side else 2 * side - 2 - i


@compiled
def make_channels(arena, maps, box, shade):
    """Scale the picture, and take its derivatives, in a box; see `inputs.Channels`."""
    scale, shift, derivatives, sobel, magnitude, laplacian = shade
    top, bottom, left, right = box
    picture, row, side = maps[PICTURE, ORIGIN], maps[PICTURE, ROW], maps[PICTURE, SIDE]
    for y in range(top, bottom):
        above, here, below = (
            picture + mirrored(y - 1, side) * row,
            picture + y * row,
            picture + mirrored(y + 1, side) * row,
        )
        target = maps[CHANNELS, ORIGIN] + y * maps[CHANNELS, ROW] + left * maps[CHANNELS, PIXEL]
        for x in range(left, right):
            arena[target] = arena[here + x] * scale - shift
            target += 1
            if not (sobel or magnitude or laplacian):
                continue
            before, after = mirrored(x - 1, side), mirrored(x + 1, side)
            if sobel or magnitude:
                across = derivatives * (
                    (arena[above + after] - arena[above + before])
                    + 2 * (arena[here + after] - arena[here + before])
                    + (arena[below + after] - arena[below + before])
                )
                down = derivatives * (
                    (arena[below + before] - arena[above + before])
                    + 2 * (arena[below + x] - arena[above + x])
                    + (arena[below + after] - arena[above + after])
                )
            if sobel:
                arena[target], arena[target + 1] = across, down
                target += 2
            if magnitude:
                arena[target] = np.sqrt(across * across + down * down)
                target += 1
            if laplacian:
                arena[target] = derivatives * (
                    (arena[above + x] + arena[below + x])
                    + (arena[here + before] + arena[here + after])
                    - 4 * arena[here + x]
                )
                target += 1


@compiled
def at(base, maps, m, y, x):
    """Return the address of a pixel of a map."""
    return base + 4 * (maps[m, ORIGIN] + y * maps[m, ROW] + x * maps[m, PIXEL])


@compiled
def pool(arena, maps, source, target, box, floor):
    """Take the largest of every 2x2 pixels, in a box (top, bottom, left, right) of the target."""
    row, channels = maps[source, ROW], maps[source, PIXEL]
    top, bottom, left, right = box
    for y in range(top, bottom):
        for x in range(left, right):
            first = maps[source, ORIGIN] + 2 * y * row + 2 * x * channels
            here, beside = arena[first : first + channels], arena[first + channels :]
            below, across = arena[first + row :], arena[first + row + channels :]
            to = maps[target, ORIGIN] + y * maps[target, ROW] + x * channels
            out = arena[to : to + channels]
            for c in range(channels):
                out[c] = max(max(here[c], beside[c]), max(below[c], across[c], floor))


@compiled
def forward(arena, addresses, program, rows, columns, i, j):
    """Renew the box of every map that window (i, j) can change."""
    maps, steps = program.maps, program.steps
    base, weight = arena.ctypes.data, program.weights.ctypes.data
    sources, targets = addresses.ctypes.data, addresses.ctypes.data + 8 * addresses.shape[1]
    between = base + 4 * program.scratch
    for s in range(len(steps)):
        kind, source, target = steps[s, KIND], steps[s, SOURCE], steps[s, TARGET]
        # Rows and columns do not interfere (see `plan`): the window's box in each map is one entry
        # of the table of rows and one of that of columns.
        top, left = rows[target, i, 0], columns[target, j, 0]
        high, wide = rows[target, i, 1] - top, columns[target, j, 1] - left
        if kind == MAKE_CHANNELS:
            make_channels(arena, maps, (top, top + high, left, left + wide), program.shade)
            continue
        row, inputs, outputs = maps[source, ROW], maps[source, PIXEL], maps[target, PIXEL]
        if kind == POOL:
            floor = np.float32(0) if steps[s, RECTIFIED] else _ANYTHING
            pool(arena, maps, source, target, (top, top + high, left, left + wide), floor)
            continue
        to = at(base, maps, target, top, left)
        # All other kinds end in `mix`, a weighted sum over the channels: of 3 rows of 3 pixels; of
        # the pixels that the depthwise convolution has left in between; or, for the shortcut, of
        # every second pixel of every second row.
        taps, step = 1, 0
        if kind in (CONVOLVE, SAME):
            taps, step, before = 3, row, np.int64(kind == SAME)
            origin = at(base, maps, source, top - before, left - before)
            list_pixels(sources, origin, high, wide, row, inputs)
            inputs *= 3
        elif kind == SEPARABLE:
            kernels = weight + 4 * steps[s, KERNELS]
            origin = at(base, maps, source, top - 1, left - 1)
            depthwise(origin, row, kernels, between, high, wide, inputs)
            list_pixels(sources, between, 1, high * wide, 0, inputs)
        else:
            origin = at(base, maps, source, 2 * top, 2 * left)
            list_pixels(sources, origin, high, wide, 2 * row, 2 * inputs)
        if kind == JOIN:
            list_pixels(targets, between, 1, high * wide, 0, outputs)
        else:
            list_pixels(targets, to, high, wide, maps[target, ROW], outputs)
        filters, bias = weight + 4 * steps[s, WEIGHTS], weight + 4 * steps[s, BIAS]
        floor = np.float32(0) if steps[s, RECTIFIED] else _ANYTHING
        mix(sources, targets, high * wide, filters, bias, taps, step, inputs, outputs, floor)
        if kind == JOIN:
            main, target_row = steps[s, MAIN], maps[target, ROW]
            before = maps[main, SIDE] % 2
            origin = at(base, maps, main, 2 * top - before, 2 * left - before)
            row = maps[main, ROW]
            pool_and_add(origin, row, between, to, target_row, high, wide, outputs, floor)


@compiled
def restore(arena, clean, maps, rows, columns, windows, w):
    """Put the clean numbers back, except where the following window will overwrite them."""
    base, origin = arena.ctypes.data, clean.ctypes.data
    i, j = windows[w, 0], windows[w, 1]
    is_last = w + 1 == len(windows)
    following = w if is_last else w + 1
    following_i, following_j = windows[following, 0], windows[following, 1]
    for m in range(len(maps)):
        top, bottom, left, right = rows[m, i, 0], rows[m, i, 1], columns[m, j, 0], columns[m, j, 1]
        # Neighbours overlap. What lies in the next window's box is written anyway before it is
        # read: no need to clean up. As a rule that is all but some columns on the left.
        if (
            not is_last
            and rows[m, following_i, 0] <= top
            and rows[m, following_i, 1] >= bottom
            and columns[m, following_j, 1] >= right
        ):
            right = min(right, max(left, columns[m, following_j, 0]))
        row, pixel = maps[m, ROW], maps[m, PIXEL]
        first = 4 * (maps[m, ORIGIN] + top * row + left * pixel)
        copy_box(origin + first, row, base + first, row, bottom - top, (right - left) * pixel)


@compiled
def paint(arena, maps, rows, columns, i, j, shown):
    """Paint window (i, j) on the picture."""
    for y in range(rows[PICTURE, i, 0], rows[PICTURE, i, 1]):
        for x in range(columns[PICTURE, j, 0], columns[PICTURE, j, 1]):
            place = maps[PICTURE, ORIGIN] + y * maps[PICTURE, ROW] + x * maps[PICTURE, PIXEL]
            for c in range(shown.shape[2]):
                arena[place + c] = shown[y, x, c]


@compiled
def cover(arena, clean, addresses, program, rows, columns, windows, shown, logits):
    """Compute the logits of pictures with a window of another one painted over them.

    Args:
        arena: float32, the maps of the clean picture, in which to work; the same afterwards.
        clean: float32, the same, only read.
        addresses: int64 (2, pixels), in which to work.
        program: see `plan.Program`.
        rows: int64 (maps, positions, 2), from `Plan.intervals`.
        columns: likewise.
        windows: int64 (n, 2), which of the rows and of the columns.
        shown: float32 (H, W, C), what the window shows.
        logits: float32 (n, classes), the answer.
    """
    head_weights, head_bias, inputs, outputs = program.head
    maps, features, answers = program.maps, program.features, program.answers
    base, weight = arena.ctypes.data, program.weights.ctypes.data
    sources, targets = addresses.ctypes.data, addresses.ctypes.data + 8 * addresses.shape[1]
    last = len(maps) - 1
    side, row = maps[last, SIDE], maps[last, SIDE] * maps[last, PIXEL]
    for first in range(0, len(windows), BATCH):
        count = min(BATCH, len(windows) - first)
        for w in range(first, first + count):
            i, j = windows[w, 0], windows[w, 1]
            paint(arena, maps, rows, columns, i, j, shown)
            forward(arena, addresses, program, rows, columns, i, j)
            to = base + 4 * (features + (w - first) * inputs)
            copy_box(at(base, maps, last, 0, 0), maps[last, ROW], to, row, side, row)
            restore(arena, clean, maps, rows, columns, windows, w)
        # The head is linear in the whole last map: one "pixel" of side * side * channels inputs per
        # window. Its weights fill the cache, so they are read once for BATCH windows.
        list_pixels(sources, base + 4 * features, 1, count, 0, inputs)
        list_pixels(targets, base + 4 * answers, 1, count, 0, outputs)
        filters, bias = weight + 4 * head_weights, weight + 4 * head_bias
        mix(sources, targets, count, filters, bias, 1, 0, inputs, outputs, _ANYTHING)
        for w in range(count):
            for k in range(logits.shape[1]):
                logits[first + w, k] = arena[answers + w * outputs + k]


@compiled
def cover_rows(arena, clean, addresses, program, rows, columns, windows, shown, dense, sums):
    """Compute a linear layer on the whole last maps, of pictures with a window painted over them.

    Args:
        arena: see `cover`, as for all that follow but the last two.
        clean: likewise.
        addresses: likewise.
        program: likewise.
        rows: likewise.
        columns: likewise.
        windows: likewise.
        shown: likewise.
        dense: float32 (side, side, channels, outputs), the layer's weights.
        sums: float32 (n, outputs): the clean picture's at first, and then the answer.
    """
    maps, last = program.maps, len(program.maps) - 1
    origin, row, channels = maps[last, ORIGIN], maps[last, ROW], maps[last, PIXEL]
    total = np.empty(sums.shape[1], np.float32)
    for w in range(len(windows)):
        i, j = windows[w, 0], windows[w, 1]
        paint(arena, maps, rows, columns, i, j, shown)
        forward(arena, addresses, program, rows, columns, i, j)
        # The layer is linear: only what differs counts, all else is in the clean picture's sums.
        # (These come last, for a sum of small numbers is rounded less.)
        total[:] = 0
        for y in range(rows[last, i, 0], rows[last, i, 1]):
            for x in range(columns[last, j, 0], columns[last, j, 1]):
                first = origin + y * row + x * channels
                for c in range(channels):
                    change = arena[first + c] - clean[first + c]
                    if change != 0:
                        weights = dense[y, x, c]
                        for o in range(len(total)):
                            total[o] += change * weights[o]
        sums[w] += total
        restore(arena, clean, maps, rows, columns, windows, w)
