"""Weights for the backbones of the transfer nets, from torchvision or from a file.

A backbone is what stands before the new head: Keras says convolutional base, hence `trunk.base`.

What each base wants to see is part of its net (`FaceNet.scaling`), so that a checkpoint carries it:

- vgg16_gap: red, green, blue less ImageNet's mean, divided by its deviation, as torchvision's
  IMAGENET1K_V1. borgalli2022 used Keras, which ships Oxford's weights (torchvision's
  IMAGENET1K_FEATURES): those were trained on 0 to 255 less the mean and do not fit this net.
- vgg_face: 0 to 255 less the mean face, blue first.
- inception_resnet_v2: -1 to 1, red first, as Keras and timm.

No file is ever unpickled freely: safetensors, or torch's loader restricted to weights.
"""

import pickle
import re
from pathlib import Path

import torch
from torch import Tensor

from fer_utils import _torchvision
from fer_utils.errors import FerError
from fer_utils.models.facenet import FaceNet
from fer_utils.models.fusion import networks
from fer_utils.models.vgg import VGG16_BLOCKS

IMAGENET = "imagenet"
HUB = {"vgg16_gap": "VGG16_Weights.IMAGENET1K_V1"}

_VGG = "numbered as torchvision's vgg16().features: 0.weight (64, 3, 3, 3), 0.bias, 2.weight, ..."
_VGG16_FILE = (
    'For a file, where there is a network: python -c "import safetensors.torch as s, '
    "torchvision.models as m; s.save_file(m.vgg16(weights='IMAGENET1K_V1').features.state_dict(), "
    f"'vgg16.safetensors')\". Its keys are {_VGG}"
)
BACKBONES = {
    "vgg16_gap": f"base_weights='imagenet' fetches them through torchvision. {_VGG16_FILE}",
    "vgg_face": (
        "The authors of VGG-Face (Parkhi, Vedaldi and Zisserman 2015) publish them for research. "
        "Albanie's copy for PyTorch is the file vgg_face_dag.pth; make it a file for base_weights "
        'by python -c "import safetensors.torch as s, torch; '
        "s.save_file(torch.load('vgg_face_dag.pth', weights_only=True), 'vgg_face.safetensors')\". "
        "Its layers conv1_1 to conv5_3, red first, are recognised by their names. Weights from "
        f"elsewhere: save the 13 convolutions {_VGG} with inputs blue first."
    ),
    "inception_resnet_v2": (
        "timm publishes them, converted from the TensorFlow weights that Keras ships too. Where "
        "there is a network: pip install huggingface_hub, then hf download "
        "timm/inception_resnet_v2.tf_in1k model.safetensors; base_weights takes that file as it "
        "is. Weights from elsewhere: save them under the keys and in the shapes of "
        "net.trunk.base.state_dict()."
    ),
}
SHOWN = 4

# First word of timm's names, and ours.
_TIMM = {
    "conv2d_1a": "stem.0",
    "conv2d_2a": "stem.1",
    "conv2d_2b": "stem.2",
    "conv2d_3b": "stem.4",
    "conv2d_4a": "stem.5",
    "repeat": "blocks35",
    "repeat_1": "blocks17",
    "repeat_2": "blocks8",
    "block8": "blocks8.9",
    "conv2d_7b": "conv_7b",
}


def check_backbone(name: str, inputs: str = "gray", source: str | Path = "") -> None:
    """Raise a FerError unless weights of a base, from that source, can go into such a net."""
    if name not in BACKBONES:
        raise FerError(
            f"{name} has no base to load weights into; these have: {', '.join(BACKBONES)}."
        )
    if inputs != "gray":
        raise FerError(
            f"base_weights with inputs={inputs!r}: the first layer of a trained base sees three "
            "colours and has no weights for more channels. Leave one of the two out."
        )
    if source == IMAGENET and name not in HUB:
        raise FerError(
            f"torchvision has no weights for the base of {name} (it has for {', '.join(HUB)}): "
            f"base_weights must be a file. {BACKBONES[name]}"
        )


