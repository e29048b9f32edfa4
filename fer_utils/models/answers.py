"""Asking a net: the mode it is asked in, and what counts as an answer.

`evaluate`, `train`, `saliency` and the explorers all ask here, so that a net that is no classifier
of pictures is told so in the same words everywhere.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from fer_utils._arguments import integer, shown
from fer_utils.emotions import nearest, same_word
from fer_utils.errors import FerError

# How far from 1 the sum of probabilities may be: of float32, and of less precise numbers.
ROUNDING, ROUNDING_HALF = 1e-4, 1e-2


def check_net(net: object, *, meta: bool = False) -> None:
    """Raise a FerError unless this is a network, with its weights, or with `meta` without."""
    if not isinstance(net, nn.Module):
        raise FerError(
            f"a net is a torch.nn.Module, not {shown(net)} (a {type(net).__name__}): take "
            "models.load(NAME), models.create(NAME) or a module of your own."
        )
    if meta:
        return
    # (at every map, so without `parameters()`, which takes four times as long)
    modules = list(net.modules())
    weights = [w for module in modules for w in module._parameters.values() if w is not None]
    buffers = [b for module in modules for b in module._buffers.values() if b is not None]
    if any(map(is_lazy, weights + buffers)):
        raise FerError(
            "the net has layers that learn their sizes from the first picture (LazyLinear, say) "
            "and have seen none: call net(pictures) once before."
        )
    if any(weight.is_meta for weight in weights):
        raise FerError(
            'the net has no weights, since it was made under torch.device("meta"), where nothing '
            "can be computed: make it again outside."
        )


def check_strided(answer: Tensor) -> None:
    """Raise a FerError for an answer that does not hold all of its numbers, as a sparse one."""
    if answer.layout is not torch.strided:
        kind = str(answer.layout).removeprefix("torch.")
        raise FerError(f"the net gives a {kind} tensor; wanted is a dense one: answer.to_dense().")


def check_differentiable(net: nn.Module) -> None:
    """Raise a FerError where torch would refuse all derivatives by a net's weights."""
    if any(weights.is_inference() for weights in net.parameters()):
        raise FerError(
            "the net was made under torch.inference_mode(), and torch takes no derivatives through "
            "such weights: make or load it outside."
        )


@contextmanager
def evaluating(net: nn.Module, *, meta: bool = False) -> Iterator[None]:
    """Put a net into evaluation mode, and every module of it back into its own mode.

    Raises:
        FerError: this is no network, or one without weights where these are needed (`meta` asks
            for shapes alone).
    """
    check_net(net, meta=meta)
    modes = {module: module.training for module in net.modules()}
    try:
        net.eval()
        # explorers ask in the background: the mode of all others is anybody's meanwhile
        modes = {module: mode for module, mode in modes.items() if module.training != mode}
        yield
    finally:
        for module, training in modes.items():
            module.training = training


@contextmanager
def float32_by_default() -> Iterator[None]:
    """Make new tensors float32, as the kit's nets are, whatever torch's default is outside."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def call(net: Callable[[Tensor], Any], inputs: Tensor) -> Any:
    """Return what a net gives for inputs (N, ...).

    Raises:
        FerError: the net cannot take them, or its own code fails; the reason is part of the
            message.
    """
    try:
        return net(inputs.clone())  # a net may write into what it is given
    except FerError:
        raise
    except RuntimeError as error:  # torch's word for shapes and types that do not fit
        kind = str(inputs.dtype).removeprefix("torch.")
        raise FerError(
            f"the net cannot take an input of shape {tuple(inputs.shape)}, {kind}: "
            f"{first_line(error)}"
        ) from error
    except Exception as error:  # what a net's own code may raise is without limit
        raise FerError(
            f"the net's own code fails: {type(error).__name__}: {first_line(error)}"
        ) from error


def first_line(error: Exception) -> str:
    """Return what an error of torch says before its stack of C++ calls."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def ask(net: nn.Module, pictures: Tensor, *, finite: bool = True) -> Tensor:
    """Return a net's logits (N, K) for pictures (N, C, H, W), checked by `check_logits`.

    Raises:
        FerError: the net cannot take such pictures, or gives no logits.
    """
    return check_logits(call(net, pictures), len(pictures), finite=finite)


