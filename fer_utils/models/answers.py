"""Asking a net: the mode it is asked in, and what counts as an answer.

`evaluate`, `train`, `saliency` and the explorers all ask here, so that a net that is no classifier
of pictures is told so in the same words everywhere.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils.emotions import nearest
from fer_utils.errors import FerError


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Put a net into evaluation mode, and every module of it back into its own mode."""
    modes = {module: module.training for module in net.modules()}
    try:
        net.eval()
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
    if logits.ndim != 2 or len(logits) != pictures or logits.shape[1] < 2:
        some = "one picture" if pictures == 1 else f"{pictures} pictures"
        raise FerError(
            f"the net gives an output of shape {tuple(logits.shape)} for {some}; wanted is one "
            f"score per class, ({pictures}, K) with K of 2 or more."
        )
    if finite and not logits.isfinite().all():
        raise FerError("the net's scores are not finite numbers: are its weights damaged?")
    return logits


def as_pictures(images: Tensor) -> Tensor:
    """Return what a net is shown: uint8 pictures as float in [0, 1]; features are float already."""
    return images.float() / 255 if images.dtype == torch.uint8 else images


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


def named_classes(net: nn.Module) -> tuple[str, ...]:
    """Return the names of a net's outputs.

    Raises:
        FerError: the net does not say them.
    """
    names = getattr(net, "classes", None)
    if names is None:
        raise FerError(
            f"{type(net).__name__} does not say what its outputs mean: "
            "models.wrap(net, classes=(...)) gives them names, in their order."
        )
    return tuple(map(str, names))


def classes_of(net: nn.Module, count: int) -> tuple[str, ...]:
    """Return the names of a net's `count` outputs: `net.classes`, or "0", "1", ... without.

    Raises:
        FerError: the net has another number of names.
    """
    names = getattr(net, "classes", None)
    classes = tuple(map(str, range(count) if names is None else names))
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
    if isinstance(target, str) and target in classes:
        return classes.index(target)
    whole = isinstance(target, int | np.integer) and not isinstance(target, bool)
    if not whole or not 0 <= int(target) < len(classes):
        raise FerError(f"target={target!r} is no class of the net.{nearest(target, classes)}")
    return int(target)
