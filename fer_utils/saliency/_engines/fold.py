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
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, fx, nn
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

_copies: WeakKeyDictionary[nn.Module, tuple[tuple, nn.Module | None]] = WeakKeyDictionary()


@contextmanager
def fast_copy(net: nn.Module, sample: Tensor) -> Iterator[nn.Module]:
    """Lend a copy of `net` for evaluation; the same one again while `net` has not changed.

    A net that cannot be copied (a hook keeps an activation in it, say) is lent itself, in
    evaluation mode, and put back into its own mode afterwards.

    Args:
        net: any module; its mode, weights and gradients stay as they are.
        sample: a batch it accepts, on which the copy is checked against the net.
    """
    check_net(net)
    state = fingerprint(net)
    if net not in _copies or _copies[net][0] != state:
        _copies[net] = (state, _make_copy(net, sample))
    copied = _copies[net][1]
    if copied is not None:
        yield copied
        return
    with evaluating(net):
        yield net


def fingerprint(net: nn.Module) -> tuple:
    """Return what tells a changed net: its modules, and a checksum of every tensor's bytes.

    Torch's own version counters miss changes through `.data` or numpy, so every byte is read.
    """
    # the ids tell of a layer that was exchanged for another with the same numbers, or with none
    modules = tuple(map(id, net.modules()))
    tensors = [*net.named_parameters(), *net.named_buffers()]
    return modules, tuple((name, *_checksum(tensor)) for name, tensor in tensors)


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
        if not isinstance(expected, Tensor) or not expected.is_floating_point():
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
