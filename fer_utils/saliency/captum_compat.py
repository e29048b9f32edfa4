"""captum's occlusion, number for number, at the speed of our engine.

`captum.attr.Occlusion(net).attribute(...)` and `captum_occlusion(net, ...)` take the same
arguments and return the same attribution: of the net's raw output (logits, where ours keeps
probabilities), averaged over all windows that cover an element, windows cut off at the border
included. Compared with captum 0.9.
"""

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from fer_utils.errors import FerError
from fer_utils.saliency._engines import batched, choose
from fer_utils.saliency.windows import Windows

Target = int | tuple[int, ...] | Tensor | list[int] | list[tuple[int, ...]] | None


def captum_occlusion(
    net: nn.Module,
    inputs: Tensor,
    sliding_window_shapes: tuple[int, ...],
    strides: int | tuple[int, ...] | None = None,
    baselines: float | Tensor | None = None,
    target: Target = None,
    perturbations_per_eval: int | None = None,
    show_progress: bool = False,
) -> Tensor:
    """Return captum's occlusion attribution, float32, of the shape of the inputs.

    The net is used in evaluation mode whatever mode it is in, and left as it was.

    Args:
        net: any module from inputs to outputs (N, ...).
        inputs: (N, ...), as the net takes them; not scaled or checked.
        sliding_window_shapes: the window's sides, one for each dimension of the inputs but
            the first: (C, h, w) for pictures.
        strides: steps for those dimensions, or one for all; None means 1.
        baselines: the value under the window: a number, or a tensor that broadcasts against
            the inputs; None means 0.
        target: index into the outputs: one for all (an int, or a tuple of indices for outputs
            of more dimensions), or one per sample (tensor or list). None, where a sample has
            one output; with more of them, each gets its own row, (N * outputs, ...).
        perturbations_per_eval: windows per forward pass; None chooses.
        show_progress: show a progress bar.

    Raises:
        FerError: several input tensors, or shapes, strides or targets that do not fit.
    """
    if not isinstance(inputs, Tensor) or inputs.ndim < 2:
        raise FerError("inputs must be one tensor (N, ...); several inputs are for captum itself.")
    sides = tuple(inputs.shape[1:])
    steps = strides if isinstance(strides, tuple) else (strides or 1,) * len(sides)
    if len(sliding_window_shapes) != len(sides) or len(steps) != len(sides):
        raise FerError(
            f"inputs of shape {tuple(inputs.shape)} need {len(sides)} window sides and strides, "
            f"not {len(sliding_window_shapes)} and {len(steps)}: (C, h, w) for pictures."
        )
    windows = Windows(sides, tuple(sliding_window_shapes), tuple(steps))
    chunk = None if perturbations_per_eval is None else perturbations_per_eval * len(inputs)
    baseline = _baseline(baselines, inputs)
    with tqdm(total=len(windows), desc="occlusion", disable=not show_progress) as bar:

        def progress(done: int, total: int) -> None:
            bar.update(done - bar.n)

        if len(inputs) == 1 and inputs.ndim == 4 and windows.counts[0] == 1:  # a picture
            flat = Windows(*(each[1:] for each in (windows.size, windows.window, windows.stride)))
            _, clean, covered = choose.run(
                net, inputs, baseline, flat, chunk=chunk, progress=progress
            )
            covered = covered[:, None]
        else:
            clean, covered = batched.outputs(
                net, inputs, baseline, windows, chunk=chunk, progress=progress
            )
    drop = select(clean[None], target) - select(covered, target)
    each = drop.float().reshape(*windows.counts, -1)
    return windows.spread(each)


def _baseline(baselines: float | Tensor | None, inputs: Tensor) -> Tensor:
    value = 0 if baselines is None else baselines
    baseline = torch.as_tensor(value, device=inputs.device)
    if not isinstance(value, Tensor):
        return baseline.to(inputs.dtype)
    if baseline.shape != inputs.shape and baseline.shape[:1] != (1,):
        raise FerError(
            f"baselines of shape {tuple(baseline.shape)} fit neither the inputs' shape "
            f"{tuple(inputs.shape)} nor one sample of it, (1, ...)."
        )
    return baseline


def select(outputs: Tensor, target: Target) -> Tensor:
    """Return the target's entries of outputs (windows, N, ...), by captum's rules."""
    if isinstance(target, Tensor):
        target = target.item() if target.numel() == 1 else target.tolist()
    if target is None:
        return outputs
    try:
        if isinstance(target, int | tuple):
            index = target if isinstance(target, tuple) else (target,)
            return outputs[(slice(None), slice(None), *index)]
        if len(target) == outputs.shape[1]:
            each = [t if isinstance(t, tuple) else (t,) for t in target]
            return torch.stack([outputs[(slice(None), i, *t)] for i, t in enumerate(each)], 1)
    except IndexError:
        pass
    raise FerError(
        f"target={target!r} does not fit outputs of shape {tuple(outputs.shape[1:])}: one index "
        "for all samples, or a list with one for each."
    )
