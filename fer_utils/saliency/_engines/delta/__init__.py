"""Engine `delta`: only the difference that a window makes travels through the net.

Covering a few pixels changes a net's maps in a box only, which grows by the reach of every
convolution until it fills the (shrinking) map. A convolution, a batch norm, a sum or an average
is linear, so it maps the difference "covered - clean" to that of its outputs, and outside the
box that difference is zero: no values of the clean picture are needed around it. They are needed
at a ReLU and a max pooling only, where they are read from the clean maps, computed once. As soon
as the box (almost) fills its map, the rest of the net runs on whole maps as usual. The numbers
are those of the plain net, up to rounding; nothing is approximated.

Boxes of one size are one batch, on a GPU too. There the launches of a whole map are recorded
(`_engines.gpu`) the second time the same windows are asked for, with any picture. This has not
been timed on a GPU yet: `python -m fer_utils bench occlusion --device cuda` does.

What comes before a FaceNet's trunk (grey, resize, derivatives, scaling) is computed on whole
pictures; how far a window reaches through it is measured, on noise.

Prior art: Nakandala, Kumar and Papakonstantinou, "Incremental and approximate inference for
faster occlusion-based deep CNN explanations" (SIGMOD 2019), who re-compute values in boxes with
a rim of clean ones; US patent 12,346,812 (see `saliency.occlusion`).
"""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, fx, nn

