"""How many parameters a network has, by the conventions that papers use."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from fer_utils.errors import FerError
from fer_utils.models.registry import ARCHITECTURES

CONVENTIONS = {
    "torch": "what is trained",
    "keras": "all parameters, and the running mean and variance of batch norm",
    "no batch norm": "all parameters but those of batch norm",
}


def count(net: nn.Module, convention: str = "torch") -> int:
    """Return the number of parameters; works on `torch.device("meta")` as well.

    Args:
        net: any module.
        convention: "torch" counts what is trained (so not what is frozen); "keras" counts all
            parameters and the running mean and variance of batch norm, as Keras's summary does;
            "no batch norm" leaves batch norm out; "paper" is the convention of the net's own
            paper: Keras's for mini_xception and inception_resnet_v2, no batch norm for
            bottleneck_065m, torch's for the others.

    Raises:
        FerError: another convention, or "paper" for a net that is not from `create`.
    """
    if convention == "paper":
        convention = paper_convention(net)
    if convention == "torch":
        return sum(p.numel() for p in net.parameters() if p.requires_grad)
    parameters = sum(p.numel() for p in net.parameters())
    if convention == "keras":
        running = ("running_mean", "running_var")
        return parameters + sum(b.numel() for k, b in net.named_buffers() if k.endswith(running))
    if convention == "no batch norm":
        norms = [m for m in net.modules() if isinstance(m, _BatchNorm)]
        return parameters - sum(p.numel() for norm in norms for p in norm.parameters())
    known = ", ".join((*CONVENTIONS, "paper"))
    raise FerError(f"convention={convention!r}: choose one of {known}.")


def paper_convention(net: nn.Module) -> str:
    """Return how the paper of a net from `models.create` counts, an entry of `CONVENTIONS`.

    Raises:
        FerError: the net is not from `create`.
    """
    architecture = getattr(net, "name", None)
    if architecture not in ARCHITECTURES:
        raise FerError("only a net from models.create has a paper's convention to count by.")
    return ARCHITECTURES[architecture].convention
