"""Nets that crop the face with a spatial transformer first, as Deep-Emotion: what can be taken.

A window changes a small box of the localisation network's maps, and with its six numbers the whole
crop: so that network's maps are renewed in boxes, and the crop and all after it are whole.
"""

import copy
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils.models.facenet import FaceNet
from fer_utils.models.layers import SpatialTransformer
from fer_utils.saliency._engines import Unsupported
from fer_utils.saliency._engines.fused.weights import folded

# The columns of `Layout.maps`: where pixel (0, 0) of the first channel is in the arena, floats from
# row to row and from channel to channel, pixels on a side.
ORIGIN, ROW, PLANE, SIDE = range(4)
# The columns of `Layout.steps`; a kernel of side 0 is a 2x2 pooling.
SOURCE, TARGET, KERNEL, INPUTS, OUTPUTS, WEIGHTS, BIAS, RECTIFIED = range(8)

# Floats that vectors may read or write after the end of a map.
SLACK = 64


@dataclass
class Layer:
    """A 3x3 (or other) convolution without padding, or a 2x2 pooling; perhaps a ReLU after it."""

    conv: nn.Conv2d | None = None
    norm: nn.Module | None = None
    rectified: bool = False


@dataclass(frozen=True)
class Warping:
    """The parts of a net with a spatial transformer, in the order of the forward pass.

    Attributes:
        net: the whole.
        side: of the picture, and of its crop.
        looking: the localisation network's layers on maps.
        pointing: what makes six numbers of its last maps, (n, features) to (n, 6); a copy.
        features: the layers on the crop.
        head: from their last maps to the scores; a copy.
    """

    net: FaceNet
    side: int
    looking: list[Layer]
    pointing: nn.Module
    features: list[Layer]
    head: nn.Module


def read(net: FaceNet) -> Warping:
    """Find the parts of a net that has passed `structure.check`.

    Raises:
        Unsupported: a part is of another kind.
    """
    transformer, *rest = net.trunk.children()
    if type(transformer) is not SpatialTransformer or transformer.side != net.input_size:
        raise Unsupported("the net's trunk does not begin with a spatial transformer of its size")
    if net.inputs != "gray":
        raise Unsupported("the net's trunk sees derivatives beside the picture")
    looking, pointing = layers_of([transformer.localisation])
    features, head = layers_of(rest)
    return Warping(net, transformer.side, looking, pointing, features, head)


def _flat(modules: Iterable[nn.Module]) -> Iterator[nn.Module]:
    for module in modules:
        if type(module) is nn.Sequential:
            yield from _flat(module.children())
        elif type(module) not in (nn.Identity, nn.Dropout, nn.Dropout2d):
            yield module


def layers_of(
    parts: Iterable[nn.Module], padding: Container[int] = (0,)
) -> tuple[list[Layer], nn.Sequential]:
    """Return the layers on maps, and a copy of what follows when these are one row.

    Args:
        parts: of the net, one after the other.
        padding: of convolutions, which can be taken.

    Raises:
        Unsupported: a part is of another kind.
    """
    modules, layers = _flat(parts), list[Layer]()
    last = Layer(rectified=True)
    for module in modules:
        if type(module) is nn.Flatten and (module.start_dim, module.end_dim) == (1, -1):
            break
        if type(module) is nn.ReLU and layers:
            last.rectified = True
        elif _can_be_folded(module) and last.conv and not (last.norm or last.rectified):
            last.norm = module
        elif type(module) is nn.Conv2d and _is_plain(module, padding):
            layers.append(last := Layer(module))
        elif type(module) is nn.MaxPool2d and _halves(module) and layers:
            layers.append(last := Layer())
        else:
            kind = type(module).__name__
            raise Unsupported(f"the net's trunk has a {kind} that this engine does not know there")
    else:
        raise Unsupported("the net's trunk is never flattened")
    rows = list(modules)
    if not layers or not all(type(row) in (nn.Linear, nn.ReLU) for row in rows):
        raise Unsupported("the net's trunk does not end in linear layers and ReLUs")
    return layers, copy.deepcopy(nn.Sequential(*rows)).requires_grad_(False)


