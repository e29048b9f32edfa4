"""A net taken apart: the graph of its forward pass, and what is known of every node."""

import operator
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import Tensor, fx, nn

from fer_utils.models.answers import device_of
from fer_utils.models.facenet import FaceNet
from fer_utils.saliency._engines import Unsupported, gpu
from fer_utils.saliency._engines.delta.ops import operations
from fer_utils.saliency._engines.delta.winograd import SHARE, Winograd, suits
from fer_utils.saliency._engines.fold import module_of

NOTHING_MODULES = (nn.Dropout, nn.Dropout2d, nn.Identity)
NOTHING_METHODS = ("contiguous", "clone")

# what torch.fx takes `y += 1` and its kin for
AUGMENTED = (operator.add, operator.sub, operator.mul, operator.truediv)

# Reading and writing a number counts like so many multiplications.
TOUCH = 30


class _Tracer(fx.Tracer):
    """Lets the result of a split be unpacked: how many parts there are is written in the call."""

    def iter(self, proxy: Any) -> Iterator:
        node = proxy.node
        if node.target in (torch.split, "split") and isinstance(node.args[1], list | tuple):
            return iter([proxy[i] for i in range(len(node.args[1]))])
        return super().iter(proxy)


def trace(net: nn.Module) -> fx.GraphModule:
    """Return a net (evaluation mode) as a graph, without what does nothing at evaluation.

    Raises:
        Unsupported: what the net does depends on its input's values or shape.
    """
    try:
        traced = fx.GraphModule(net, _Tracer().trace(net))
    except Exception as error:  # tracing runs the net's own code with stand-ins
        raise Unsupported(f"torch.fx cannot trace the net: {error}") from error
    for node in traced.graph.nodes:
        module = module_of(traced, node)
        idle = isinstance(module, NOTHING_MODULES) or (
            node.op == "call_method" and node.target in NOTHING_METHODS
        )
        if idle:
            node.replace_all_uses_with(node.args[0])
            traced.graph.erase_node(node)
    _check_writing(traced)
    traced.graph.eliminate_dead_code()
    return traced


def _check_writing(traced: fx.GraphModule) -> None:
    """Refuse a net that reads a map again into which it has written: here maps are not changed.

    Raises:
        Unsupported: it does.
    """
    order = {node: i for i, node in enumerate(traced.graph.nodes)}
    for node in order:
        source = node.args[0] if node.args else None
        if not isinstance(source, fx.Node):
            continue
        if node.op == "call_module":
            writes = getattr(traced.get_submodule(str(node.target)), "inplace", False)
        else:
            name = getattr(node.target, "__name__", str(node.target))
            writes = node.kwargs.get("inplace") or (name.endswith("_") and name[0] != "_")
        later = any(order[user] > order[node] for user in source.users)
        # (what nobody reads was written for the readers of the map itself: so are `y += 1`s)
        unread = not node.users and (writes or node.target in AUGMENTED)
        if unread or (writes and later):
            raise Unsupported("the net reads a map again into which it has written")


class Network:
    """A net from pictures to rows of scores, as a graph.

    Attributes:
        shape: of a picture, (C, H, W).
        device: where it is.
        before: what turns pictures into the input of the graph.
        traced: the graph.
        entry: the node that stands for its input.
        last: the node that gives the scores.
        ops: what can be computed in boxes, in order.
        shapes: of every node that is a tensor, without the batch.
        rows: nodes that are one row per picture.
        costs: multiplications of a node for one picture, in a plain net.
        shares: what part of those is left, for convolutions that take a shorter way.

    Raises:
        Unsupported: it cannot be traced, or gives something else.
    """

    def __init__(self, net: nn.Module, shape: tuple[int, int, int]):
        self.before: Callable[[Tensor], Tensor] = nn.Identity()
        if type(net) is FaceNet:
            self.before, net = net.prepare, net.trunk
        self.shape, self.traced, self.device = shape, trace(net), device_of(net)
        entries = [node for node in self.traced.graph.nodes if node.op == "placeholder"]
        self.entry, self.last = entries[0], _output(self.traced)
        sample = torch.full((1, *shape), 0.5, device=self.device)
        with torch.inference_mode():
            known = _values(self.traced, self.before(sample))
            if len(entries) != 1 or not _is_row(known.get(self.last)):
                raise Unsupported("the net does not turn one picture into one row of scores")
            self.ops = operations(self.traced, known)
        tensors = {node: value for node, value in known.items() if isinstance(value, Tensor)}
        self.rows = {node for node, value in tensors.items() if _is_row(value)}
        self.shapes = {node: tuple(value.shape[1:]) for node, value in tensors.items()}
        self.costs = {node: self._cost(node) for node in self.shapes}
        self.shares: dict[fx.Node, float] = {}
        if not gpu.records(self.device):
            self._shorten()

    @property
    def sizes(self) -> dict[fx.Node, tuple[int, int]]:
        """Height and width of every map."""
        return {node: (s[1], s[2]) for node, s in self.shapes.items() if len(s) == 3}

    def _shorten(self) -> None:
        """Let convolutions take fewer products where that is quicker, on a CPU."""
        short: dict[str, Winograd] = {}
        for node in self.traced.graph.nodes:
            conv = module_of(self.traced, node)
            if suits(conv):
                name = str(node.target)
                made = short.get(name) or short.setdefault(name, Winograd(conv))
                self.shares[node] = SHARE[made.stride]
                if node in self.ops:
                    self.ops[node] = replace(self.ops[node], apply=made.boxes)
        for name, made in short.items():
            self.traced.set_submodule(name, made)

    def _cost(self, node: fx.Node) -> float:
        cost = TOUCH * prod(self.shapes[node])
        module = module_of(self.traced, node)
        if isinstance(module, nn.Conv2d | nn.Linear):
            cost += module.weight.numel() * prod(self.shapes[node][1:])
        return cost


def _output(traced: fx.GraphModule) -> fx.Node:
    node = traced.graph.output_node().args[0]
    if not isinstance(node, fx.Node):
        raise Unsupported("the net gives several outputs, or none")
    return node


def _values(traced: fx.GraphModule, sample: Tensor) -> dict[fx.Node, object]:
    runner = fx.Interpreter(traced, garbage_collect_values=False)
    try:
        runner.run(sample)
    except Exception as error:  # the net's own code
        raise Unsupported(f"the traced net does not run: {error}") from error
    return runner.env


def _is_row(value: object) -> bool:
    return isinstance(value, Tensor) and value.ndim == 2 and len(value) == 1