from fer_utils.models.answers import device_of
from fer_utils.saliency._engines import TOLERANCE, Progress, Unsupported, gpu, report
from fer_utils.saliency._engines.batched import BatchedNet
from fer_utils.saliency._engines.delta.boxes import Boxes
from fer_utils.saliency._engines.delta.maps import Recorder
from fer_utils.saliency._engines.delta.network import Network
from fer_utils.saliency._engines.delta.route import LIVE, Group, Route
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
            not in float32 on the CPU or one GPU; the message says which.
    """
    tensors, device = [*net.parameters(), *net.buffers()], device_of(net)
    if device.type not in ("cpu", "cuda") or any(t.device != device for t in tensors):
        raise Unsupported("the net is not on the CPU, nor on one CUDA GPU")
    if any(t.is_floating_point() and t.dtype != torch.float32 for t in tensors):
        raise Unsupported("the net does not compute in float32")
    made = kept(net)
    if made is None:
        raise Unsupported("hooks are attached to the net, or it may change unseen in another way")
    sample = torch.full((1, *shape), 0.5, dtype=torch.float32, device=device)
    copied = folded_copy(net, sample, made)
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

    by_copy = True

    def __init__(self, net: nn.Module, shape: tuple[int, int, int]):
        self.net = Network(net, shape)
        # a GPU takes other kernels for boxes than for the check's few pictures
        self.tolerance = BatchedNet.tolerance if gpu.records(self.net.device) else TOLERANCE
        self._route: tuple[Windows, Route] | None = None
        self._clean: tuple[Tensor, Route, Recorder, Tensor] | None = None
        # The last windows, the launches recorded for them (False: they cannot be), and their route,
        # of whose tensors these launches read.
        self._recorded: tuple[
            tuple[Group, ...], gpu.Recorded | Literal[False] | None, Route | None
        ] = ((), False, None)

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
        with torch.inference_mode(), gpu.full_precision(self.net.device):
            route = self._route_for(windows)
            threads = 1 if gpu.records(self.net.device) else torch.get_num_threads()
            groups = route.groups(wanted, threads)
            start = self.net.before(problem.picture)

            def changed(numbers: Tensor) -> Tensor:
                return self.net.before(problem.covered(numbers)) - start

            if self._comes_again(groups, route, problem.picture):
                every = changed(torch.cat([group.windows for group in groups]))
                scores = self._replay(partial(self._whole, route, groups), start, every)
                report(progress, len(wanted), len(wanted))
                return scores[:1], scores[1:]
            recorder, clean = self._clean_for(problem.picture, route)
            kept = self._rows(route, len(wanted))

            def compute(group: Group) -> int:
                with torch.inference_mode():  # holds for a thread
                    self._compute(route, group, recorder, changed(group.windows), kept)
                return len(group.answers)

            reported = 0

            def told(done: int) -> None:
                nonlocal reported
                if done - reported >= len(wanted) / REPORTS or done == len(wanted) > reported:
                    reported = done
                    report(progress, done, len(wanted))

            workers = [compute] * max(1, min(threads, len(groups)))
            with torch_threads(max(1, torch.get_num_threads() // len(workers))):
                share_out(groups, workers, told)
            return clean, self._finish(route, kept)

    def _comes_again(self, groups: tuple[Group, ...], route: Route, picture: Tensor) -> bool:
        """Return whether these windows come again on a GPU, where that gets recorded."""
        if not gpu.records(self.net.device):
            return False
        if self._recorded[0] is not groups:
            # what enters the net for all windows will be in memory at once
            each = (picture.numel() + prod(self.net.shapes[self.net.entry])) * picture.itemsize
            room = gpu.fitting(gpu.free_memory(self.net.device), LIVE * each)
            fits = 0 < sum(len(group.windows) for group in groups) <= room
            self._recorded = (groups, None if fits else False, route)
            return False
        return self._recorded[1] is not False

    def _replay(self, work: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """Return `work(*inputs)` for the groups that come again."""
        groups, recorded, route = self._recorded
        if recorded is None:
            recorded = gpu.record(work, *inputs)
            self._recorded = (groups, recorded, route)
        return recorded.replay(*inputs) if recorded else work(*inputs)

    def _whole(
        self, route: Route, groups: tuple[Group, ...], start: Tensor, changed: Tensor
    ) -> Tensor:
        """Return the scores (1 + positions, K), clean ones first.

        Args:
            route: of the windows.
            groups: of them.
            start: what enters the net for the clean picture, (1, C, H, W).
            changed: the difference that each window makes to it, (positions, C, H, W), by groups.
        """
        recorder = self._recorder(route)
        clean = recorder.run(start.clone())  # a net may write into what it is given
        kept = self._rows(route, len(changed))
        changes = changed.split([len(group.windows) for group in groups])
        for group, own in zip(groups, changes, strict=True):
            self._compute(route, group, recorder, own, kept)
        return torch.cat((clean, self._finish(route, kept)))

    def _rows(self, route: Route, count: int) -> dict[fx.Node, Tensor]:
        """Return room for the rows of so many windows."""
        shapes, device = self.net.shapes, self.net.device
        return {node: torch.empty(count, *shapes[node], device=device) for node in route.kept}

    def _compute(
        self,
        route: Route,
        group: Group,
        recorder: Recorder,
        changed: Tensor,
        kept: dict[fx.Node, Tensor],
    ) -> None:
        """Compute the rows of a group's windows and put them in their places in `kept`.

        Args:
            route: of all windows.
            group: of them.
            recorder: what the net makes of the clean picture.
            changed: what the windows change of the net's input.
            kept: rows of all windows.
        """
        made: dict[fx.Node, list[Tensor]] = {node: [] for node in route.borders}
        sizes = [len(part.answers) for part in group.parts]
        for part, own in zip(group.parts, changed.split(sizes), strict=True):
            boxes = Boxes(route, part, recorder)
            boxes.enter(own)
            boxes.run()
            for node in route.borders:
                made[node].append(boxes.whole(node))
        values: dict[fx.Node, Any] = {
            node: torch.cat(maps) if len(maps) > 1 else maps[0] for node, maps in made.items()
        }
        self._run(route.dense, values)
        for node in route.kept:
            kept[node][group.answers] = values[node]

    def _finish(self, route: Route, kept: dict[fx.Node, Tensor]) -> Tensor:
        """Run what is left of the net, from rows to rows, for many windows at a time."""
        parts = []
        for rows in zip(*(kept[node].split(HEAD) for node in route.kept), strict=True):
            values: dict[fx.Node, Any] = dict(zip(route.kept, rows, strict=True))
            self._run(route.head, values)
            parts.append(values[self.net.last])
        if not parts:
            return torch.empty(0, *self.net.shapes[self.net.last], device=self.net.device)
        return torch.cat(parts)

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
            recorder = self._recorder(route)
            clean = recorder.run(self.net.before(picture.clone()))
            kept = self._clean = (picture.clone(), route, recorder, clean)
        return kept[2:]

    def _recorder(self, route: Route) -> Recorder:
        return Recorder(self.net.traced, route.geometry.ops, self.net.entry, route.edges)
