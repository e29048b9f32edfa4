"""A copy of a network made for fast evaluation: batch norm folded, channels last.

At evaluation a batch norm is a fixed scale and shift, so it can be folded into the weights of
the convolution before it. `torch.fx` finds such pairs by running the network's forward pass
with stand-ins. Where that fails (a forward pass with `if`s on the data), its children are
tried one by one; what cannot be traced stays as it is.
"""

import copy
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fer_utils.models.answers import call, check_net, evaluating
from fer_utils.saliency._engines.gpu import full_precision
from fer_utils.saliency._engines.kept import forget, kept

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)

# largest difference between the scores of a net and its folded copy, relative to the largest
TOLERANCE = 1e-4


@contextmanager
def fast_copy(net: nn.Module, sample: Tensor, wanted: bool = True) -> Iterator[nn.Module]:
    """Lend a copy of `net` for evaluation, which answers the sample as the net does now.

    A net that cannot be copied, or that may change unseen (see `kept.fingerprint`), is lent itself,
    in evaluation mode, and put back into its own mode afterwards.

    Args:
        net: any module; its mode, weights and gradients stay as they are.
        sample: a batch it accepts, of which net and copy are asked at every call.
        wanted: False lends the net itself in any case.
    """
    check_net(net)
    copied = folded_copy(net, sample, kept(net)) if wanted else None
    if copied is not None and not _agree(net, copied, sample):
        forget(net)
        copied = folded_copy(net, sample, kept(net))
    if copied is not None:
        yield copied
        return
    with evaluating(net):
        yield net


def folded_copy(net: nn.Module, sample: Tensor, made: dict | None) -> nn.Module | None:
    """Return a copy for evaluation, without asking it again where there is one.

    Args:
        net: any module.
        sample: a batch it accepts, on which a new copy is compared with it.
        made: from `kept.kept`, where the copy is kept.

    Returns:
        None for a net of which there can be no copy.
    """
    if made is None:
        return None
    if "copy" not in made:
        made["copy"] = _make_copy(net, sample)
    return made["copy"]


def _make_copy(net: nn.Module, sample: Tensor) -> nn.Module | None:
    try:
        plain = copy.deepcopy(net).requires_grad_(False).eval()
    except Exception:  # what a module may hold is without limit
        return None
    folded = fold(copy.deepcopy(plain))
    # torch's stubs lack this form of `to`
    folded = folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return next((made for made in (folded, plain) if _agree(net, made, sample)), None)


def _agree(net: nn.Module, copied: nn.Module, sample: Tensor) -> bool:
    # (TF32 alone would make them differ by more)
    with evaluating(net), torch.no_grad(), full_precision(sample.device):
        expected = call(net, sample)
        dense = isinstance(expected, Tensor) and expected.layout is torch.strided
        if not dense or not expected.is_floating_point():
            return False  # nothing to compare; the engines refuse such a net
        try:
            actual = copied(sample.clone())
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
    """Return the module that a node calls, if it is one of torch's layers, and of no other class.

    What a class made of a layer computes (one with its own forward pass, or with parametrized
    weights) is not known from the layer.
    """
    if node.op != "call_module":
        return None
    module = traced.get_submodule(str(node.target))
    return module if type(module).__module__.startswith("torch.nn.modules.") else None
