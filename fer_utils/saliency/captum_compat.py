"""captum's occlusion, number for number, at the speed of our engine.

`captum.attr.Occlusion(net).attribute(...)` and `captum_occlusion(net, ...)` take the same
arguments and return the same attribution: of the net's raw output (logits, where ours keeps
probabilities), averaged over all windows that cover an element, windows cut off at the border
included. Compared with captum 0.9.
"""

from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from fer_utils.errors import FerError
from fer_utils.saliency._engines import batched, dispatch
from fer_utils.saliency.windows import OcclusionProblem, Windows

Target: TypeAlias = int | tuple[int, ...] | Tensor | list[int] | list[tuple[int, ...]] | None


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
    from tqdm.auto import tqdm  # in a notebook it brings the widgets

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
            flat = Windows(sides[1:], windows.window[1:], windows.stride[1:])
            problem = OcclusionProblem(inputs, baseline, flat)
            _, clean, covered = dispatch.run(net, problem, chunk=chunk, progress=progress)
        else:
            problem = OcclusionProblem(inputs, baseline, windows)
            engine = batched.prepare(net, chunk=chunk)
            clean, covered = engine.outputs(problem, progress=progress)
    covered = covered.unflatten(0, (len(windows), len(inputs)))
    drop = select(clean[None], target) - select(covered, target)
    return windows.spread(drop.float().reshape(*windows.counts, -1))


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
        target = int(target) if target.numel() == 1 else target.tolist()
    if target is None:
        return outputs
    place: Any  # of the target in the outputs, all dimensions counted
    try:
        if isinstance(target, int | tuple):
            place = (slice(None), slice(None), *_indices(target))
            return outputs[place]
        if len(target) == outputs.shape[1]:
            places: list[Any] = [(slice(None), i, *_indices(t)) for i, t in enumerate(target)]
            return torch.stack([outputs[place] for place in places], 1)
    except IndexError:
        pass
    raise FerError(
        f"target={target!r} does not fit outputs of shape {tuple(outputs.shape[1:])}: one index "
        "for all samples, or a list with one for each."
    )


def _indices(target: Any) -> tuple[int, ...]:
    return target if isinstance(target, tuple) else (target,)
