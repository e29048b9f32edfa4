"""What the net makes of the clean picture, kept where a box can be read out of any place."""

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, fx

from fer_utils.saliency._engines.delta.geometry import Box
from fer_utils.saliency._engines.delta.ops import OUTSIDE, Op


class Map:
    """A map (1, C, H, W) of the clean picture, with a margin around it.

    Args:
        value: the map.
        margin: pixels to add on every side.
        outside: what stands there.
    """

    def __init__(self, value: Tensor, margin: int, outside: float):
        padded = F.pad(value, (margin,) * 4, value=outside)
        self.pixels = padded[0].permute(1, 2, 0).contiguous()
        self.margin = margin

    @property
    def whole(self) -> Tensor:
        """The map without its margin, (1, C, H, W)."""
        height, width = (side - 2 * self.margin for side in self.pixels.shape[:2])
        inside = self.pixels.narrow(0, self.margin, height).narrow(1, self.margin, width)
        return inside.permute(2, 0, 1)[None]

    def read(self, box: Box) -> Tensor:
        """Return the map inside the boxes, (rows, columns, height, width, C); not to be changed."""
        tops, lefts = box.tops + self.margin, box.lefts + self.margin
        down, right = _step(tops), _step(lefts)
        if down is not None and right is not None:
            # Boxes of a family lie equally spaced, so "box i, pixel y" is one more stride: a view
            # with two dimensions per axis, in which overlapping boxes share pixels. No copy.
            row, pixel, channel = self.pixels.stride()
            return self.pixels.as_strided(
                (*box.counts, box.height, box.width, self.pixels.shape[2]),
                (down * row, right * pixel, row, pixel, channel),
                int(tops[0]) * row + int(lefts[0]) * pixel,
            )
        rows, columns = box.spans(self.pixels.device)
        return self.pixels[rows + self.margin, columns + self.margin]


def _step(starts: np.ndarray) -> int | None:
    steps = np.diff(starts)
    if len(steps) and (steps[0] < 0 or (steps != steps[0]).any()):
        return None
    return int(steps[0]) if len(steps) else 0


class Recorder(fx.Interpreter):
    """Runs the graph on the clean picture and keeps the maps that boxes are read from.

    Args:
        traced: the graph.
        ops: the nodes that are computed in boxes, in order.
        entry: the node that stands for the net's input.
        edges: the margin of each kept map, and what stands in it.
    """

    def __init__(
        self,
        traced: fx.GraphModule,
        ops: dict[fx.Node, Op],
        entry: fx.Node,
        edges: dict[fx.Node, tuple[int, float]],
    ):
        super().__init__(traced)
        self.ops, self.entry, self.edges = ops, entry, edges
        self.maps: dict[fx.Node, Map] = {}
        self.factors: dict[fx.Node, Map] = {}

    def run_node(self, node: fx.Node) -> object:
        """Run a node, and copy its value at once: a later node may overwrite it."""
        value = super().run_node(node)
        if node is self.entry or node in self.ops:
            self.maps[node] = Map(value, *self.edges[node])
            op = self.ops.get(node)
            if op is not None and op.weights is not None:
                source = self.env[op.sources[0]]
                self.factors[node] = Map(op.weights(source), self.edges[node][0], 0.0)
        return value


def outsides(entry: fx.Node, ops: dict[fx.Node, Op]) -> dict[fx.Node, float]:
    """Return what counts as standing outside each map."""
    values = {entry: OUTSIDE}
    for node, op in ops.items():
        source = values[op.sources[0]]
        if op.linear:
            values[node] = OUTSIDE
        elif op.spatial:
            values[node] = source
        else:
            values[node] = op.apply(torch.full((1, 1, 1, 1), source)).item()
    return values


def insides(
    nodes: Iterable[fx.Node], sizes: dict, margin: dict, device: torch.device
) -> dict[fx.Node, Map]:
    """Return for each map one of ones, with zeros around it."""
    ones = {node: torch.ones(1, 1, *sizes[node], device=device) for node in nodes}
    return {node: Map(one, margin[node], 0.0) for node, one in ones.items()}
