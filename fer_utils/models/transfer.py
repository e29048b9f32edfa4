"""Transfer: a trained convolutional base, frozen or not, under a new head.

Source: mazen2021 (VGG-Face) and borgalli2022 (VGG16 and InceptionResNetV2 trained on ImageNet).
"""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from fer_utils.errors import FerError
from fer_utils.models.facenet import FaceNet, class_names
from fer_utils.models.streams import networks

_VGG = "numbered as torchvision's vgg16().features (0.weight, 0.bias, 2.weight, ...)"
BASES = {
    "vgg16_gap": (
        "torchvision has these weights: "
        "safetensors.torch.save_file(torchvision.models.vgg16(weights='DEFAULT').features"
        f".state_dict(), PATH). They are {_VGG}."
    ),
    "vgg_face": (
        "The weights of Parkhi, Vedaldi and Zisserman (2015) are published by their authors for "
        "research. Save the 13 convolutions as .safetensors, "
        f"{_VGG}, with inputs in the order blue, green, red."
    ),
    "inception_resnet_v2": (
        "keras.applications.InceptionResNetV2(include_top=False) has these weights; save them as "
        ".safetensors under the names of net.trunk.base.state_dict(), whose layers come in "
        "Keras's order."
    ),
}
SHOWN = 4


def check_base(name: str, inputs: str = "gray") -> None:
    """Raise a FerError unless weights of a base can go into such a net."""
    if name not in BASES:
        raise FerError(f"{name} has no base to load weights into; these have: {', '.join(BASES)}.")
    if inputs != "gray":
        raise FerError(
            f"base_weights with inputs={inputs!r}: the first layer of a trained base sees three "
            "colours and has no weights for more channels. Leave one of the two out."
        )


def load_base(net: FaceNet, path: str | Path) -> None:
    """Load the weights of a net's convolutional base from a .safetensors file, strictly.

    Keys and shapes are those of `net.trunk.base.state_dict()`; for the two VGG nets these are
    the ones of torchvision's `vgg16().features`.

    Raises:
        FerError: no such file (the message says how to get one), a damaged one, or keys that do
            not fit (the message names them).
    """
    check_base(net.name, net.inputs)
    path = Path(path)
    if not path.is_file():
        raise FerError(f"{path} is missing: weights for the base of {net.name}. {BASES[net.name]}")
    try:
        found = load_file(path)
    except SafetensorError as error:
        raise FerError(f"{path} is not a .safetensors file: {error}") from error
    (base,) = (network.base for network in networks(net.trunk).values())
    # a counter that torch keeps and Keras does not; nothing here depends on it
    expected = {k: v for k, v in base.state_dict().items() if not k.endswith("_tracked")}
    found = {k: v for k, v in found.items() if not k.endswith("_tracked")}
    problems = {
        "missing": [k for k in expected if k not in found],
        "not in the net": [k for k in found if k not in expected],
        "of another shape": [
            f"{key} {tuple(found[key].shape)} instead of {tuple(value.shape)}"
            for key, value in expected.items()
            if key in found and found[key].shape != value.shape
        ],
    }
    wrong = [f"{len(keys)} {kind} ({_some(keys)})" for kind, keys in problems.items() if keys]
    if wrong:
        raise FerError(
            f"{path} does not fit the base of {net.name}: {'; '.join(wrong)}. {BASES[net.name]}"
        )
    base.load_state_dict(found, strict=False)


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


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:SHOWN]) + (", ..." if len(keys) > SHOWN else "")
