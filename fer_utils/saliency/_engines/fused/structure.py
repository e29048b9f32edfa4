"""Which nets this engine can take: it reads the structure, and says why where it cannot."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fer_utils.models.facenet import FaceNet
from fer_utils.models.layers import (
    GlobalAveragePool,
    SameMaxPool2d,
    SeparableConv2d,
    SpatialTransformer,
)
from fer_utils.models.mini_xception import ResidualModule
from fer_utils.saliency._engines import Unsupported

Convolution = tuple[nn.Conv2d, nn.BatchNorm2d]


@dataclass(frozen=True)
class Structure:
    """The parts of a net of the mini-Xception family, in the order of the forward pass.

    Attributes:
        net: the whole.
        side: of the pictures that the net works on, in pixels.
        stem: 3x3 convolutions without padding, each with the batch norm that follows.
        modules: the residual modules.
        head: the 3x3 "same" convolution to the classes, before the mean over all positions.
    """

    net: FaceNet
    side: int
    stem: tuple[Convolution, ...]
    modules: tuple[ResidualModule, ...]
    head: nn.Conv2d


def check(net: nn.Module, shape: tuple[int, int, int]) -> FaceNet:
    """Refuse at little cost what can be refused at little cost; return the net.

    Args:
        net: a net.
        shape: (C, H, W) of the picture.

    Raises:
        Unsupported: the net is of another family, or the picture would have to be resized.
    """
    if type(net) is not FaceNet:
        raise Unsupported(f"{type(net).__name__} is no FaceNet")
    side = net.input_size
    if side is None:
        raise Unsupported("the net takes pictures of any size as they are")
    if tuple(shape[1:]) != (side, side):
        raise Unsupported(f"the net resizes pictures of {shape[1]}x{shape[2]} to {side}x{side}")
    if shape[0] not in (1, 3) or (net.color_channels != 1 and (is_xception(net) or crops(net))):
        raise Unsupported("the net looks at colours, not at grey")
    _check_tensor(next(net.parameters()))
    return net


def is_xception(net: FaceNet) -> bool:
    """Return whether the trunk has mini-Xception's parts."""
    return list(dict(net.trunk.named_children())) == ["stem", "blocks", "head", "pool"]


def crops(net: FaceNet) -> bool:
    """Return whether a spatial transformer comes first."""
    first = next(net.trunk.children(), None)
    return type(net.trunk) is nn.Sequential and isinstance(first, SpatialTransformer)


def check_weights(net: FaceNet) -> None:
    """Refuse hooks, and weights with which the loops cannot compute.

    Raises:
        Unsupported: the message says which.
    """
    if any(module._forward_hooks or module._forward_pre_hooks for module in net.modules()):
        raise Unsupported("hooks are attached to the net")
    for tensor in (*net.parameters(), *net.buffers()):
        _check_tensor(tensor)
        if not tensor.detach().isfinite().all():
            raise Unsupported("some of the net's weights are not finite numbers")


def read(net: FaceNet) -> Structure:
    """Find the parts of a net that has passed `check` and `check_weights`.

    Raises:
        Unsupported: a part is not what it is in mini-Xception.
    """
    parts: dict[str, Any] = _children(net.trunk)
    stem = tuple(_stem_layer(layer) for layer in _children(parts["stem"]).values())
    modules: tuple[Any, ...] = tuple(_children(parts["blocks"]).values())
    for module in modules:
        _check_module(module)
    head = parts["head"]
    _expect(stem and modules and type(parts["pool"]) is GlobalAveragePool, "trunk")
    _expect(_is_conv(head, 3, padding=1), "head")
    side = net.input_size or 0
    if side <= 2 * len(stem):
        raise Unsupported(f"pictures of {side} pixels vanish in the net's stem")
    return Structure(net, side, stem, modules, head)


def _check_tensor(tensor: Tensor) -> None:
    if tensor.device.type != "cpu":
        raise Unsupported(f"the net is on {tensor.device}, not on the CPU")
    if tensor.is_floating_point() and tensor.dtype != torch.float32:
        raise Unsupported(f"the net computes in {tensor.dtype}, not in float32")


def _stem_layer(layer: nn.Module) -> Convolution:
    parts: tuple[Any, ...] = tuple(_children(layer).values())
    _expect(list(map(type, parts)) == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU], "stem")
    conv, norm, _ = parts
    _expect(_is_conv(conv, 3) and norm.running_mean is not None, "stem")
    return conv, norm


def _check_module(module: Any) -> None:
    name = "residual module"
    _expect(type(module) is ResidualModule, name)
    main, residual = list(_children(module.main).values()), list(module.residual)
    kinds = [SeparableConv2d, nn.BatchNorm2d, nn.ReLU] + [SeparableConv2d, nn.BatchNorm2d]
    _expect(list(map(type, main)) == [*kinds, SameMaxPool2d], name)
    _expect(list(map(type, residual)) == [nn.Conv2d, nn.BatchNorm2d], name)
    _expect(_is_conv(residual[0], 1, stride=2), name)
    _expect(all(norm.running_mean is not None for norm in (main[1], main[4], residual[1])), name)
    separables: Any = (main[0], main[3])
    for spatial, pointwise in separables:
        depthwise = _is_conv(spatial, 3, padding=1, groups=spatial.in_channels)
        same = spatial.in_channels == spatial.out_channels and spatial.bias is None
        _expect(depthwise and same and _is_conv(pointwise, 1), name)


def _is_conv(
    conv: nn.Module, side: int, stride: int = 1, padding: int = 0, groups: int = 1
) -> bool:
    if type(conv) is not nn.Conv2d:
        return False
    actual = (conv.kernel_size, conv.stride, conv.padding, conv.groups)
    expected = ((side, side), (stride, stride), (padding, padding), groups)
    return actual == expected and conv.dilation == (1, 1) and conv.padding_mode == "zeros"


def _children(module: nn.Module) -> dict[str, nn.Module]:
    _expect(type(module) is nn.Sequential, "trunk")
    return dict(module.named_children())


def _expect(condition: object, where: str) -> None:
    if not condition:
        raise Unsupported(f"the net's {where} is not built like mini-Xception's")
