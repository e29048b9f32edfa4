"""A copy of a network made for fast evaluation: batch norm folded, channels last.

At evaluation a batch norm is a fixed scale and shift, so it can be folded into the weights of
the convolution before it. `torch.fx` finds such pairs by running the network's forward pass
with stand-ins. Where that fails (a forward pass with `if`s on the data), its children are
tried one by one; what cannot be traced stays as it is.
"""

import copy
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import is_dataclass
from enum import Enum
from types import BuiltinFunctionType, FunctionType, NoneType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.nn.modules import module as nn_module
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fer_utils.models.answers import call, check_net, evaluating

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)

# largest difference between the scores of a net and its folded copy, relative to the largest
TOLERANCE = 1e-4

# Bytes in a row of a tensor's checksum. The rows are added up, and only their sum goes through
# CRC-32: 35 MB take 2 ms instead of 14. Any one changed number changes the sum; so does any
# reordering of filters, as their lengths are no multiples of a row of 251 words (a prime).
ROW = 8 * 251

# Attributes of every module: its parts, hooks and mode, which are compared otherwise.
PARTS = frozenset(vars(nn.Module()))
# Of other values, these are compared by themselves.
PLAIN = frozenset((int, float, complex, str, bytes, bool, NoneType))
NAMES = (type, Enum, torch.dtype, torch.device)

_copies: WeakKeyDictionary[nn.Module, tuple[tuple, nn.Module | None]] = WeakKeyDictionary()


@contextmanager
def fast_copy(net: nn.Module, sample: Tensor) -> Iterator[nn.Module]:
    """Lend a copy of `net` for evaluation; the same one again while `net` has not changed.

    A net that cannot be copied, or that may change unseen (see `fingerprint`), is lent itself, in
    evaluation mode, and put back into its own mode afterwards.

    Args:
        net: any module; its mode, weights and gradients stay as they are.
        sample: a batch it accepts, on which the copy is checked against the net.
    """
    check_net(net)
    state = fingerprint(net)
    if state is None:
        _copies.pop(net, None)
        copied = None
    else:
        if net not in _copies or _copies[net][0] != state:
            _copies[net] = (state, _make_copy(net, sample))
        copied = _copies[net][1]
    if copied is not None:
        yield copied
        return
    with evaluating(net):
        yield net


def fingerprint(net: nn.Module) -> tuple | None:
    """Return what tells a changed net: modules, their settings, a checksum of every tensor's bytes.

    Torch's own version counters miss changes through `.data` or numpy, so every byte is read.

    Returns:
        None for a net that may change unseen: it has hooks, a `forward` of its own beside its
        class's, or holds things of which nothing is known.
    """
    if nn_module._global_forward_hooks or nn_module._global_forward_pre_hooks:
        return None
    modules = list(net.modules())
    try:
        settings = tuple(map(_settings, modules))
        classes = tuple(map(_class_values, dict.fromkeys(map(type, modules))))
    except _Unknown:
        return None
    own: list[Any]
    own = [*(module._parameters for module in modules), *(module._buffers for module in modules)]
    tensors = {id(tensor): tensor for held in own for tensor in held.values() if tensor is not None}
    return settings, classes, tuple(map(_checksum, tensors.values()))


class _Unknown(Exception):
    """A value that may change without being told."""


def _settings(module: nn.Module) -> tuple:
    """Return a module's class, parts and plain attributes; the tensors' numbers are not read."""
    own = vars(module)
    # what a hook or another forward does may depend on anything
    if own["_forward_hooks"] or own["_forward_pre_hooks"] or "forward" in own:
        raise _Unknown
    values = tuple([(name, _value(own[name])) for name in own if name not in PARTS])
    # the ids tell of a layer that was exchanged for another with the same numbers, or with none
    held = [own["_modules"], own["_parameters"], own["_buffers"]]
    parts = tuple([(*named, *map(id, named.values())) for named in held])
    return id(module), type(module), parts, values


def _class_values(kind: type) -> tuple:
    """Return a class's forward pass, and what else is known of a class that is not torch's."""
    known = []
    for base in kind.__mro__:
        if base is not object and not base.__module__.startswith("torch."):
            for name, value in vars(base).items():
                with suppress(_Unknown):
                    known.append((base, name, _value(value)))
    return kind, kind.forward, tuple(known)  # type: ignore[attr-defined]


