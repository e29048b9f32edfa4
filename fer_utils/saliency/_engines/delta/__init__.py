"""Engine `delta`: only the difference that a window makes travels through the net.

Covering a few pixels changes a net's maps in a box only, which grows by the reach of every
convolution until it fills the (shrinking) map. A convolution, a batch norm, a sum or an average
is linear, so it maps the difference "covered - clean" to that of its outputs, and outside the
box that difference is zero: no values of the clean picture are needed around it. They are needed
at a ReLU and a max pooling only, where they are read from the clean maps, computed once. As soon
as the box (almost) fills its map, the rest of the net runs on whole maps as usual. The numbers
are those of the plain net, up to rounding; nothing is approximated.

What comes before a FaceNet's trunk (grey, resize, derivatives, scaling) is computed on whole
pictures; how far a window reaches through it is measured, on noise.

Prior art: Nakandala, Kumar and Papakonstantinou, "Incremental and approximate inference for
faster occlusion-based deep CNN explanations" (SIGMOD 2019), who re-compute values in boxes with
a rim of clean ones; US patent 12,346,812 (see `saliency.occlusion`).
"""

from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from fer_utils.saliency._engines import TOLERANCE, Progress, Unsupported, report
from fer_utils.saliency._engines.delta.boxes import Boxes
from fer_utils.saliency._engines.delta.geometry import Part
from fer_utils.saliency._engines.delta.maps import Recorder
from fer_utils.saliency._engines.delta.network import Network
from fer_utils.saliency._engines.delta.route import Route
from fer_utils.saliency._engines.fold import folded_copy
from fer_utils.saliency._engines.kept import kept
from fer_utils.saliency._engines.threads import share_out, torch_threads
from fer_utils.saliency.windows import OcclusionProblem, Windows

__all__ = ["DeltaNet", "prepare"]

# Reports of progress in a map, at most; windows for which the last layers run at a time.
REPORTS = 40
HEAD = 512

# For `is_cheaper`: what calling an operation on boxes costs, in multiplications; and the share of
# the work of whole pictures that must be left at most.
CALL = 5e6
WORTH = 0.8


def prepare(net: nn.Module, shape: tuple[int, int, int]) -> "DeltaNet":
    """Return a net ready for occlusion; the same again while the net has not changed.

    Args:
        net: used as in evaluation mode, and not changed.
        shape: of a picture, (C, H, W).

    Raises:
        Unsupported: the net cannot be traced, is no net from pictures to rows of scores, or is
            not on the CPU in float32; the message says which.
    """
    tensors = [*net.parameters(), *net.buffers()]
    if any(t.device.type != "cpu" for t in tensors):
        raise Unsupported("the net is not on the CPU")
    if any(t.is_floating_point() and t.dtype != torch.float32 for t in tensors):
        raise Unsupported("the net does not compute in float32")
    made = kept(net)
    if made is None:
        raise Unsupported("hooks are attached to the net, or it may change unseen in another way")
    copied = folded_copy(net, torch.full((1, *shape), 0.5, dtype=torch.float32), made)
    if copied is None:
        raise Unsupported("the net cannot be copied")
    name = ("delta", shape)
    if name not in made:
        try:
            made[name] = DeltaNet(copied, shape)
        except Unsupported as reason:  # worth keeping too: tracing takes its time
            made[name] = reason
    if isinstance(made[name], Unsupported):
        raise made[name]
    return made[name]


