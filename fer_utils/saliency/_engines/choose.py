"""Which engine computes a map, and the check that it did so correctly."""

import warnings

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils.errors import FerError
from fer_utils.saliency._engines import Progress, Unsupported, batched, delta, fused
from fer_utils.saliency._engines.fold import fast_copy
from fer_utils.saliency.windows import Windows

ENGINES = ("auto", "batched", "delta", "fused")

# Windows computed again by the plain net at every call, and the difference in its scores that
# is taken for rounding, as a share of the largest change (or score) on the map.
CHECKED = 3
TOLERANCE = 1e-5


def run(
    net: nn.Module,
    picture: Tensor,
    baseline: Tensor,
    windows: Windows,
    engine: str = "auto",
    positions: np.ndarray | Tensor | None = None,
    progress: Progress | None = None,
    chunk: int | None = None,
) -> tuple[str, Tensor, Tensor]:
    """Compute a net's outputs for a picture and for occluded copies of it.

    Args:
        net: module from pictures (N, C, H, W) to outputs (N, ...).
        picture: (1, C, H, W).
        baseline: what an occluded pixel becomes; broadcasts against the picture.
        windows: the positions of the square, over (H, W); it covers all channels.
        engine: an entry of `ENGINES`; "auto" takes the fastest that suits the net.
        positions: which windows to compute (flat indices), in this order; None means all.
        progress: see `engines.Progress`.
        chunk: pictures per forward pass of `batched`, which is then what "auto" means.

    Returns:
        the engine that did it, clean outputs (1, ...) and occluded outputs (positions, ...).

    Raises:
        FerError: an unknown engine, or one that does not suit the net; a net that does not give
            one row of outputs per picture.
        Cancelled: progress returned False.
    """
    if engine not in ENGINES:
        raise FerError(f"engine={engine!r} is not known: use {', '.join(ENGINES)}.")
    positions = batched.numbers(windows, positions)
    if engine == "auto" and chunk is not None:
        engine = "batched"
    name, prepared = _prepare(net, picture, windows, engine, len(positions))
    if prepared is not None:
        clean, covered = prepared.outputs(picture, baseline, windows, positions.numpy(), progress)
        wrong = disagreement(net, picture, baseline, windows, positions, clean, covered)
        if wrong is None:
            return name, clean, covered
        warnings.warn(
            f"engine {name!r} disagrees with the plain net by {wrong:.1e} of the map's largest "
            "change; the map was computed again by engine 'batched'.",
            stacklevel=3,
        )
    clean, covered = batched.outputs(
        net, picture, baseline, windows, positions=positions, chunk=chunk, progress=progress
    )
    return "batched", clean, covered[:, 0]


def _prepare(
    net: nn.Module, picture: Tensor, windows: Windows, engine: str, wanted: int
) -> tuple[str, object | None]:
    """Return the name of the engine to use, and the net made ready for it."""
    if engine == "batched" or not wanted:
        return "batched", None
    shape = tuple(picture.shape[1:])
    for name, module in (("fused", fused), ("delta", delta)):
        if engine not in ("auto", name):
            continue
        try:
            prepared = module.prepare(net, shape)
        except Unsupported as reason:
            if engine == name:
                raise FerError(f"engine={name!r} does not suit this net: {reason}.") from reason
            continue
        if engine == name or name == "fused" or prepared.pays(windows, wanted):
            return name, prepared
    return "batched", None


def disagreement(
    net: nn.Module,
    picture: Tensor,
    baseline: Tensor,
    windows: Windows,
    positions: Tensor,
    clean: Tensor,
    covered: Tensor,
) -> float | None:
    """Compute the clean scores and a few windows' with the plain net, and compare.

    Which windows is random, the same for the same `windows`.

    Returns:
        the largest difference, as a share of the largest change on the map (or the largest
        score, so that a flat map does not fail on rounding); None where it is rounding.
    """
    seed = torch.Generator().manual_seed(hash((windows.size, windows.window, windows.stride)))
    chosen = torch.randperm(len(positions), generator=seed)[:CHECKED]
    pictures = batched.covered_pictures(picture, baseline, windows, positions[chosen])
    with fast_copy(net, picture) as plain, torch.inference_mode():
        expected = plain(torch.cat((picture, pictures)))
    if not expected.isfinite().all():  # nothing to compare; the caller refuses such scores
        return None
    found = torch.cat((clean, covered[chosen]))
    scale = torch.cat(((covered - clean).abs().flatten(), clean.abs().flatten())).max()
    difference = (found - expected).abs().max() / scale.clamp(min=torch.finfo(scale.dtype).tiny)
    return None if difference <= TOLERANCE else difference.item()
