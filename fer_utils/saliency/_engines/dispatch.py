"""Which engine computes a map, and the check that it did so correctly."""

import warnings
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils._arguments import integer, shown
from fer_utils.errors import FerError
from fer_utils.models.answers import call, check_net, evaluating
from fer_utils.saliency._engines import (
    TOLERANCE,
    PreparedNet,
    Progress,
    Unsupported,
    batched,
    delta,
    fused,
    gpu,
)
from fer_utils.saliency._engines.kept import forget
from fer_utils.saliency.windows import OcclusionProblem

ENGINES = ("auto", "batched", "delta", "fused")

# Windows computed again by the plain net at every call; and the least difference in its scores that
# is taken for rounding, as a multiple of their last digit.
CHECKED = 3
ROUNDING = 64


def run(
    net: nn.Module,
    problem: OcclusionProblem,
    engine: str = "auto",
    positions: np.ndarray | None = None,
    progress: Progress | None = None,
    chunk: int | None = None,
) -> tuple[str, Tensor, Tensor]:
    """Compute a net's outputs for a picture and for occluded copies of it.

    Args:
        net: module from pictures (N, C, H, W) to outputs (N, ...).
        problem: one picture (1, C, H, W), what covers it, and where.
        engine: an entry of `ENGINES`; "auto" takes the fastest that suits the net.
        positions: which windows to compute (flat indices), in this order; None means all.
        progress: see `_engines.Progress`.
        chunk: pictures per forward pass of `batched`; None chooses.

    Returns:
        the engine that did it, clean outputs (1, ...) and occluded outputs (positions, ...).

    Raises:
        FerError: an unknown engine, or one that does not suit the net; a net that does not give
            one row of outputs per picture.
        Cancelled: progress returned False.
    """
    check_net(net)
    if not isinstance(engine, str) or engine not in ENGINES:
        raise FerError(f"engine={shown(engine)} is not known: use {', '.join(ENGINES)}.")
    if progress is not None and not callable(progress):
        raise FerError(f"progress={shown(progress)}: give a function of (windows done, in all).")
    chunk = None if chunk is None else integer("chunk", chunk, 1)
    every = np.arange(len(problem.windows))
    positions = every if positions is None else np.asarray(positions, np.int64)
    name, prepared = _prepare(net, problem, engine, len(positions), chunk)
    check = Check(net, problem, positions)
    # `fused` leaves this thread idle for long enough to ask the net, and knows all of its layers
    beside = (partial(check.ask, channels_last=True),) if name == "fused" else ()
    clean, covered = prepared.outputs(problem, positions, progress, *beside)
    wrong = check.disagreement(clean, covered, prepared.tolerance)
    if wrong is None:
        return name, clean, covered
    if name != "batched":
        warnings.warn(
            f"engine {name!r} disagrees with the plain net by {wrong:.1e} of the map's largest "
            "change; the map was computed again by engine 'batched'.",
            stacklevel=3,
        )
    if prepared.by_copy:
        # what was made of the net is not the net as it is now: the net itself is asked
        forget(net)
        plain = batched.prepare(net, chunk=chunk, by_copy=False)
        clean, covered = plain.outputs(problem, positions, progress)
        wrong = Check(net, problem, positions).disagreement(clean, covered, plain.tolerance)
    if wrong is not None:
        warnings.warn(
            "the net's answer to a picture is not always the same: asked again, in another batch, "
            f"it differs by {wrong:.1e} of the map's largest change. It depends on the other "
            "pictures of a batch, or on chance, and the map with it.",
            stacklevel=3,
        )
    return "batched", clean, covered


def _prepare(
    net: nn.Module, problem: OcclusionProblem, engine: str, wanted: int, chunk: int | None
) -> tuple[str, PreparedNet]:
    """Return the name of the engine to use, and the net made ready for it."""
    _, channels, height, width = problem.picture.shape
    shape = (channels, height, width)
    for name, module in (("fused", fused), ("delta", delta)):
        if engine not in ("auto", name) or not wanted:
            continue
        # on a GPU `delta` has not been timed yet, so there it must be asked for
        if engine == "auto" and problem.picture.device.type != "cpu":
            continue
        try:
            prepared = module.prepare(net, shape)
        except Unsupported as reason:
            if engine == name:
                raise FerError(f"engine={name!r} does not suit this net: {reason}.") from reason
            continue
        # boxes of large windows in small maps can cost more than the whole maps do
        if engine == name or prepared.is_cheaper(problem.windows, wanted):
            return name, prepared
    return "batched", batched.prepare(net, chunk=chunk)


class Check:
    """A map beside what the net itself says of the picture and of a few of its windows.

    Args:
        net: the user's; never a copy, which may be out of date.
        problem: one picture (1, C, H, W), what covers it, and where.
        positions: the windows of the map (flat indices). Which of them are asked for is random,
            the same for the same `problem.windows`.
    """

    def __init__(self, net: nn.Module, problem: OcclusionProblem, positions: np.ndarray):
        windows = problem.windows
        seed = torch.Generator().manual_seed(hash((windows.size, windows.window, windows.stride)))
        self.chosen = torch.randperm(len(positions), generator=seed)[:CHECKED]
        places = torch.from_numpy(positions[self.chosen.numpy()]).to(problem.picture.device)
        self.net, self.problem, self.places = net, problem, places
        self._answer: tuple[object, int] | None = None

    def ask(self, channels_last: bool = False) -> tuple[object, int]:
        """Ask the net, in this thread; return its answer, and to how many pictures.

        With their channels last in memory, the layers of some nets take half the time or less.
        """
        asked = torch.cat((self.problem.picture, self.problem.covered(self.places)))
        order = torch.channels_last if channels_last else torch.contiguous_format
        with evaluating(self.net), torch.no_grad(), gpu.full_precision(asked.device):
            try:
                answer = call(self.net, asked.to(memory_format=order))
            except FerError:  # one of its functions was replaced by one that `view`s its maps
                if not channels_last:
                    raise
                answer = call(self.net, asked)
        self._answer = answer, len(asked)
        return self._answer

    def disagreement(
        self, clean: Tensor, covered: Tensor, tolerance: float = TOLERANCE
    ) -> float | None:
        """Compare; ask first, if that has not been done.

        Returns:
            the largest difference, as a share of the largest change on the map (or the largest
            score, so that a flat map does not fail on rounding); None where it is rounding.
        """
        expected = batched.check_rows(*(self._answer or self.ask()), clean)
        computed = torch.cat((clean, covered[self.chosen.to(covered.device)]))
        if not expected.is_floating_point() or not computed.isfinite().all():
            return None  # nothing to compare; who asks for scores refuses such
        if not expected.isfinite().all():
            return float("inf")
        scale = torch.cat(((covered - clean).abs().flatten(), clean.abs().flatten())).max()
        least = torch.finfo(scale.dtype).tiny
        difference = (computed - expected).abs().max() / scale.clamp(min=least)
        # of half precision a difference is rounding where it would be none of single
        tolerance = max(tolerance, ROUNDING * torch.finfo(clean.dtype).eps)
        return None if difference <= tolerance else difference.item()