def load_backbone(net: FaceNet, source: str | Path) -> None:
    """Load the weights of a net's convolutional base, strictly.

    Args:
        net: one of the nets in `BACKBONES`.
        source: the word "imagenet" fetches them through torchvision (vgg16_gap only) into
            torch.hub's cache; else a .safetensors file with the keys and shapes of
            `net.trunk.base.state_dict()`, which for the VGG nets are those of torchvision's
            `vgg16().features`. The names of timm's inception_resnet_v2 and of vgg_face_dag are
            understood too.

    Raises:
        FerError: no network, no such file (the message says how to get one), a damaged one, or
            keys that do not fit (the message names them).
    """
    check_backbone(net.name, net.inputs, source)
    (base,) = (network.get_submodule("base") for network in networks(net.trunk).values())
    # a counter that torch keeps and Keras does not; nothing here depends on it
    expected = {k: v for k, v in base.state_dict().items() if not k.endswith("_tracked")}
    weights = _fetch(net.name) if source == IMAGENET else _read(net.name, Path(source))
    weights = {k: v for k, v in weights.items() if not k.endswith("_tracked")}
    if net.name == "inception_resnet_v2" and "conv2d_1a.conv.weight" in weights:
        weights = from_timm(weights)
    if net.name == "vgg_face" and "conv1_1.weight" in weights:
        weights = from_dag(weights, list(expected))
    problems = {
        "missing": [k for k in expected if k not in weights],
        "not in the net": [k for k in weights if k not in expected],
        "of another shape": [
            f"{key} {tuple(weights[key].shape)} instead of {tuple(value.shape)}"
            for key, value in expected.items()
            if key in weights and weights[key].shape != value.shape
        ],
    }
    wrong = [f"{len(keys)} {kind} ({_some(keys)})" for kind, keys in problems.items() if keys]
    if wrong:
        raise FerError(
            f"{source} does not fit the base of {net.name}: {'; '.join(wrong)}. "
            f"{BACKBONES[net.name]}"
        )
    base.load_state_dict(weights, strict=False)


def from_timm(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give the weights of timm's inception_resnet_v2 the names of ours, without its classifier.

    Raises:
        FerError: a batch norm has a scale other than 1, for which our net, like Keras's, has no
            place.
    """
    renamed = {}
    for key, value in weights.items():
        if key.startswith("classif."):
            continue
        if key.endswith(".bn.weight"):
            if not torch.all(value == 1):
                raise FerError(f"{key} is not 1: these are not the published ImageNet weights.")
            continue
        first, _, rest = key.partition(".")
        inside = "branches." if "block" in _TIMM.get(first, "") else ""
        rest = re.sub(r"branch(\d)\.(?=conv|bn)", r"branch\1.0.", rest)  # a chain of one
        rest = re.sub(r"branch(\d)", rf"{inside}branches.\1", rest)
        rest = re.sub(r"\bconv2d\.", "up.", rest)
        rest = re.sub(r"\bconv\.", "0.", rest)
        rest = re.sub(r"\bbn\.", "1.", rest)
        renamed[f"{_TIMM.get(first, first)}.{rest}"] = value
    return renamed


def from_dag(weights: dict[str, Tensor], keys: list[str]) -> dict[str, Tensor]:
    """Give the convolutions of vgg_face_dag our names, and their inputs our order, blue first.

    Args:
        weights: its state dict, conv1_1.weight to fc8.bias.
        keys: of our base, weight and bias of every convolution in turn.
    """
    names = [f"conv{b}_{i + 1}" for b, w in enumerate(VGG16_BLOCKS, 1) for i in range(len(w))]
    theirs = [f"{name}.{kind}" for name in names for kind in ("weight", "bias")]
    renamed = {ours: weights[key] for ours, key in zip(keys, theirs, strict=True) if key in weights}
    renamed[keys[0]] = renamed[keys[0]].flip(1)
    return renamed


def _read(name: str, path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise FerError(f"{path} is missing: weights for the base of {name}. {BACKBONES[name]}")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise FerError(f"{path} is not a .safetensors file: {error}") from error


def _fetch(name: str) -> dict[str, Tensor]:
    published = _torchvision.load().models.get_weight(HUB[name])
    cached = Path(torch.hub.get_dir(), "checkpoints", published.url.rpartition("/")[2])
    options = "check_hash=True, weights_only=True"
    try:
        # torch.hub's own default is weights_only=False, which would run what a file asks for
        weights = published.get_state_dict(progress=True, check_hash=True, weights_only=True)
    except OSError as error:
        raise FerError(
            f"{cached.name} could not be fetched ({error}). Where there is a network, run python "
            f'-c "import torchvision; torchvision.models.{HUB[name]}.get_state_dict({options})"; '
            f"it prints where it puts {cached.name}. Copy that file into {cached.parent} here. "
            f"Or give base_weights a file instead of 'imagenet'. {_VGG16_FILE}"
        ) from error
    except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise FerError(
            f"{cached} is not what torchvision publishes, or damaged. Delete it, if it is there, "
            "and try again."
        ) from error
    prefix = "features."  # the rest is the classifier
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:SHOWN]) + (", ..." if len(keys) > SHOWN else "")
