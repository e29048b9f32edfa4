"""Where the difference can be not zero: the boxes of every window in every map of the net.

Windows are sorted, rows and columns apart, into families whose positions differ by multiples of
the net's total stride: in every map the boxes of a family have one size and lie equally spaced.
Boxes may stick out over the border of a map; what is there counts as zero.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import lcm

import numpy as np
import torch
from torch import Tensor, fx

from fer_utils.saliency._engines.delta.ops import Op

# A box that takes this share of its map is not worth the bookkeeping: go on with whole maps.
FULL = 0.9


@dataclass(frozen=True)
class Box:
    """Equally large boxes at all pairs of some rows and columns of a map.

    Attributes:
        tops: first row of each row of boxes.
        lefts: first column of each column of boxes.
        height: rows of one box.
        width: columns of one box.
    """

    tops: np.ndarray
    lefts: np.ndarray
    height: int
    width: int
    _kept: dict[torch.device | tuple, tuple[Tensor, ...]] = field(default_factory=dict)

    @property
    def counts(self) -> tuple[int, int]:
        """Rows and columns of boxes."""
        return len(self.tops), len(self.lefts)

    def outside(self, size: tuple[int, int]) -> int:
        """Return by how many pixels the boxes stick out of a map, at most."""
        ends = (self.tops.max() + self.height - size[0], self.lefts.max() + self.width - size[1])
        return max(0, -int(self.tops.min()), -int(self.lefts.min()), *map(int, ends))

    # Indices are kept where they are used: what is recorded on a GPU can copy nothing from the CPU.

    def spans(self, device: torch.device) -> tuple[Tensor, ...]:
        """Return the rows (boxes, 1, height, 1) and columns (1, boxes, 1, width) of all boxes."""
        if device not in self._kept:
            rows = torch.from_numpy(self.tops[:, None] + np.arange(self.height))
            columns = torch.from_numpy(self.lefts[:, None] + np.arange(self.width))
            on_it = rows[:, None, :, None].to(device), columns[None, :, None, :].to(device)
            self._kept[device] = on_it
        return self._kept[device]

    def inside(self, size: tuple[int, int], device: torch.device) -> tuple[Tensor, ...]:
        """Return which box (two numbers) and which pixel of a map each pixel of a box is."""
        if (size, device) not in self._kept:
            pairs = zip(self.spans(device), size, strict=True)
            places = [span.clamp(0, side - 1) for span, side in pairs]
            self._kept[size, device] = (*self._numbers(device), *places)
        return self._kept[size, device]

    def within(self, size: tuple[int, int], device: torch.device) -> tuple[Tensor, ...]:
        """Return which box and which of its pixels each pixel of a map is; and whether it is none.

        Indices are four, each (rows or 1, columns or 1, H or 1, W or 1); the fifth tensor is bool
        (rows, columns, H, W).
        """
        if (device, size) not in self._kept:
            rows, columns = self.spans(device)
            down, right = (torch.arange(side, device=device) for side in size)
            down, right = down.view(1, 1, -1, 1) - rows[:, :, :1], right - columns[..., :1]
            beside = (down < 0) | (down >= self.height) | (right < 0) | (right >= self.width)
            places = down.clamp(0, self.height - 1), right.clamp(0, self.width - 1)
            self._kept[device, size] = (*self._numbers(device), *places, beside)
        return self._kept[device, size]

    def _numbers(self, device: torch.device) -> tuple[Tensor, Tensor]:
        down, right = (torch.arange(count, device=device) for count in self.counts)
        return down.view(-1, 1, 1, 1), right.view(1, -1, 1, 1)

    def margins(self, inner: "Box") -> tuple[int, int, int, int]:
        """Return what to add around boxes `inner`: left, right, top, bottom."""
        left, top = int(inner.lefts[0] - self.lefts[0]), int(inner.tops[0] - self.tops[0])
        return left, self.width - inner.width - left, top, self.height - inner.height - top


@dataclass(frozen=True)
class Family:
    """Rows (or columns) of windows whose boxes look alike in every map.

    Attributes:
        members: their numbers among the rows of windows.
        firsts: for every map, the first row of each member's box.
        lengths: for every map, the rows of a box.
    """

    members: np.ndarray
    firsts: dict[fx.Node, np.ndarray]
    lengths: dict[fx.Node, int]


@dataclass(frozen=True)
class Reach:
    """What the windows touch of the map that enters the net, along one axis.

    Attributes:
        nominal: where each window begins, in pixels of that map.
        first: the first row that each window changes.
        last: one past the last.
    """

    nominal: np.ndarray
    first: np.ndarray
    last: np.ndarray

    @property
    def before(self) -> int:
        """How many rows before its nominal place a window's reach begins."""
        return int((self.nominal - self.first).max())

    @property
    def longest(self) -> int:
        """Rows of the longest box."""
        return int((self.last - self.nominal).max()) + self.before


