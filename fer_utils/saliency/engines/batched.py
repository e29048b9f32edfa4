"""Engine `batched`: many occluded pictures per forward pass, through a folded copy of the net."""

import torch
from torch import Tensor, nn

from fer_utils.errors import FerError
from fer_utils.saliency.engines import Progress, report
from fer_utils.saliency.engines.fold import fast_copy
from fer_utils.saliency.windows import Windows

# Pixels (at the net's own input size) per forward pass. Measured with mini-Xception at 48x48
# on two cores: 32 to 111 pictures per pass take the same time, fewer or more take longer.
PIXELS_PER_PASS = 2**17
FEWEST, MOST = 8, 128


def chunk_size(net: nn.Module, picture: Tensor) -> int:
    """Return how many pictures (..., H, W) to send through the net in one pass."""
    side = getattr(net, "input_size", None)
    pixels = side * side if isinstance(side, int) else picture.shape[-2:].numel()
    return min(MOST, max(FEWEST, PIXELS_PER_PASS // pixels))


def outputs(
    net: nn.Module,
    inputs: Tensor,
    baseline: Tensor,
    windows: Windows,
    *,
    chunk: int | None = None,
    progress: Progress | None = None,
) -> tuple[Tensor, Tensor]:
    """Run the net on the inputs and on every occluded copy of them.

    Args:
        net: module from inputs (N, ...) to outputs (N, ...).
        inputs: (N, *windows.size).
        baseline: what an occluded pixel becomes; broadcasts against inputs.
        windows: the positions of the occluding square.
        chunk: pictures per forward pass; None chooses by `chunk_size`.
        progress: see `engines.Progress`.

    Returns:
        clean outputs (N, ...) and occluded outputs (windows, N, ...).

    Raises:
        FerError: the net does not give one row of outputs per input.
        Cancelled: progress returned False.
    """
    total = len(windows)
    step = max(1, (chunk or chunk_size(net, inputs)) // len(inputs))
    report(progress, 0, total)
    with fast_copy(net, inputs[:1]) as fast, torch.inference_mode():
        clean = fast(inputs)
        if clean.ndim == 0 or len(clean) != len(inputs):
            raise FerError(
                f"the net gives an output of shape {tuple(clean.shape)} for {len(inputs)} inputs; "
                "occlusion needs one row for each."
            )
        parts = []
        for first in range(0, total, step):
            last = min(first + step, total)
            mask = windows.masks(first, last).to(inputs.device)[:, None]
            occluded = torch.where(mask, baseline, inputs).flatten(0, 1)
            if occluded.ndim == 4:
                occluded = occluded.contiguous(memory_format=torch.channels_last)
            found = fast(occluded)
            parts.append(found.reshape(last - first, len(inputs), *found.shape[1:]))
            report(progress, last, total)
        return clean, torch.cat(parts)
