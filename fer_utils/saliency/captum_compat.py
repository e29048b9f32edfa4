"""captum's `Occlusion`, number for number, at the speed of our engines.

Where `captum.attr.Occlusion` stands, `saliency.Occlusion` can: the same arguments, the same
attribution: of the net's raw output (logits, where `saliency.occlusion` keeps probabilities),
averaged over all windows that cover an element, windows cut off at the border included. Compared
with captum 0.9, whose own 17 tests of its class this one passes; captum need not be installed.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils._arguments import integer, number, shown
from fer_utils.errors import FerError
from fer_utils.models.answers import check_net
from fer_utils.saliency._engines import Progress, batched, dispatch
from fer_utils.saliency.windows import OcclusionProblem, Windows

Target: TypeAlias = int | tuple[int, ...] | Tensor | list[int] | list[tuple[int, ...]] | None
Sides: TypeAlias = int | tuple[int, ...]
Value: TypeAlias = float | Tensor | None


class Occlusion:
    """Occlusion with captum's constructor and `attribute`.

    A module of one input, pictures (N, C, H, W), under windows over all channels, goes through the
    engines of `saliency.occlusion`, picture by picture; all else (several inputs, vectors, text,
    functions) through engine `batched`, many windows per forward pass.

    Three things differ from captum. A module is used in evaluation mode, whatever mode it is in,
    and left as it was (a function is called as it is). `perturbations_per_eval` is a limit, for
    those engines that run the net on whole inputs, and not 1 where it is left out. A function whose
    output does not grow with the batch is refused.

    Args:
        forward_func: a module, or a function, from inputs (N, ...) to outputs (N, ...).

    Raises:
        FerError: it cannot be called.
    """

    def __init__(self, forward_func: Callable[..., Tensor]) -> None:
        if not callable(forward_func):
            check_net(forward_func)
        self.forward_func = forward_func

    def attribute(
        self,
        inputs: Tensor | tuple[Tensor, ...],
        sliding_window_shapes: tuple[int, ...] | tuple[tuple[int, ...], ...],
        strides: None | Sides | tuple[Sides, ...] = None,
        baselines: Value | tuple[Value, ...] = None,
        target: Target = None,
        additional_forward_args: object = None,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
    ) -> Any:
        """Return the attribution, float32, of the shape of the inputs; a tuple for a tuple.

        Args:
            inputs: a tensor (N, ...), or several, as the net takes them; not scaled or checked.
            sliding_window_shapes: the window's sides, one for each dimension of the input but the
                first: (C, h, w) for pictures, () for numbers (N,). A tuple of them for several.
            strides: steps for those dimensions, or one for all; None means 1. One such for each of
                several inputs.
            baselines: the value under the window: a number, or a tensor that broadcasts against
                the input; None means 0. One such for each of several inputs.
            target: index into the outputs: one for all (an int, or a tuple of indices for outputs
                of more dimensions), or one per sample (tensor or list). None, where a sample has
                one output; with more of them, each gets its own row, (N * outputs, ...).
            additional_forward_args: what else the net is given after the inputs, one thing or a
                tuple; tensors of one dimension or more have a row for each sample.
            perturbations_per_eval: windows per forward pass, at most; None chooses.
            show_progress: show a progress bar.

        Raises:
            FerError: shapes, strides, baselines or targets that do not fit. Where captum raises an
                AssertionError, for windows and strides, it is one as well.
        """
        from fer_utils._progress import tqdm

        tensors = inputs if isinstance(inputs, tuple) else (inputs,)
        _check_rows(tensors)
        windows = _all_windows(tensors, sliding_window_shapes, strides)
        values = _for_each("baselines", baselines, len(tensors))
        problems = [
            OcclusionProblem(tensor, _baseline(value, tensor), one)
            for tensor, value, one in zip(tensors, values, windows, strict=True)
        ]
        more = additional_forward_args
        extra = () if more is None else more if isinstance(more, tuple) else (more,)
        samples, chunk = len(tensors[0]), None
        if perturbations_per_eval is not None:
            chunk = integer("perturbations_per_eval", perturbations_per_eval, 1) * samples
        total, maps = samples * sum(map(len, windows)), []
        with tqdm(total=total, desc="Occlusion attribution", disable=not show_progress) as bar:
            for place, problem in enumerate(problems):
                net = self._net_of(tensors, place, extra)
                clean, covered = _outputs(net, problem, chunk, bar.update)
                drop = select(clean[None], target) - select(covered, target)
                drop = drop.float().reshape(*problem.windows.counts, -1)
                maps.append(problem.windows.spread(drop))
        return tuple(maps) if isinstance(inputs, tuple) else maps[0]

    def attribute_future(self) -> None:
        """Raise a NotImplementedError, as captum's does."""
        raise NotImplementedError("attribute_future is not implemented for Occlusion")

    def _net_of(self, inputs: tuple[Tensor, ...], place: int, extra: tuple) -> nn.Module:
        """Return the forward function as a net of one input."""
        if isinstance(self.forward_func, nn.Module) and len(inputs) == 1 and not extra:
            return self.forward_func
        return _OfOne(self.forward_func, inputs, place, extra)