@dataclass(frozen=True)
class Part:
    """Windows that are computed together: all pairs of some rows and columns.

    Attributes:
        families: the family of the rows, and that of the columns.
        chosen: which of their members.
        answers: where each window stands in the answer, row by row.
    """

    families: tuple[Family, Family]
    chosen: tuple[np.ndarray, np.ndarray]
    answers: np.ndarray
    _boxes: dict[fx.Node, Box] = field(default_factory=dict)
    _regions: dict[fx.Node, Box] = field(default_factory=dict)

    def box(self, node: fx.Node) -> Box:
        """Return the boxes of the part's windows in one map."""
        if node not in self._boxes:
            pairs = zip(self.families, self.chosen, strict=True)
            tops, lefts = (family.firsts[node][chosen] for family, chosen in pairs)
            height, width = (family.lengths[node] for family in self.families)
            self._boxes[node] = Box(tops, lefts, height, width)
        return self._boxes[node]

    def region(self, node: fx.Node, op: Op) -> Box:
        """Return the boxes that a map's operation must read."""
        if node not in self._regions:
            self._regions[node] = region(op, self.box(node))
        return self._regions[node]

    @property
    def windows(self) -> tuple[np.ndarray, np.ndarray]:
        """Row and column numbers of the part's windows."""
        pairs = zip(self.families, self.chosen, strict=True)
        rows, columns = (family.members[chosen] for family, chosen in pairs)
        return np.repeat(rows, len(columns)), np.tile(columns, len(rows))