def check_logits(logits: object, pictures: int, *, finite: bool = True) -> Tensor:
    """Return a net's answer to so many pictures: finite logits (pictures, K), K of 2 or more.

    Args:
        logits: the answer.
        pictures: to how many.
        finite: False leaves out whether the numbers are finite, for which a GPU must be waited.

    Raises:
        FerError: the answer is something else; the message says what.
    """
    if not isinstance(logits, Tensor):
        raise FerError(
            f"the net gives a {type(logits).__name__}; wanted is one tensor of logits, a row of "
            "scores for each picture. Wrap the net in one that returns them."
        )
    check_strided(logits)
    if logits.ndim != 2 or len(logits) != pictures or logits.shape[1] < 2:
        some = "one picture" if pictures == 1 else f"{pictures} pictures"
        raise FerError(
            f"the net gives an output of shape {tuple(logits.shape)} for {some}; wanted is one "
            f"score per class, ({pictures}, K) with K of 2 or more."
        )
    if not logits.is_floating_point():
        kind = str(logits.dtype).removeprefix("torch.")
        raise FerError(f"the net's scores are {kind}; wanted are logits, which are float.")
    if finite and not logits.isfinite().all():
        raise FerError("the net's scores are not finite numbers: are its weights damaged?")
    if finite and _are_probabilities(logits):
        raise FerError(
            "the net's scores are probabilities already (0 to 1, and each row sums to 1), of which "
            "another softmax would make others: leave its last Softmax out, or return their log."
        )
    return logits


def _are_probabilities(scores: Tensor) -> bool:
    # of two classes, and as a row of 0s and a 1, they may come from a net of a few lines by hand
    if not len(scores) or scores.shape[1] < 3:
        return False
    low, high = (value.item() for value in scores.detach().aminmax())
    if low < 0 or high >= 1:
        return False
    rounding = ROUNDING if scores.dtype.itemsize >= 4 else ROUNDING_HALF
    return bool((scores.detach().float().sum(1) - 1).abs().max() < rounding)


def as_pictures(images: Tensor) -> Tensor:
    """Return what a net is shown: uint8 pictures as float in [0, 1]; features are float already.

    Raises:
        FerError: numbers of another kind.
    """
    if images.dtype == torch.uint8:
        return images.float() / 255
    if not images.is_floating_point():
        kind = str(images.dtype).removeprefix("torch.")
        raise FerError(f"pictures are {kind}; expected uint8, or float in [0, 1].")
    return images


def device_of(net: nn.Module) -> torch.device:
    """Return where a net computes: where its first parameter or buffer is, else the CPU."""
    first = next(itertools.chain(net.parameters(), net.buffers()), None)
    return torch.device("cpu") if first is None else first.device


def chosen_device(name: str | int | torch.device | None) -> torch.device:
    """Return the device of that name; None takes a GPU where there is one.

    Raises:
        FerError: this machine, or this torch, has no such device.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type == "meta":  # has no numbers
            raise RuntimeError
        torch.empty(1, device=device)
    # of a name that is none, of a torch without it, of a number that is too high
    except (AssertionError, NotImplementedError, RuntimeError, TypeError, ValueError):
        gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
        others = [kind for kind in ("mps", "xpu") if getattr(torch, kind).is_available()]
        there = ", ".join(["cpu", *gpus, *others])
        raise FerError(f"no device {str(name)!r} here; there is: {there}.") from None
    return device


def dtype_of(net: nn.Module) -> torch.dtype:
    """Return in which precision a net computes: that of its first weights, else float32."""
    tensors = itertools.chain(net.parameters(), net.buffers())
    first = next((tensor for tensor in tensors if tensor.is_floating_point()), None)
    return torch.float32 if first is None else first.dtype


def named_classes(net: nn.Module) -> tuple[str, ...]:
    """Return the names of a net's outputs.

    Raises:
        FerError: the net does not say them.
    """
    check_net(net)
    names = _names(net)
    if names is None:
        raise FerError(
            f"{type(net).__name__} does not say what its outputs mean: "
            "models.wrap(net, classes=(...)) gives them names, in their order."
        )
    return names


def _names(net: nn.Module) -> tuple[str, ...] | None:
    names = getattr(net, "classes", None)
    if names is None:
        return None
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise FerError(
            f"{type(net).__name__}.classes is {shown(names)}: wanted are the names of its outputs, "
            "in their order."
        )
    return tuple(map(str, names))


def classes_of(net: nn.Module, count: int) -> tuple[str, ...]:
    """Return the names of a net's `count` outputs: `net.classes`, or "0", "1", ... without.

    Raises:
        FerError: the net has another number of names.
    """
    names = _names(net)
    classes = tuple(map(str, range(count))) if names is None else names
    if len(classes) != count:
        raise FerError(f"the net gives {count} scores for its {len(classes)} classes.")
    return classes


def class_index(classes: tuple[str, ...], clean: np.ndarray, target: int | str | None) -> int:
    """Return a class's index from its index, its name, or None for the predicted one.

    Args:
        classes: the names.
        clean: (K,), the scores or probabilities of the picture, whose highest is the prediction.
        target: what is asked for.

    Raises:
        FerError: there is no such class.
    """
    if target is None:
        return int(clean.argmax())
    if isinstance(target, str) and (name := same_word(target, classes)):
        return classes.index(name)
    try:
        return integer("target", target, 0, len(classes) - 1)
    except FerError:
        raise FerError(
            f"target={shown(target)} is no class of the net.{nearest(target, classes)}"
        ) from None
