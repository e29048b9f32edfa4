"""Operations that can be computed in boxes, found in the graph that `torch.fx` draws of a net.

Operations of which every output depends on a few neighbouring inputs (convolution, pooling, ReLU,
sum) become an `Op`. The rest (flatten, linear layers, whatever else) needs whole maps.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from fer_utils.saliency._engines.fold import module_of

# No smaller than any activation, so that what lies outside a map never wins a pooling, and so
# large that adding a difference to it changes nothing.
OUTSIDE = -1e30

# Rising functions of one value; f(OUTSIDE) is then the smallest value, as a pooling needs. With
# some settings (a negative slope) they fall: see `_rising`.
RISING_MODULES = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.Sigmoid, nn.Tanh, nn.Softplus),
    *(nn.Hardtanh, nn.Hardsigmoid),
)
RISING_FUNCTIONS = (F.relu6, F.leaky_relu, F.elu, torch.sigmoid, torch.tanh)
RISING_METHODS = ("sigmoid", "tanh")
SUMS = (operator.add, operator.iadd, torch.add)


@dataclass(frozen=True)
class Slide:
    """How a kernel slides along one axis."""

    kernel: int = 1
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    @property
    def reach(self) -> int:
        """Distance between the first and the last input that belong to one output.

        Inputs that a stride larger than the kernel skips belong to the output before them, so
        that each belongs to one at least.
        """
        return max((self.kernel - 1) * self.dilation, self.stride - 1)

    def touched(self, first: Any, length: int) -> tuple[Any, Any]:
        """Return (first, length) of the outputs to which any of these inputs belongs.

        `first` is a number, or an array of them: then so are both answers.
        """
        # output o reads the inputs from o * stride - padding to that + reach: its first one is
        # the o whose last input reaches `first` (rounded up), its last the o that begins in time
        low = -((self.reach - self.padding - first) // self.stride)
        high = (first + length - 1 + self.padding) // self.stride
        return low, high - low + 1

    def needed(self, first: int, length: int) -> tuple[int, int]:
        """Return (first, length) of the inputs that belong to these outputs."""
        return first * self.stride - self.padding, (length - 1) * self.stride + self.reach + 1

    def longest(self, length: int) -> int:
        """Return the largest number of outputs to which any of so many inputs belongs."""
        return (length - 1 + self.reach) // self.stride + 1


POINT = Slide()
Margins: TypeAlias = tuple[int, int, int, int]  # left, right, top, bottom, as for F.pad
Sides: TypeAlias = int | tuple[int, ...]  # one for both axes, or (down, right), as torch takes them


@dataclass(frozen=True)
class Op:
    """An operation on boxes.

    Attributes:
        sources: the nodes it reads.
        linear: it maps differences to differences; the others need the values themselves.
        slides: how its kernel slides, down and to the right.
        apply: from boxes, and for a linear one the margins of zeros to put around each, to the
            box of outputs. The others may overwrite their box.
        weights: for a pooling that sums, the factor that makes every sum a mean.
    """

    sources: tuple[fx.Node, ...]
    linear: bool
    apply: Callable[..., Tensor]
    slides: tuple[Slide, Slide] = (POINT, POINT)
    weights: Callable[[Tensor], Tensor] | None = None

    @property
    def spatial(self) -> bool:
        """Whether an output sees other inputs than the one at its own place."""
        return self.slides != (POINT, POINT)


def operations(traced: fx.GraphModule, known: Mapping[fx.Node, object]) -> dict[fx.Node, Op]:
    """Return the nodes that can be computed in boxes.

    Args:
        traced: a graph.
        known: every node's value for one picture.
    """
    ops = {}
    for node in traced.graph.nodes:
        value = known.get(node)
        if not (node.args and _is_map(value)):
            continue
        # (what a node is called with is anything, to torch.fx: a node, a number, a list of either)
        op = _from_module(module_of(traced, node), *node.args) or _from_call(node, known)
        if op is not None and all(_is_map(known.get(source)) for source in op.sources):
            ops[node] = op
    return ops


def _is_map(value: object) -> bool:
    return isinstance(value, Tensor) and value.ndim == 4


def _from_module(module: nn.Module | None, source: Any, *_: object) -> Op | None:
    if isinstance(module, nn.Conv2d):
        return _convolution(module, source)
    if isinstance(module, nn.BatchNorm2d) and module.running_var is not None:
        scale = (module.running_var + module.eps).rsqrt()
        scale = (scale if module.weight is None else scale * module.weight).view(1, -1, 1, 1)
        # the shift is the same for "covered" and "clean", so their difference does not have it
        return Op((source,), True, lambda box, margins: box * scale)
    if isinstance(module, nn.ReLU):
        return Op((source,), False, torch.relu_)
    if isinstance(module, RISING_MODULES):
        return _rising(source, module)
    if isinstance(module, nn.MaxPool2d) and not module.return_indices:
        return _max_pool(source, **_settings(module, "dilation"))
    if isinstance(module, nn.AvgPool2d):
        return _average_pool(source, **_settings(module, "count_include_pad", "divisor_override"))
    return None


def _settings(module: nn.Module, *names: str) -> dict[str, Any]:
    names = ("kernel_size", "stride", "padding", "ceil_mode", *names)
    return {name: getattr(module, name) for name in names}


def _from_call(node: fx.Node, known: Mapping[fx.Node, Any]) -> Op | None:
    def resolve(arguments: Any) -> Any:
        return fx.node.map_arg(arguments, known.__getitem__)

    source: Any
    target: Any
    source, *rest = node.args
    target = node.target
    if target in (F.relu, torch.relu, "relu", "relu_"):
        return Op((source,), False, torch.relu_)
    if node.op == "call_method":
        if target in RISING_METHODS:
            return Op((source,), False, getattr(torch, target))
        if target in ("add", "add_"):
            return _sum(*node.args, **node.kwargs)
    if node.op != "call_function":
        return None
    if target in RISING_FUNCTIONS:
        options = resolve({k: v for k, v in node.kwargs.items() if k != "inplace"})
        return _rising(source, lambda box: target(box, *rest, **options))
    if target in (F.max_pool2d, torch.max_pool2d):
        return _max_pool(source, *resolve(rest), **resolve(node.kwargs))
    if target in (F.avg_pool2d, torch._C._nn.avg_pool2d):
        return _average_pool(source, *resolve(rest), **resolve(node.kwargs))
    if target in SUMS:
        return _sum(*node.args, **node.kwargs)
    if target is torch.cat:
        return _concatenation(*node.args, **node.kwargs)
    if target is operator.getitem:
        return _part_of_split(*node.args)
    return None


def _rising(source: fx.Node, function: Callable[[Tensor], Tensor]) -> Op | None:
    """Return the operation, unless settings (a negative slope, say) make the function fall."""
    steps = torch.cat((torch.tensor([OUTSIDE]), torch.linspace(-50, 50, 1001)))
    return Op((source,), False, function) if (function(steps).diff() >= 0).all() else None


def _pair(value: Sides) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


def _slides(
    kernel: Sides, stride: Sides, padding: Sides, dilation: Sides = 1
) -> tuple[Slide, Slide]:
    down, right = zip(*map(_pair, (kernel, stride, padding, dilation)), strict=True)
    return Slide(*down), Slide(*right)


def _convolution(conv: nn.Conv2d, source: fx.Node) -> Op | None:
    if conv.padding_mode != "zeros" or isinstance(conv.padding, str):
        return None

    def apply(box: Tensor, margins: Margins) -> Tensor:
        # conv2d can only pad both sides alike, and not cut; F.pad can, but it copies the box
        left, right, top, bottom = margins
        padding = (top, left)
        if left != right or top != bottom or min(margins) < 0:
            box, padding = F.pad(box, margins), (0, 0)
        return F.conv2d(box, conv.weight, None, conv.stride, padding, conv.dilation, conv.groups)

    slides = _slides(conv.kernel_size, conv.stride, conv.padding, conv.dilation)
    return Op((source,), True, apply, slides)


def _max_pool(
    source: fx.Node,
    kernel_size: Sides,
    stride: Sides | None = None,
    padding: Sides = 0,
    dilation: Sides = 1,
    ceil_mode: bool = False,  # more outputs at the border, by the same rule
    return_indices: bool = False,
) -> Op | None:
    if return_indices:
        return None
    step = stride or kernel_size

    def apply(box: Tensor) -> Tensor:
        return F.max_pool2d(box, kernel_size, step, 0, dilation)

    return Op((source,), False, apply, _slides(kernel_size, step, padding, dilation))


def _average_pool(
    source: fx.Node,
    kernel_size: Sides,
    stride: Sides | None = None,
    padding: Sides = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Op:
    step = stride or kernel_size

    # A mean divides by as many as its window finds, fewer at some borders: no linear rule that
    # holds at every place. So boxes hold sums, and every place has its factor (`weights`).
    def apply(box: Tensor, margins: Margins) -> Tensor:
        return F.avg_pool2d(F.pad(box, margins), kernel_size, step, divisor_override=1)

    def weights(like: Tensor) -> Tensor:
        ones = torch.ones_like(like[:1, :1])
        shape = (kernel_size, step, padding, ceil_mode, count_include_pad)
        mean = F.avg_pool2d(ones, *shape, divisor_override)
        return mean / F.avg_pool2d(ones, *shape, divisor_override=1)

    return Op((source,), True, apply, _slides(kernel_size, step, padding), weights)


def _sum(*sources: Any, **options: object) -> Op | None:
    if len(sources) != 2 or options or not all(isinstance(s, fx.Node) for s in sources):
        return None

    def apply(first: Tensor, second: Tensor, *margins: Margins) -> Tensor:
        return padded(first, margins[0]) + padded(second, margins[1])

    return Op(sources, True, apply)


def _concatenation(tensors: Any, dim: Any = 0) -> Op | None:
    if dim not in (1, -3):
        return None

    def apply(*boxes_and_margins: Any) -> Tensor:
        boxes, margins = boxes_and_margins[: len(tensors)], boxes_and_margins[len(tensors) :]
        return torch.cat([padded(b, m) for b, m in zip(boxes, margins, strict=True)], 1)

    return Op(tuple(tensors), True, apply)


def _part_of_split(split: Any, index: Any) -> Op | None:
    if not isinstance(split, fx.Node) or split.target not in (torch.split, "split"):
        return None
    source: Any
    widths: Any
    source, widths = split.args[:2]
    dim = split.kwargs.get("dim", split.args[2] if len(split.args) > 2 else 0)
    if dim != 1 or isinstance(widths, int):
        return None
    first = sum(widths[:index])

    def apply(box: Tensor, margins: Margins) -> Tensor:
        part = padded(box, margins)[:, first : first + widths[index]]
        return part.clone(memory_format=torch.channels_last)

    return Op((source,), True, apply)


def padded(box: Tensor, margins: Margins) -> Tensor:
    """Return the box with margins of zeros (cut, where they are negative)."""
    return F.pad(box, margins) if any(margins) else box