class Geometry:
    """The boxes of all windows in all maps that are worth computing in boxes.

    Args:
        entry: the node that stands for the net's input.
        ops: what can be computed in boxes, in order.
        sizes: height and width of every map.
        reach: of the windows in the input, down and to the right.
    """

    def __init__(
        self,
        entry: fx.Node,
        ops: dict[fx.Node, Op],
        sizes: dict[fx.Node, tuple[int, int]],
        reach: tuple[Reach, Reach],
    ):
        self.entry, self.sizes = entry, sizes
        # Windows a whole number of the total stride apart meet every strided layer in the same
        # phase: their boxes grow alike and lie equally spaced, so that all of a family's boxes of
        # one map are one batch. With a total stride of 8 and windows 2 apart, 4 families an axis.
        self.ops, period = _sparse(entry, ops, sizes, reach)
        self.families = tuple(self._families(reach[axis], period, axis) for axis in (0, 1))

    def _families(self, reach: Reach, period: int, axis: int) -> list[Family]:
        start = reach.nominal - reach.before
        families = []
        for phase in sorted(set(start % period)):
            members = np.flatnonzero(start % period == phase)
            first, last = reach.first[members], reach.last[members]
            # one length for all: the box of whichever member begins earliest and ends latest
            begin = start[members] + (first - start[members]).min()
            firsts, lengths = {self.entry: begin}, {self.entry: int((last - begin).max())}
            for node, op in self.ops.items():
                first = np.min([firsts[source] for source in op.sources], 0)
                ends = [firsts[source] + lengths[source] for source in op.sources]
                length = int((np.max(ends, 0) - first)[0])  # that of any member: all are alike
                firsts[node], count = op.slides[axis].touched(first, length)
                lengths[node] = int(count[0])
            families.append(Family(members, firsts, lengths))
        return families

    def largest(self, node: fx.Node) -> int:
        """Return the pixels of the largest box in a map."""
        height, width = (max(f.lengths[node] for f in families) for families in self.families)
        return height * width

    def share(self, node: fx.Node) -> float:
        """Return the mean size of a box, as a share of its map."""
        share = 1.0
        for axis, families in enumerate(self.families):
            rows = sum(len(family.members) * family.lengths[node] for family in families)
            windows = sum(len(family.members) for family in families)
            share *= rows / windows / self.sizes[node][axis]
        return share

    @cached_property
    def margin(self) -> dict[fx.Node, int]:
        """By how many pixels what is read of a map sticks out of it, at most."""
        margin = dict.fromkeys((self.entry, *self.ops), 0)
        for rows in self.families[0]:
            for columns in self.families[1]:
                every = (np.arange(len(rows.members)), np.arange(len(columns.members)))
                part = Part((rows, columns), every, np.empty(0))
                for node, op in self.ops.items():
                    margin[node] = max(margin[node], part.box(node).outside(self.sizes[node]))
                    for source in op.sources:
                        outside = region(op, part.box(node)).outside(self.sizes[source])
                        margin[source] = max(margin[source], outside)
                own = part.box(self.entry).outside(self.sizes[self.entry])
                margin[self.entry] = max(margin[self.entry], own)
        return margin

    def parts(self, rows: np.ndarray, columns: np.ndarray, most: int) -> Iterator[Part]:
        """Sort windows into parts of at most so many.

        Args:
            rows: row number of each window.
            columns: its column number.
            most: windows in a part.
        """
        place: list[dict[int, tuple[Family, int]]] = [{}, {}]
        for axis, families in enumerate(self.families):
            for family in families:
                for chosen, member in enumerate(family.members):
                    place[axis][int(member)] = (family, chosen)
        # Boxes of a part form a grid (all pairs of some rows and columns). The wanted windows may
        # be any: so gather the columns wanted in each row, then the rows that want the same ones.
        lines: dict[tuple, tuple] = {}  # per pair of families and row: columns, and their places
        for answer, (row, column) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
            (down, i), (right, j) = place[0][row], place[1][column]
            line = lines.setdefault((id(down), id(right), i), (down, right, i, [], []))
            line[3].append(j)
            line[4].append(answer)
        blocks: dict[tuple, tuple] = {}  # rows with the same columns
        for down, right, i, chosen, answers in lines.values():
            block = blocks.setdefault((id(down), id(right), *chosen), (down, right, chosen, [], []))
            block[3].append(i)
            block[4].append(answers)
        for down, right, chosen, several, answers in blocks.values():
            yield from _cut(down, right, several, chosen, np.array(answers), most)


def _cut(
    down: Family, right: Family, rows: list, columns: list, answers: np.ndarray, most: int
) -> Iterator[Part]:
    wide = min(len(columns), most)
    high = max(1, most // wide)
    for top in range(0, len(rows), high):
        for left in range(0, len(columns), wide):
            chosen = (np.array(rows[top : top + high]), np.array(columns[left : left + wide]))
            inside = answers[top : top + high, left : left + wide]
            yield Part((down, right), chosen, inside.reshape(-1))


def region(op: Op, box: Box) -> Box:
    """Return the boxes that an operation must read to give those."""
    down, right = op.slides
    height, width = down.needed(0, box.height)[1], right.needed(0, box.width)[1]
    tops = box.tops * down.stride - down.padding
    return Box(tops, box.lefts * right.stride - right.padding, height, width)


def _sparse(
    entry: fx.Node,
    ops: dict[fx.Node, Op],
    sizes: dict[fx.Node, tuple[int, int]],
    reach: tuple[Reach, Reach],
) -> tuple[dict[fx.Node, Op], int]:
    """Return the operations whose boxes do not fill their maps, and their total stride."""
    sides = {entry: (reach[0].longest, reach[1].longest)}
    strides = {entry: 1}
    kept = {}
    for node, op in ops.items():
        if not all(source in sides for source in op.sources):
            continue
        heights, widths = zip(*(sides[source] for source in op.sources), strict=True)
        down, right = op.slides
        box = (down.longest(max(heights)), right.longest(max(widths)))
        if box[0] * box[1] >= FULL * sizes[node][0] * sizes[node][1]:
            continue
        sides[node], kept[node] = box, op
        step = lcm(*(slide.stride for slide in op.slides))
        strides[node] = step * lcm(*(strides[source] for source in op.sources))
    return kept, lcm(*strides.values())
