"""The way of all windows through a net: what is computed in boxes, in whole maps, in rows."""

from collections import Counter
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor, fx

from fer_utils.saliency._engines import gpu
from fer_utils.saliency._engines.delta.geometry import Geometry, Part, Reach
from fer_utils.saliency._engines.delta.maps import insides, outsides
from fer_utils.saliency._engines.delta.network import Network
from fer_utils.saliency.windows import OcclusionProblem, Windows

# Numbers in the largest map of one part: 4 MB, what a core's cache holds; 256 MB keep any GPU busy.
LARGEST, LARGEST_ON_GPU = 2**20, 2**26
# Maps as large as the largest that are in a GPU's memory at once, at most: sums have two sources.
LIVE = 8
# Groups for each thread, at least, where there is more than one.
GROUPS = 2


@dataclass(frozen=True, eq=False)
class Group:
    """Parts that go their way in boxes one by one, and from there, in whole maps, together.

    Attributes:
        parts: of the windows.
        windows: the numbers of all their windows, part by part, on the net's device.
        answers: where these stand in the answer, there too.
    """

    parts: tuple[Part, ...]
    windows: Tensor
    answers: Tensor


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
        edges: for each of them, by how many pixels what is read sticks out, and what stands there.
    """

    def __init__(self, net: Network, windows: Windows):
        sizes = net.sizes
        self.geometry = Geometry(net.entry, net.ops, sizes, _reach(net, windows))
        self.windows, self.device = windows, net.device
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
        self.inside = insides(in_boxes, sizes, self.geometry.margin, net.device)
        outside = outsides(net.entry, self.geometry.ops)
        self.edges = {node: (self.geometry.margin[node], outside[node]) for node in in_boxes}
        boxes = [net.shapes[node][0] * self.geometry.largest(node) for node in in_boxes]
        maps = [prod(net.shapes[node]) for node in self.dense if node in net.shapes]
        self.most = windows_per_part(max(boxes + maps), net.device)
        self._groups: tuple[np.ndarray, int, tuple[Group, ...]] = (np.empty(0), 0, ())

    def groups(self, positions: np.ndarray, threads: int) -> tuple[Group, ...]:
        """Return the windows in groups; the very same ones where the same is asked for again.

        Args:
            positions: the windows (flat indices).
            threads: that share the groups out: two or more for each, where there are enough
                windows.
        """
        last, most, groups = self._groups
        limit = self.most
        if threads > 1:
            limit = min(limit, -(-len(positions) // (GROUPS * threads)))
        if most != limit or not np.array_equal(last, positions):
            rows, columns = np.unravel_index(positions, self.windows.counts)
            together: list[list[Part]] = []
            count = limit
            for part in self.geometry.parts(rows, columns, limit):
                count += len(part.answers)
                if count > limit:
                    together.append([])
                    count = len(part.answers)
                together[-1].append(part)
            groups = tuple(map(self._group, together))
            self._groups = (positions.copy(), limit, groups)
        return groups

    def _group(self, parts: list[Part]) -> Group:
        flat = [np.ravel_multi_index(part.windows, self.windows.counts) for part in parts]
        answers = [part.answers for part in parts]
        windows, places = (
            torch.from_numpy(np.concatenate(each)).to(self.device) for each in (flat, answers)
        )
        return Group(tuple(parts), windows, places)


def windows_per_part(largest: int, device: torch.device) -> int:
    """Return how many windows to compute together.

    Args:
        largest: numbers in the largest map, of one window.
        device: where; what memory is free is asked of a GPU.
    """
    if not gpu.records(device):
        return max(1, LARGEST // largest)
    each = largest * torch.float32.itemsize
    return min(max(1, LARGEST_ON_GPU // largest), gpu.fitting(gpu.free_memory(device), LIVE * each))


def _reach(net: Network, windows: Windows) -> tuple[Reach, Reach]:
    """Measure what each window changes of the trunk's input, on noise.

    How a net resizes its pictures is not read from its code. Two pictures of noise differ at every
    pixel, and so does what is computed of them: where a window makes no difference, it has none.
    """
    noise = torch.Generator().manual_seed(0)
    noises = (torch.rand(1, *net.shape, generator=noise) for _ in range(2))
    picture, other = (one.to(net.device) for one in noises)
    problem = OcclusionProblem(picture, other, windows)
    reaches = []
    for axis in (0, 1):
        # rows and columns do not interfere: one column of windows tells the reach of every row
        middle = [count // 2 for count in windows.counts]
        places = [np.full(windows.counts[axis], m) for m in middle]
        places[axis] = np.arange(windows.counts[axis])
        flat = torch.from_numpy(np.ravel_multi_index(places, windows.counts))
        covered = problem.covered(flat.to(net.device))
        # (in one batch, for in two of different sizes the same pixels may be rounded otherwise)
        start, made = net.before(torch.cat((picture, covered))).split((1, len(flat)))
        lines = (made != start).any(1).any(2 - axis).cpu().numpy()
        scale = lines.shape[1] / windows.size[axis]
        nominal = np.floor(np.array(windows.starts(axis)) * scale).astype(np.int64)
        empty = ~lines.any(1)
        first = np.where(empty, nominal, lines.argmax(1))
        last = np.where(empty, nominal + 1, lines.shape[1] - lines[:, ::-1].argmax(1))
        reaches.append(Reach(nominal, first, last))
    return reaches[0], reaches[1]