class _Refused(FerError, AssertionError):
    """Windows that do not fit, for which captum's callers expect an AssertionError."""


class _OfOne(nn.Module):
    """A function of several inputs as a net of one of them: the others stay what they are."""

    def __init__(
        self, function: Callable[..., Tensor], inputs: tuple[Tensor, ...], place: int, extra: tuple
    ):
        super().__init__()
        self.function, self.inputs, self.place, self.extra = function, inputs, place, extra

    def forward(self, changed: Tensor) -> Tensor:
        rows = torch.arange(len(changed), device=changed.device) % len(self.inputs[0])
        given = [one[rows.to(one.device)] for one in self.inputs]
        given[self.place] = changed
        extra = [
            one[rows.to(one.device)] if isinstance(one, Tensor) and one.ndim else one
            for one in self.extra
        ]
        return self.function(*given, *extra)


def _outputs(
    net: nn.Module, problem: OcclusionProblem, chunk: int | None, advance: Callable[[int], object]
) -> tuple[Tensor, Tensor]:
    """Return clean outputs (N, ...) and covered ones (windows, N, ...)."""
    inputs, windows = problem.picture, problem.windows

    def progress(by: int) -> Progress:
        done = 0

        def report(now: int, total: int) -> None:
            nonlocal done
            advance(by * (now - done))
            done = now

        return report

    if isinstance(net, _OfOne) or inputs.ndim != 4 or windows.counts[0] > 1:
        engine = batched.prepare(net, chunk=chunk)
        clean, covered = engine.outputs(problem, progress=progress(len(inputs)))
        return clean, covered.unflatten(0, (len(windows), len(inputs)))
    flat = Windows(windows.size[1:], windows.window[1:], windows.stride[1:])
    fills = problem.baseline.expand_as(inputs)
    answers = []
    for picture, fill in zip(inputs.split(1), fills.split(1), strict=True):
        one = OcclusionProblem(picture, fill, flat)
        answers.append(dispatch.run(net, one, progress=progress(1), chunk=chunk)[1:])
    clean, covered = zip(*answers, strict=True)
    return torch.cat(clean), torch.stack(covered, 1)


def _check_rows(inputs: Sequence[object]) -> None:
    shapes = [tuple(one.shape) if isinstance(one, Tensor) else None for one in inputs]
    if not shapes or not all(shapes) or len({shape[0] for shape in shapes if shape}) > 1:
        raise FerError(
            f"inputs={shown(inputs[0] if len(inputs) == 1 else inputs)}: give a tensor (N, ...), "
            "or a tuple of such with the same N."
        )


def _all_windows(inputs: tuple[Tensor, ...], shapes: Any, strides: Any) -> list[Windows]:
    try:
        if len(inputs) == 1:  # (C, h, w) for ((C, h, w),)
            shapes, strides = (
                given if isinstance(given, tuple | list) and _is_nested(given) else (given,)
                for given in (shapes, strides)
            )
        shapes = _for_each("sliding_window_shapes", shapes, len(inputs))
        strides = _for_each("strides", strides, len(inputs))
        each = zip(inputs, shapes, strides, strict=True)
        return [_windows(tuple(one.shape[1:]), shape, stride) for one, shape, stride in each]
    except FerError as error:
        raise _Refused(str(error)) from error


def _is_nested(given: Sequence[object]) -> bool:
    return len(given) > 0 and isinstance(given[0], tuple | list)


def _windows(sides: tuple[int, ...], shape: object, stride: object) -> Windows:
    window = _whole("sliding_window_shapes", shape)
    if not isinstance(stride, tuple | list):
        stride = (1 if stride is None else stride,) * len(sides)
    steps = _whole("strides", stride)
    if len(window) != len(sides) or len(steps) != len(sides):
        raise FerError(
            f"an input of shape {('N', *sides)} needs {len(sides)} window sides and strides, "
            f"not {len(window)} and {len(steps)}: (C, h, w) for pictures."
        )
    return Windows(sides, window, steps)


def _for_each(name: str, given: Any, count: int) -> tuple:
    """Return what was given for each of so many inputs, or for all of them."""
    values = given if isinstance(given, tuple) else (given,) * count
    if len(values) != count:
        raise FerError(f"{name}={shown(given)}: give one for each of {count} inputs.")
    return values


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