def _value(value: Any) -> Any:
    """Return what an attribute's value is compared by.

    Raises:
        _Unknown: nothing is known of such a value.
    """
    kind = type(value)
    if kind in PLAIN:
        return kind, value
    if kind is FunctionType and value.__closure__ is None:
        return value, value.__code__
    if isinstance(value, NAMES):
        return value
    if isinstance(value, tuple | list):
        return (kind, *map(_value, value))
    if isinstance(value, Tensor):
        if value.layout is not torch.strided or value.is_meta:
            raise _Unknown
        return _checksum(value)
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return value.dtype, value.shape, value.tobytes()
    if isinstance(value, dict):
        return kind, tuple((_value(key), _value(one)) for key, one in value.items())
    if isinstance(value, set | frozenset):
        return kind, frozenset(map(_value, value))
    if is_dataclass(value):
        return kind, _value(vars(value))
    if isinstance(value, BuiltinFunctionType) and not isinstance(value.__self__, nn.Module):
        return kind, value  # torch.relu
    raise _Unknown


def _checksum(tensor: Tensor) -> tuple:
    data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    whole = len(data) // ROW * ROW
    # whole rows as 64-bit words, added up word by word (overflow is allowed: it forgets nothing
    # that a single change makes); what is left of the last row goes into the CRC as it is
    rows = data[:whole].view(np.uint64).reshape(-1, ROW // 8)
    check = zlib.crc32(np.add.reduce(rows, 0).data, zlib.crc32(data[whole:].data))
    return str(tensor.device), tensor.dtype, tuple(tensor.shape), check


def _make_copy(net: nn.Module, sample: Tensor) -> nn.Module | None:
    try:
        plain = copy.deepcopy(net).requires_grad_(False).eval()
    except Exception:  # what a module may hold is without limit
        return None
    folded = fold(copy.deepcopy(plain))
    # torch's stubs lack this form of `to`
    folded = folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return folded if _agree(plain, folded, sample) else plain


def _agree(plain: nn.Module, folded: nn.Module, sample: Tensor) -> bool:
    with torch.inference_mode():
        expected = call(plain, sample)
        dense = isinstance(expected, Tensor) and expected.layout is torch.strided
        if not dense or not expected.is_floating_point():
            return False  # nothing to compare; the engines refuse such a net
        try:
            actual = folded(sample)
        except Exception:  # a child was called in a way that its traced form does not know
            return False
        return bool((actual - expected).abs().max() <= TOLERANCE * expected.abs().max())


class _Tracer(fx.Tracer):
    """Looks inside a module only where it may find a convolution beside a batch norm."""

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        if isinstance(module, nn.Sequential):
            return False
        own = super().is_leaf_module(module, name)
        return own or not any(isinstance(m, _BatchNorm) for m in module.modules())


def fold(module: nn.Module) -> nn.Module:
    """Return `module` (evaluation mode) with its batch norms folded; it may be altered."""
    if not any(isinstance(m, _BatchNorm) for m in module.modules()):
        return module
    try:
        graph = _Tracer().trace(module)
    except Exception:  # tracing runs the net's own code with stand-ins: anything may go wrong
        for name, child in module.named_children():
            setattr(module, name, fold(child))
        return module
    return _fold_graph(fx.GraphModule(module, graph))


def _fold_graph(traced: fx.GraphModule) -> fx.GraphModule:
    calls = Counter(node.target for node in traced.graph.nodes if node.op == "call_module")
    for node in traced.graph.nodes:
        before = node.args[0] if node.args else None
        if not isinstance(before, fx.Node):
            continue
        conv, norm = module_of(traced, before), module_of(traced, node)
        if not (isinstance(conv, CONVOLUTIONS) and isinstance(norm, _BatchNorm)):
            continue
        # used twice, a convolution would need two different sets of folded weights
        if len(before.users) > 1 or calls[before.target] > 1 or norm.running_mean is None:
            continue
        traced.set_submodule(str(before.target), fuse_conv_bn_eval(conv, norm))
        node.replace_all_uses_with(before)
        traced.graph.erase_node(node)
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced


def module_of(traced: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    """Return the module that a node calls, if it calls one."""
    return traced.get_submodule(str(node.target)) if node.op == "call_module" else None
