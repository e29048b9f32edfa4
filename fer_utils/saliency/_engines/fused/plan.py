"""The plan: which feature maps there are, how each is made, and what a window can change in it.

Occlusion by partial re-computation is prior art: Nakandala, Kumar and Papakonstantinou,
"Incremental and approximate inference for faster occlusion-based deep CNN explanations" (SIGMOD
2019), and US patent 12,346,812 (see `saliency.occlusion`).

Why it is exact: an output of a convolution or a pooling depends on the inputs under its own
small window and on nothing else. If the inputs that differ from the clean picture's lie in a
box, the outputs that differ lie in a box too, a little larger, and all others keep the very
numbers they have for the clean picture. Rows and columns do not interfere, so a box is two
intervals, and those of a window at (y, x) depend on y alone and on x alone: the plan for n x n
positions is two tables of n intervals for each map.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from fer_utils.inputs import DERIVATIVES, channel_count
from fer_utils.models.facenet import FaceNet
from fer_utils.saliency._engines.fused.structure import Structure
from fer_utils.saliency._engines.fused.weights import Places, padded

# What a step does. `MAKE_CHANNELS`: picture to derivatives, scaled; `CONVOLVE`: 3x3 without
# padding; `SEPARABLE`: depthwise 3x3 "same", then 1x1; `JOIN`: pooling and shortcut of a module;
# `SAME`: 3x3 "same"; `POOL`: the largest of 2x2.
MAKE_CHANNELS, CONVOLVE, SEPARABLE, JOIN, SAME, POOL = range(6)

# The columns of `Plan.steps`. MAIN is the map a JOIN pools, while SOURCE is its shortcut's;
# KERNELS are those of the depthwise convolution.
KIND, SOURCE, TARGET, MAIN, KERNELS, WEIGHTS, BIAS, RECTIFIED = range(8)

# The columns of `Plan.maps`: where pixel (0, 0) is in the arena, floats from one row and from
# one pixel to the next, pixels on a side.
ORIGIN, ROW, PIXEL, SIDE = range(4)

PICTURE, CHANNELS = 0, 1  # the first two maps; the last is what the head looks at

BATCH = 8  # windows whose heads are computed together


class Program(NamedTuple):
    """What the compiled loops need to know of a net.

    Attributes:
        weights: float32, from `weights.pack`.
        maps: see `Plan`, as all that follow but the last.
        steps: likewise.
        scratch: likewise.
        features: likewise.
        answers: likewise.
        head: likewise.
        shade: (scale, shift, factor of derivatives, has Sobel, magnitude, Laplacian), see
            `Scaling`.
    """

    weights: np.ndarray
    maps: np.ndarray
    steps: np.ndarray
    scratch: int
    features: int
    answers: int
    head: tuple[int, int, int, int]
    shade: tuple[np.float32, np.float32, np.float32, bool, bool, bool]


@dataclass
class Plan:
    """The arena (all maps and scratch space in one array of floats), and the steps through it.

    Every map has a border of one pixel on all sides, which never changes: 0, as "same" padding
    wants it, or minus infinity around the maps that are pooled.

    Attributes:
        maps: int64 (maps, 4), see ORIGIN, ROW, PIXEL, SIDE.
        steps: int64 (steps, 8), see KIND to RECTIFIED.
        pooled: the maps with a border of minus infinity.
        floats: size of the arena.
        scratch: where in it a step keeps what lies between its two halves.
        features: where the last maps of BATCH windows are gathered.
        answers: where their logits go.
        pixels: the most pixels a step makes.
        head: (weights, bias, inputs, outputs) of the linear layer that ends the net.
        reach: how far the inputs' channels look: 1 pixel where derivatives are among them.
    """

    maps: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.int64))
    steps: np.ndarray = field(default_factory=lambda: np.zeros((0, 8), np.int64))
    pooled: list[int] = field(default_factory=list)
    floats: int = 0
    scratch: int = 0
    features: int = 0
    answers: int = 0
    pixels: int = 0
    head: tuple[int, int, int, int] = (0, 0, 0, 0)
    reach: int = 0

    def reserve(self, floats: int) -> int:
        """Take room at the end of the arena, whole lines of the cache; return where."""
        first = self.floats
        self.floats += -(-floats // 16) * 16
        return first

    def add_map(self, side: int, channels: int) -> int:
        """Add a map with its border; return its index."""
        row = (side + 2) * channels
        first = self.reserve((side + 2) * row)
        self.maps = np.vstack((self.maps, [first + row + channels, row, channels, side]))
        self.pixels = max(self.pixels, side * side)
        return len(self.maps) - 1

    def add_step(self, kind: int, source: int, target: int, **columns: int) -> None:
        """Append a step; columns by their names in small letters."""
        row = {"kind": kind, "source": source, "target": target} | columns
        names = ("kind", "source", "target", "main", "kernels", "weights", "bias", "rectified")
        self.steps = np.vstack((self.steps, [row.get(name, 0) for name in names]))

    def intervals(self, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
        """Follow intervals of the picture's rows (or columns) through all maps.

        Args:
            starts: int64 (n,), first row of each.
            stops: int64 (n,), one past the last.

        Returns:
            int64 (maps, n, 2): the rows of each map that can change, [first, one past the last).
        """
        table = np.zeros((len(self.maps), len(starts), 2), np.int64)
        table[PICTURE, :, 0], table[PICTURE, :, 1] = starts, stops
        for step in self.steps:
            source = step[MAIN] if step[KIND] == JOIN else step[SOURCE]
            first, stop = table[source].T
            if step[KIND] == MAKE_CHANNELS:
                first, stop = first - self.reach, stop + self.reach
            elif step[KIND] == CONVOLVE:  # output i sees inputs i to i + 2
                first = first - 2
            elif step[KIND] in (SEPARABLE, SAME):  # i - 1 to i + 1
                first, stop = first - 1, stop + 1
            elif step[KIND] == POOL:  # 2 i and 2 i + 1
                first, stop = first // 2, (stop - 1) // 2 + 1
            else:  # 2 i - before to 2 i - before + 2, see `SameMaxPool2d`
                before = self.maps[source, SIDE] % 2
                first, stop = (first + before - 1) // 2, (stop - 1 + before) // 2 + 1
            # cut off at the border: "same" padding is the map's frame, which never changes
            side = self.maps[step[TARGET], SIDE]
            table[step[TARGET]] = np.clip(np.stack((first, stop), -1), 0, side)
        return table


def make_program(net: FaceNet, plan: Plan, weights: np.ndarray) -> Program:
    """Gather what the compiled loops need."""
    scale, shift = np.float32(net.scaling.scale[0]), np.float32(net.scaling.shift[0])
    derivatives = np.float32(net.scaling.derivatives)
    sobel, magnitude, laplacian = (kind in net.inputs for kind in DERIVATIVES)
    shade = (scale, shift, derivatives, sobel, magnitude, laplacian)
    places = (plan.scratch, plan.features, plan.answers)
    return Program(weights, plan.maps, plan.steps, *places, plan.head, shade)


def map_sides(structure: Structure) -> list[int]:
    """Return the side of the picture, after each convolution of the stem, after each module."""
    sides = [structure.side]
    sides += [sides[0] - 2 * i for i in range(1, len(structure.stem) + 1)]
    for _ in structure.modules:
        sides.append((sides[-1] + 1) // 2)
    return sides


def make_plan(structure: Structure, places: list[Places]) -> Plan:
    """Lay out the arena and list the steps of a forward pass.

    Args:
        structure: of the net.
        places: of the weights, from `weights.pack`.
    """
    inputs = structure.net.inputs
    plan, place, sides = Plan(reach=int(inputs != "gray")), iter(places), iter(map_sides(structure))
    side = next(sides)
    plan.add_map(side, 1)
    last = plan.add_map(side, channel_count(inputs))
    plan.add_step(MAKE_CHANNELS, PICTURE, last)
    for conv, _ in structure.stem:
        weights, bias = next(place)
        target = plan.add_map(next(sides), padded(conv.out_channels))
        plan.add_step(CONVOLVE, last, target, weights=weights, bias=bias, rectified=1)
        last = target
    scratch = 0
    for module in structure.modules:
        last, floats = _add_module(plan, module, last, next(sides), place)
        scratch = max(scratch, floats)
    weights, bias = next(place)
    side, channels = int(plan.maps[last, SIDE]), int(plan.maps[last, PIXEL])
    plan.head = (weights, bias, side * side * channels, padded(structure.head.out_channels))
    plan.pixels = max(plan.pixels, BATCH)
    plan.scratch = plan.reserve(scratch)
    plan.features = plan.reserve(BATCH * plan.head[2])
    plan.answers = plan.reserve(BATCH * plan.head[3])
    return plan


def _add_module(
    plan: Plan, module: Any, source: int, side: int, place: Iterator[Places]
) -> tuple[int, int]:
    """Add a residual module's maps and steps; return its map, and the scratch space it needs."""
    before = int(plan.maps[source, SIDE])
    channels = padded(module.residual[0].out_channels)
    middle, main = plan.add_map(before, channels), plan.add_map(before, channels)
    target = plan.add_map(side, channels)
    for start, end, rectified in ((source, middle, 1), (middle, main, 0)):
        kernels, weights, bias = next(place)
        plan.add_step(
            SEPARABLE, start, end, kernels=kernels, weights=weights, bias=bias, rectified=rectified
        )
    weights, bias = next(place)
    plan.add_step(
        JOIN, source, target, main=main, weights=weights, bias=bias, rectified=module.rectified
    )
    plan.pooled.append(main)
    return target, before * before * max(channels, int(plan.maps[source, PIXEL]))
