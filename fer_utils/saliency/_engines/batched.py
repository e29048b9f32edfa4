"""Engine `batched`: many occluded pictures per forward pass, through a folded copy of the net.

On a GPU the occluded pictures are built on the GPU too; see `_engines.gpu` for the rest.
"""

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils.errors import FerError
from fer_utils.models.answers import call, check_strided
from fer_utils.saliency._engines import Progress, gpu, report
from fer_utils.saliency._engines.fold import fast_copy
from fer_utils.saliency.windows import OcclusionProblem

# Pixels (at the net's own input size) per forward pass. Measured with mini-Xception at 48x48
# on two cores: 32 to 111 pictures per pass take the same time, fewer or more take longer.
PIXELS_PER_PASS = 2**17
FEWEST, MOST = 8, 128


def chunk_size(net: nn.Module, picture: Tensor) -> int:
    """Return how many pictures (..., H, W) to send through the net in one pass."""
    side = getattr(net, "input_size", None)
    pixels = side * side if isinstance(side, int) else picture.shape[-2:].numel()
    return min(MOST, max(FEWEST, PIXELS_PER_PASS // pixels))


class BatchedNet:
    """Computes outputs of any net, for inputs of any shape, by running it on all of them.

    Args:
        net: module from inputs (N, ...) to outputs (N, ...); used as in evaluation mode.
        shape: of one input, which the other engines want to know.
        chunk: inputs per forward pass; None chooses by `chunk_size`.
        by_copy: whether a folded copy of the net may be asked in its place; False from then on
            where none is.
    """

    # in batches of two sizes a net may take other kernels
    tolerance = 1e-4

    def __init__(
        self,
        net: nn.Module,
        shape: tuple[int, ...] | None = None,
        chunk: int | None = None,
        by_copy: bool = True,
    ):
        self.net, self.chunk, self.by_copy = net, chunk, by_copy

    def outputs(
        self,
        problem: OcclusionProblem,
        positions: np.ndarray | None = None,
        progress: Progress | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Run the net on the inputs and on every occluded copy of them; see `PreparedNet`.

        More than one input is possible here, and any dimensions: `problem.picture` may be
        (N, ..., *sides). The occluded outputs are then (positions * N, ...), N running fastest.

        Raises:
            FerError: the net does not give one row of outputs per input.
            Cancelled: progress returned False.
        """
        inputs, windows = problem.picture, problem.windows
        wanted = np.arange(len(windows)) if positions is None else positions
        numbers = torch.as_tensor(wanted, dtype=torch.int64, device=inputs.device)
        total = len(numbers)
        report(progress, 0, total)
        with (
            fast_copy(self.net, inputs[:1], self.by_copy) as fast,
            torch.no_grad(),  # no inference mode: a net may remember what it made of a picture
            gpu.full_precision(inputs.device),
        ):
            self.by_copy = fast is not self.net
            clean = call(fast, inputs)
            check_rows(clean, len(inputs))
            on_gpu = inputs.device.type == "cuda"
            most = self.chunk or (
                gpu.batch_size(fast, inputs) if on_gpu else chunk_size(self.net, inputs)
            )
            # A chunk counts pictures, a step counts windows, each of which makes N pictures. The
            # net runs on what stays in the processor's cache (or fits into the GPU): small
            # batches waste time between calls, large ones wait for memory.
            step = max(1, most // len(inputs))
            parts = [clean[:0]]  # right in shape and type where no window is wanted
            for first in range(0, total, step):
                last = min(first + step, total)
                occluded = problem.covered(numbers[first:last])
                if occluded.ndim == 4:
                    # the folded copy's weights lie channels last: so must what it is given
                    occluded = occluded.contiguous(memory_format=torch.channels_last)
                # a net that may change is no copy, and its launches are not kept
                kept = on_gpu and self.by_copy
                answer = gpu.replay(fast, occluded) if kept else call(fast, occluded)
                check_rows(answer, len(occluded), clean)
                parts.append(answer)
                report(progress, last, total)
            return clean, torch.cat(parts)


prepare = BatchedNet


def check_rows(clean: object, inputs: int, before: Tensor | None = None) -> Tensor:
    """Return a net's answer to so many inputs, if its rows are like those of an answer before.

    Raises:
        FerError: it is no tensor of one row of numbers for each.
    """
    if not isinstance(clean, Tensor):
        raise FerError(f"the net gives a {type(clean).__name__}; occlusion needs one tensor.")
    check_strided(clean)
    if clean.ndim == 0 or len(clean) != inputs:
        raise FerError(
            f"the net gives an output of shape {tuple(clean.shape)} for {inputs} inputs; "
            "occlusion needs one row for each."
        )
    if clean.dtype == torch.bool:
        raise FerError("the net's outputs are true or false, so no difference can be taken.")
    if before is not None and clean.shape[1:] != before.shape[1:]:
        raise FerError(
            f"the net gives rows of shape {tuple(before.shape[1:])} and, in another batch, "
            f"{tuple(clean.shape[1:])}: the number of scores must not depend on the pictures."
        )
    return clean
