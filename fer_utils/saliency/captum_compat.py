"""captum's occlusion, number for number, at the speed of our engine.

`captum.attr.Occlusion(net).attribute(...)` and `captum_occlusion(net, ...)` take the same
arguments and return the same attribution: of the net's raw output (logits, where ours keeps
probabilities), averaged over all windows that cover an element, windows cut off at the border
included. Compared with captum 0.9.
"""

import operator
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils._arguments import integer, number, shown
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
    window = _whole("sliding_window_shapes", sliding_window_shapes)
    if not isinstance(strides, tuple | list):
        strides = (1 if strides is None else strides,) * len(sides)
    steps = _whole("strides", strides)
    if len(window) != len(sides) or len(steps) != len(sides):
        raise FerError(
            f"inputs of shape {tuple(inputs.shape)} need {len(sides)} window sides and strides, "
            f"not {len(window)} and {len(steps)}: (C, h, w) for pictures."
        )
    windows = Windows(sides, window, steps)
    chunk = None
    if perturbations_per_eval is not None:
        chunk = integer("perturbations_per_eval", perturbations_per_eval, 1) * len(inputs)
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
    if not isinstance(baselines, Tensor):
        value = 0.0 if baselines is None else number("baselines", baselines)
        return torch.tensor(value, device=inputs.device).to(inputs.dtype)
    try:
        fits = torch.broadcast_shapes(baselines.shape, inputs.shape) == inputs.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise FerError(
            f"baselines of shape {tuple(baselines.shape)} do not broadcast to the inputs' shape "
            f"{tuple(inputs.shape)}."
        )
    return baselines.to(inputs.device)


def _whole(name: str, values: object) -> tuple[int, ...]:
    if not isinstance(values, tuple | list):
        raise FerError(f"{name}={shown(values)}: give a whole number for each dimension.")
    return tuple(integer(name, value) for value in values)


def select(outputs: Tensor, target: Target) -> Tensor:
    """Return the target's entries of outputs (windows, N, ...), by captum's rules."""
    if isinstance(target, Tensor):
        target = target.item() if target.numel() == 1 else target.tolist()  # type: ignore[assignment]
    if target is None:
        return outputs
    place: Any  # of the target in the outputs, all dimensions counted
    try:
        if isinstance(target, int | np.integer | tuple) and not isinstance(target, bool):
            place = (slice(None), slice(None), *_indices(target))
            return outputs[place]
        if isinstance(target, list) and len(target) == outputs.shape[1]:
            places: list[Any] = [(slice(None), i, *_indices(t)) for i, t in enumerate(target)]
            return torch.stack([outputs[place] for place in places], 1)
    except (IndexError, TypeError):  # out of range; no number
        pass
    raise FerError(
        f"target={shown(target)} does not fit outputs of shape {tuple(outputs.shape[1:])}: one "
        "index for all samples, or a list with one for each."
    )


def _indices(target: Any) -> tuple[int, ...]:
    return tuple(map(operator.index, target if isinstance(target, tuple) else (target,)))
