"""A copy of a network for guided backpropagation, which changes how its ReLUs hand gradients on.

captum hooks modules of type `nn.ReLU`. A net that rectifies by a function, or has no ReLU at all,
would give the plain gradient, or a mixture, without a word; here it is refused.
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from fer_utils.errors import FerError

RECTIFIERS = {
    *(F.relu, F.relu6, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_),
    *(F.leaky_relu, F.gelu, F.silu, F.elu, F.hardtanh),
}


class _Counting(TorchFunctionMode):
    """Counts the calls of rectifying functions, those by modules included."""

    calls = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.calls += function in RECTIFIERS
        return function(*args, **(kwargs or {}))


def guided_copy(net: nn.Module, picture: Tensor) -> nn.Module:
    """Return a copy of the net that captum's `GuidedBackprop` handles rightly.

    ReLUs no longer work in place. A ReLU6 gets a ReLU before it, which changes no output.

    Raises:
        FerError: the net has no `nn.ReLU`, rectifies otherwise as well, or cannot be copied.
    """
    try:
        copied = copy.deepcopy(net).requires_grad_(False)
    except Exception as error:  # what a module may hold is without limit
        raise FerError(f"guided_backprop needs a copy of the net: {error}") from error
    for name, module in list(copied.named_modules()):
        if isinstance(module, nn.ReLU):
            module.inplace = False
        elif isinstance(module, nn.ReLU6):
            copied.set_submodule(name, nn.Sequential(nn.ReLU(), nn.ReLU6()))
    _check(copied, picture)
    return copied


def _check(net: nn.Module, picture: Tensor) -> None:
    used = []
    handles = [
        module.register_forward_hook(lambda *_: used.append(1))
        for module in net.modules()
        if isinstance(module, nn.ReLU | nn.ReLU6)
    ]
    with torch.no_grad(), _Counting() as counting:
        net(picture)
    for handle in handles:
        handle.remove()
    other = counting.calls - len(used)
    if other:
        raise FerError(
            f"guided_backprop does not suit this net: {other} of its {counting.calls} rectifiers "
            "are functions or of another kind (x.relu(), GELU, ...), and the method can change the "
            "gradients of nn.ReLU only. Take gradient or integrated_gradients."
        )
    if not used:
        raise FerError(
            "guided_backprop does not suit this net: it has no nn.ReLU, whose gradients the "
            "method changes. Take gradient or integrated_gradients."
        )