class DeltaNet:
    """A net made ready; keeps the route of the last windows and the maps of the last picture."""

    by_copy, tolerance = True, TOLERANCE

    def __init__(self, net: nn.Module, shape: tuple[int, int, int]):
        self.net = Network(net, shape)
        self._route: tuple[Windows, Route] | None = None
        self._clean: tuple[Tensor, Route, Recorder, Tensor] | None = None

    def is_cheaper(self, windows: Windows, wanted: int) -> bool:
        """Estimate whether so many windows take less time here than in whole pictures."""
        whole = sum(self.net.costs.values()) * wanted * WORTH
        calls = len(self.net.ops) * CALL
        if whole < calls:  # not even for one part
            return False
        boxes = self._route_for(windows).geometry
        left = 0.0
        for node, cost in self.net.costs.items():
            share = boxes.share(node) if node in boxes.ops else 1.0
            left += wanted * cost * share * self.net.shares.get(node, 1.0)
        parts = prod(min(len(families), wanted) for families in boxes.families)
        return left + parts * calls < whole

    def outputs(
        self,
        problem: OcclusionProblem,
        positions: np.ndarray | None = None,
        progress: Progress | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return clean scores (1, K) and occluded scores (positions, K); see `PreparedNet`."""
        windows = problem.windows
        wanted = np.arange(len(windows)) if positions is None else positions
        report(progress, 0, len(wanted))
        with torch.inference_mode():
            route = self._route_for(windows)
            recorder, clean = self._clean_for(problem.picture, route)
            start = self.net.before(problem.picture)
            kept = {node: torch.empty(len(wanted), *self.net.shapes[node]) for node in route.kept}

            def compute(part: Part) -> int:
                with torch.inference_mode():  # holds for a thread
                    return self._compute(part, problem, route, recorder, start, kept)

            reported = 0

            def told(done: int) -> None:
                nonlocal reported
                if done - reported >= len(wanted) / REPORTS or done == len(wanted) > reported:
                    reported = done
                    report(progress, done, len(wanted))

            threads = torch.get_num_threads()
            parts = route.parts(wanted, threads)
            workers = [compute] * max(1, min(threads, len(parts)))
            with torch_threads(max(1, threads // len(workers))):
                share_out(parts, workers, told)
            return clean, self._finish(route, kept)

    def _compute(
        self,
        part: Part,
        problem: OcclusionProblem,
        route: Route,
        recorder: Recorder,
        start: Tensor,
        kept: dict[fx.Node, Tensor],
    ) -> int:
        """Compute the rows of a part's windows, put them in their place; return how many."""
        flat = np.ravel_multi_index(part.windows, problem.windows.counts)
        pictures = problem.covered(torch.from_numpy(flat))
        boxes = Boxes(route, part, recorder)
        boxes.enter(self.net.before(pictures) - start)
        boxes.run()
        values: dict[fx.Node, Any] = {node: boxes.whole(node) for node in route.borders}
        self._run(route.dense, values)
        for node in route.kept:
            kept[node][torch.from_numpy(part.answers)] = values[node]
        return len(flat)

    def _finish(self, route: Route, kept: dict[fx.Node, Tensor]) -> Tensor:
        """Run what is left of the net, from rows to rows, for many windows at a time."""
        parts = []
        for rows in zip(*(kept[node].split(HEAD) for node in route.kept), strict=True):
            values: dict[fx.Node, Any] = dict(zip(route.kept, rows, strict=True))
            self._run(route.head, values)
            parts.append(values[self.net.last])
        return torch.cat(parts) if parts else torch.empty(0, *self.net.shapes[self.net.last])

    def _run(self, nodes: list[fx.Node], values: dict[fx.Node, Any]) -> None:
        """Run nodes on whole maps, as torch.fx would."""
        runner = fx.Interpreter(self.net.traced)
        for node in nodes:
            args, kwargs = fx.node.map_arg((node.args, node.kwargs), values.__getitem__)
            values[node] = getattr(runner, node.op)(node.target, args, kwargs)

    def _route_for(self, windows: Windows) -> Route:
        if self._route is None or self._route[0] != windows:
            with torch.inference_mode():
                self._route = (windows, Route(self.net, windows))
        return self._route[1]

    def _clean_for(self, picture: Tensor, route: Route) -> tuple[Recorder, Tensor]:
        kept = self._clean
        if kept is None or kept[1] is not route or not torch.equal(kept[0], picture):
            boxes = route.geometry
            recorder = Recorder(self.net.traced, boxes.ops, self.net.entry, boxes.margin)
            clean = recorder.run(self.net.before(picture.clone()))
            kept = self._clean = (picture.clone(), route, recorder, clean)
        return kept[2:]