def _can_be_folded(module: nn.Module) -> bool:
    return type(module) is nn.BatchNorm2d and module.running_mean is not None


def _is_plain(conv: nn.Conv2d, padding: Container[int]) -> bool:
    square = conv.kernel_size[0] == conv.kernel_size[1] and conv.padding_mode == "zeros"
    actual = (conv.stride, conv.dilation, conv.groups)
    padded = conv.padding in [(side, side) for side in range(2) if side in padding]
    return square and padded and actual == ((1, 1), (1, 1), 1)


def _halves(pool: nn.MaxPool2d) -> bool:
    sides = (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
    return sides == (2, 2, 0, 1) and not (pool.ceil_mode or pool.return_indices)


@dataclass
class Layout:
    """Where the maps of a chain of layers are in the arena; each channel is a plane of its own.

    Attributes:
        maps: int64 (maps, 4), see ORIGIN, ROW, PLANE, SIDE; the first is what goes in.
        steps: int64 (layers, 8), see SOURCE to RECTIFIED.
        weights: float32, of all layers.
        floats: where the next map would begin.
        channels: of the last map.
    """

    maps: np.ndarray
    floats: int
    steps: np.ndarray = field(default_factory=lambda: np.zeros((0, 8), np.int64))
    weights: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    channels: int = 1

    @classmethod
    def of(cls, layers: list[Layer], first: int, side: int, border: tuple[int, int]) -> "Layout":
        """Lay out a chain.

        Args:
            layers: of the chain.
            first: where in the arena it begins.
            side: of the map that goes in, of one channel.
            border: pixels before and after it that belong to it, and stay 0.
        """
        before, after = border
        row = before + side + after
        layout = cls(np.array([[first + before * (row + 1), row, row * row, side]]), first)
        layout.floats += row * row + SLACK
        for layer in layers:
            layout._add(layer)
        return layout

    @property
    def features(self) -> int:
        """Numbers in the last map."""
        return int(self.channels * self.maps[-1, SIDE] ** 2)

    def _add(self, layer: Layer) -> None:
        _, row, _, side = self.maps[-1].tolist()
        kernel, inputs, places = 0, self.channels, (0, 0)
        if layer.conv is None:
            side = row = side // 2
        else:
            kernel, self.channels = layer.conv.kernel_size[0], layer.conv.out_channels
            side += 1 - kernel
            with torch.no_grad():
                weight, bias = folded(layer.conv, layer.norm)
            # inputs, rows, columns, outputs: the weights of one place are side by side
            places = (self._keep(weight.permute(1, 2, 3, 0)), self._keep(bias))
            if inputs != layer.conv.in_channels:
                raise Unsupported("the net's trunk does not take a picture of one channel")
        if side < 1:
            raise Unsupported("pictures vanish in the net's trunk")
        plane = side * row + SLACK
        numbers = (len(self.maps) - 1, len(self.maps), kernel, inputs, self.channels, *places)
        self.maps = np.vstack((self.maps, [self.floats, row, plane, side]))
        self.steps = np.vstack((self.steps, [*numbers, layer.rectified]))
        self.floats += plane * self.channels

    def _keep(self, tensor: Tensor) -> int:
        first = len(self.weights)
        numbers = tensor.flatten().float().numpy()
        self.weights = np.concatenate((self.weights, numbers))
        return first

    def intervals(self, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
        """Return which rows (or columns) of each map an interval of the picture's can change.

        Args:
            starts: int64 (n,), the first of each.
            stops: int64 (n,), one past the last.

        Returns:
            int64 (maps, n, 2).
        """
        table = [np.stack((starts, stops), -1)]
        for step, (*_, side) in zip(self.steps, self.maps[1:], strict=True):
            first, stop = table[-1].T
            if step[KERNEL]:
                first = first - step[KERNEL] + 1
            else:
                first, stop = first // 2, (stop - 1) // 2 + 1
            table.append(np.clip(np.stack((first, stop), -1), 0, side))
        return np.stack(table)

    def program(self) -> tuple[Any, ...]:
        """Return what the compiled loops need."""
        return self.maps, self.steps, self.weights
