"""The way of all windows through a net: what is computed in boxes, in whole maps, in rows."""

from collections import Counter
from math import prod

import numpy as np
import torch
from torch import fx

from fer_utils.saliency._engines.delta.geometry import Geometry, Part, Reach
from fer_utils.saliency._engines.delta.maps import insides
from fer_utils.saliency._engines.delta.network import Network
from fer_utils.saliency.windows import OcclusionProblem, Windows

# Numbers in the largest map of one part: 4 MB, what a core's cache holds.
LARGEST = 2**20

# parts for each thread, at least, where there is more than one
PARTS = 2


class Route:
    """How all windows go through the net: which nodes in boxes, in whole maps, in rows.

    Attributes:
        geometry: the boxes.
        borders: maps in boxes that must be made whole.
        dense: nodes to run on whole maps.
        kept: the rows of scores or features that come out of them.
        head: nodes to run on those, for many windows at once.
        uses: how often each map in boxes is read.
        inside: for each of those maps, ones, with zeros around.
    """

    def __init__(self, net: Network, windows: Windows):
        sizes = net.sizes
        self.geometry = Geometry(net.entry, net.ops, sizes, _reach(net, windows))
        self.windows = windows
        in_boxes = {net.entry, *self.geometry.ops}
        # Walk back from the scores to the maps in boxes: on the way lies what is left to run. What
        # is neither (it leads to nothing, or only to boxes) is never run for a window.
        needed: set[fx.Node] = set()
        waiting = [net.last]
        while waiting:
            node = waiting.pop()
            if node not in needed | in_boxes:
                needed.add(node)
                waiting += node.all_input_nodes
        nodes = [node for node in net.traced.graph.nodes if node in needed]
        read = {source for node in nodes for source in node.all_input_nodes}
        self.borders = [node for node in in_boxes if node in read]
        # From the first row (N, features) on, a window is numbers, not maps: what reads rows only
        # is the head, run once for many windows, while whole maps are run part by part.
        # (a row that whole maps are multiplied with, as squeeze-and-excitation does, is not of it)
        rows, head = set(net.rows), set()
        for node in nodes:
            if node.all_input_nodes and rows.issuperset(node.all_input_nodes):
                rows.add(node)
                head.add(node)
        for node in reversed(nodes):
            if any(user in needed and user not in head for user in node.users):
                head.discard(node)
        self.dense = [node for node in nodes if node not in head]
        self.head = [node for node in nodes if node in head]
        after = {source for node in self.head for source in node.all_input_nodes} | {net.last}
        self.kept = [node for node in self.dense if node in after]
        self.uses = Counter(source for op in self.geometry.ops.values() for source in op.sources)
        self.uses.update(self.borders)
        self.inside = insides(in_boxes, sizes, self.geometry.margin)
        boxes = [net.shapes[node][0] * self.geometry.largest(node) for node in in_boxes]
        maps = [prod(net.shapes[node]) for node in self.dense if node in net.shapes]
        self.most = max(1, LARGEST // max(boxes + maps))
        self._parts: tuple[np.ndarray, int, list[Part]] = (np.empty(0), 0, [])

    def parts(self, positions: np.ndarray, threads: int) -> list[Part]:
        """Return the windows in parts that are computed together.

        Args:
            positions: the windows (flat indices).
            threads: that share the parts out: two or more for each, where there are enough windows.
        """
        last, most, parts = self._parts
        limit = (
            min(self.most, -(-len(positions) // (PARTS * threads))) if threads > 1 else self.most
        )
        if most != limit or not np.array_equal(last, positions):
            rows, columns = np.unravel_index(positions, self.windows.counts)
            parts = list(self.geometry.parts(rows, columns, limit))
            self._parts = (positions.copy(), limit, parts)
        return parts


def _reach(net: Network, windows: Windows) -> tuple[Reach, Reach]:
    """Measure what each window changes of the trunk's input, on noise.

    How a net resizes its pictures is not read from its code. Two pictures of noise differ at every
    pixel, and so does what is computed of them: where a window makes no difference, it has none.
    """
    noise = torch.Generator().manual_seed(0)
    picture, other = (torch.rand(1, *net.shape, generator=noise) for _ in range(2))
    problem = OcclusionProblem(picture, other, windows)
    start = net.before(picture)
    reaches = []
    for axis in (0, 1):
        # rows and columns do not interfere: one column of windows tells the reach of every row
        middle = [count // 2 for count in windows.counts]
        places = [np.full(windows.counts[axis], m) for m in middle]
        places[axis] = np.arange(windows.counts[axis])
        flat = torch.from_numpy(np.ravel_multi_index(places, windows.counts))
        changed = net.before(problem.covered(flat)) != start
        lines = changed.any(1).any(2 - axis).numpy()
        scale = lines.shape[1] / windows.size[axis]
        nominal = np.floor(np.array(windows.starts(axis)) * scale).astype(np.int64)
        empty = ~lines.any(1)
        first = np.where(empty, nominal, lines.argmax(1))
        last = np.where(empty, nominal + 1, lines.shape[1] - lines[:, ::-1].argmax(1))
        reaches.append(Reach(nominal, first, last))
    return reaches[0], reaches[1]
