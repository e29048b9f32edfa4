"""Engine `batched`: many occluded pictures per forward pass, through a folded copy of the net.

On a GPU the occluded pictures are built on the GPU too; see `engines.gpu` for the rest.
"""

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils.errors import FerError
from fer_utils.saliency._engines import Progress, gpu, report
from fer_utils.saliency._engines.fold import fast_copy
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


def numbers(windows: Windows, positions: np.ndarray | Tensor | None) -> Tensor:
    """Return int64 (n,): the asked windows, or all of them."""
    if positions is None:
        return torch.arange(len(windows))
    return torch.as_tensor(positions, dtype=torch.int64)


def covered_pictures(
    inputs: Tensor, baseline: Tensor, windows: Windows, positions: Tensor
) -> Tensor:
    """Return copies of the inputs under each of n windows, (n * N, *inputs.shape[1:]).

    Args:
        inputs: (N, ..., *windows.size); a window covers all of the dimensions between.
        baseline: what an occluded pixel becomes; broadcasts against the inputs.
        windows: the positions of the occluding square.
        positions: int64 (n,), which windows, on the inputs' device.
    """
    mask = windows.masks(positions)
    mask = mask.view(len(mask), *(1,) * (inputs.ndim - mask.ndim + 1), *mask.shape[1:])
    return torch.where(mask, baseline, inputs).flatten(0, 1)


def outputs(
    net: nn.Module,
    inputs: Tensor,
    baseline: Tensor,
    windows: Windows,
    *,
    positions: np.ndarray | Tensor | None = None,
    chunk: int | None = None,
    progress: Progress | None = None,
) -> tuple[Tensor, Tensor]:
    """Run the net on the inputs and on every occluded copy of them.

    Args:
        net: module from inputs (N, ...) to outputs (N, ...).
        inputs: (N, ..., *windows.size); a window covers all of the dimensions between.
        baseline: what an occluded pixel becomes; broadcasts against inputs.
        windows: the positions of the occluding square.
        positions: which windows to compute (flat indices), in this order; None means all.
        chunk: pictures per forward pass; None chooses by `chunk_size`.
        progress: see `engines.Progress`.

    Returns:
        clean outputs (N, ...) and occluded outputs (positions, N, ...).

    Raises:
        FerError: the net does not give one row of outputs per input.
        Cancelled: progress returned False.
    """
    positions = numbers(windows, positions).to(inputs.device)
    total = len(positions)
    report(progress, 0, total)
    with (
        fast_copy(net, inputs[:1]) as fast,
        torch.inference_mode(),
        gpu.full_precision(inputs.device),
    ):
        clean = fast(inputs)
        if clean.ndim == 0 or len(clean) != len(inputs):
            raise FerError(
                f"the net gives an output of shape {tuple(clean.shape)} for {len(inputs)} inputs; "
                "occlusion needs one row for each."
            )
        on_gpu = inputs.device.type == "cuda"
        most = chunk or (gpu.batch_size(fast, inputs) if on_gpu else chunk_size(net, inputs))
        step = max(1, most // len(inputs))
        parts = [clean[None][:0]]
        for first in range(0, total, step):
            last = min(first + step, total)
            occluded = covered_pictures(inputs, baseline, windows, positions[first:last])
            if occluded.ndim == 4:
                occluded = occluded.contiguous(memory_format=torch.channels_last)
            found = gpu.replay(fast, occluded) if on_gpu else fast(occluded)
            parts.append(found.reshape(last - first, len(inputs), *found.shape[1:]))
            report(progress, last, total)
        return clean, torch.cat(parts)
