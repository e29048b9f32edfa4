"""Transfer: a trained convolutional base, frozen or not, under a new head.

Where the trained weights come from: `bases`.
Source: mazen2021 (VGG-Face) and borgalli2022 (VGG16 and InceptionResNetV2 trained on ImageNet).
"""

import torch
from torch import nn

from fer_utils.errors import FerError
from fer_utils.models.facenet import FaceNet, class_names
from fer_utils.models.fusion import networks


def freeze_base(net: FaceNet) -> FaceNet:
    """Take everything but the head (and the spatial transformers of `stl`) out of training.

    Batch norm in what is frozen keeps its running statistics too, as in Keras. Returns `net`.
    """
    frozen = []
    for path, network in networks(net.trunk).items():
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
    place = {"device": last.weight.device, "dtype": last.weight.dtype}
    bias = last.bias is not None
    if isinstance(last, nn.Linear):
        new = nn.Linear(last.in_features, outputs, bias, **place)
    else:
        size, padding = last.kernel_size, last.padding
        new = nn.Conv2d(last.in_channels, outputs, size, padding=padding, bias=bias, **place)
    with torch.no_grad():
        nn.init.xavier_uniform_(new.weight)
        if bias:
            nn.init.zeros_(new.bias)
    network.set_submodule(path, new)
