"""Transfer: a trained convolutional base, frozen or not, under a new head.

Where the trained weights come from: `backbones`.
Source: mazen2021 (VGG-Face) and borgalli2022 (VGG16 and InceptionResNetV2 trained on ImageNet).
"""

from typing import cast

from torch import nn

from fer_utils.errors import FerError
from fer_utils.models.facenet import FaceNet, class_names
from fer_utils.models.fusion import networks
from fer_utils.models.layers import start_like_keras


def freeze_base(net: FaceNet) -> FaceNet:
    """Take everything but the head (and the spatial transformers of `stl`) out of training.

    Batch norm in what is frozen keeps its running statistics too, as in Keras. Returns `net`.

    Raises:
        FerError: a network in it has no part called `head`, which would be left to train.
    """
    frozen = []
    for path, network in networks(net.trunk).items():
        if not hasattr(network, "head"):
            raise FerError(
                f"{type(network).__name__} has no part called head: freeze its own parts with "
                "net.trunk.PART.requires_grad_(False)."
            )
        for name, part in network.named_children():
            if name != "head":
                part.requires_grad_(False)
                frozen.append(".".join(x for x in ("trunk", path, name) if x))
    net.frozen = tuple(frozen)
    return net.train(net.training)


def unfreeze(net: FaceNet) -> FaceNet:
    """Let all of a net learn again, to fine-tune it after its new head. Returns `net`."""
    net.requires_grad_(True)
    net.frozen = ()
    return net.train(net.training)


def replace_head(net: FaceNet, classes: int | tuple[str, ...]) -> FaceNet:
    """Give a net a new last layer for other classes, untrained; the rest stays. Returns `net`.

    Args:
        net: a net from `models.create` or `models.load`.
        classes: names of the new outputs; 7 and 8 get their names by themselves.

    Raises:
        FerError: less than two classes.
    """
    if isinstance(classes, int):
        classes = class_names(classes)
    if len(classes) < 2:
        raise FerError(f"a classifier needs two classes or more, not {len(classes)}.")
    for network in networks(net.trunk).values():
        _replace_last_layer(network, len(classes))
    net.classes = tuple(classes)
    return net


def _replace_last_layer(network: nn.Module, outputs: int) -> None:
    path, last = [
        (name, module)
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ][-1]
    bias = last.bias is not None
    new: nn.Module
    with last.weight.device:
        if isinstance(last, nn.Linear):
            new = nn.Linear(last.in_features, outputs, bias)
        else:
            size, padding = cast(tuple[int, int], last.kernel_size), cast(str, last.padding)
            new = nn.Conv2d(last.in_channels, outputs, size, padding=padding, bias=bias)
        start_like_keras(new)
    network.set_submodule(path, new.to(last.weight.dtype))
