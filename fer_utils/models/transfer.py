"""Transfer: a trained convolutional base, frozen or not, under a new head.

Where the trained weights come from: `backbones`. A frozen base gives the same features in every
epoch: `features` computes them once (mazen2021's bottleneck features), `head` learns from them.
Source: mazen2021 (VGG-Face) and borgalli2022 (VGG16 and InceptionResNetV2 trained on ImageNet).
"""

from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils._arguments import integer, shown
from fer_utils.errors import FerError
from fer_utils.models.answers import as_pictures, device_of, evaluating
from fer_utils.models.facenet import FaceNet, class_names, facenet
from fer_utils.models.fusion import networks
from fer_utils.models.layers import start_like_keras

if TYPE_CHECKING:
    from fer_utils.data.faceset import FaceSet, Features


def freeze_base(net: FaceNet) -> FaceNet:
    """Take everything but the head (and the spatial transformers of `stl`) out of training.

    What is frozen works as in evaluation: its batch norms keep their running statistics, as in
    Keras, and its dropout (vgg13 has some) drops nothing. Returns `net`.

    Raises:
        FerError: a network in it has no part called `head`, which would be left to train.
    """
    frozen = []
    for path, network in networks(facenet(net).trunk).items():
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
    facenet(net).requires_grad_(True)
    net.frozen = ()
    return net.train(net.training)


def replace_head(net: FaceNet, classes: int | tuple[str, ...]) -> FaceNet:
    """Give a net a new last layer for other classes, untrained; the rest stays. Returns `net`.

    Args:
        net: a net from `models.create` or `models.load`.
        classes: names of the new outputs; 7 and 8 get their names by themselves.

    Raises:
        FerError: less than two classes, twice the same, or a net that is none of the kit's.
    """
    names = class_names(classes)
    for network in networks(facenet(net).trunk).values():
        _replace_last_layer(network, len(names))
    net.classes = names
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


def features(net: FaceNet, faces: "FaceSet", *, batch: int = 256) -> "Features":
    """Return what a net's head is shown of every face, computed once.

    As in evaluation: nothing is augmented, dropout and batch norm in the base stand still. With
    the base frozen, `train.fit(models.head(net), features, ...)` then gives the head that
    `train.fit(net, faces, ...)` gives without augmentation, up to rounding, and looks at the
    faces once instead of once an epoch.

    Args:
        net: a net from `models.create` or `models.load` with one network; `FaceNet.to` says where
            it computes.
        faces: pictures and labels.
        batch: pictures per pass.

    Raises:
        FerError: no faces, or a net that is not a base and a head.
    """
    if not hasattr(faces, "with_features"):
        raise FerError(f"faces are a FaceSet, as data.load(NAME) gives it, not {shown(faces)}.")
    if len(faces) == 0:
        raise FerError(f"no faces to compute features of: {faces!r} is empty.")
    batch = integer("batch", batch, 1)
    base, _ = _base_and_head(net)
    device, parts = device_of(net), []
    with evaluating(net), torch.inference_mode():
        for start in range(0, len(faces), batch):
            images = torch.from_numpy(np.array(faces.images[start : start + batch])).to(device)
            parts.append(base(net.prepare(as_pictures(images))).float().cpu())
            if not parts[-1].isfinite().all():
                raise FerError("the features are not finite numbers: are the weights damaged?")
    return faces.with_features(torch.cat(parts).numpy())


class Head(nn.Module):
    """A net without its base, from `features` to logits; it shares the net's weights."""

    def __init__(self, layers: nn.Sequential, classes: tuple[str, ...]):
        super().__init__()
        self.layers, self.classes = layers, classes

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (N, K) of features (N, ...)."""
        return self.layers(features)


def head(net: FaceNet) -> Head:
    """Return what stands behind a net's base; what is trained in it is trained in the net.

    `fit` moves it to its device: move the net there as well before you ask the whole of it.

    Raises:
        FerError: a net that is not a base and a head.
    """
    return Head(_base_and_head(net)[1], net.classes)


def _base_and_head(net: FaceNet) -> tuple[nn.Sequential, nn.Sequential]:
    parts = dict(facenet(net).trunk.named_children())
    if not isinstance(net.trunk, nn.Sequential) or "head" not in parts:
        raise FerError(
            f"{net.name} is not one base with one head behind it: networks in parallel, behind a "
            "spatial transformer or from elsewhere have no features to keep. Freeze what should "
            "not learn and train the whole net."
        )
    layers, at = list(parts.values()), list(parts).index("head")
    return nn.Sequential(*layers[:at]), nn.Sequential(*layers[at:])
