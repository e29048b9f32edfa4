"""How many parameters a network has, by the conventions that papers use."""

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from fer_utils import papers
from fer_utils.errors import FerError
from fer_utils.models.answers import check_net
from fer_utils.models.registry import ARCHITECTURES, create

if TYPE_CHECKING:
    import pandas

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
    check_net(net, meta=True)
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


def audit() -> tuple["pandas.DataFrame", list[str]]:
    """Return every published number of parameters beside ours, and what the marks mean.

    The table has a row of texts for each number; the networks are built without memory. The list
    has a line for each mark.
    """
    import pandas  # takes a second, so only who wants a table waits for it

    notes = dict.fromkeys(published.note for published in papers.COUNTS if published.note)
    numbers = {note: number for number, note in enumerate(notes, 1)}
    below = [
        "torch: what is trained. keras: also the running statistics of batch norm. paper's way: "
        "Keras's for mini_xception and inception_resnet_v2, without batch norm for "
        "bottleneck_065m, torch's for the others.",
        "*: the paper's text prints no number or a shorter one; to the unit it follows from the "
        "layout that the paper, or its authors' code, gives.",
        *(f"({number}) {note}." for note, number in numbers.items()),
    ]
    rows = [_audited(published, numbers) for published in papers.COUNTS]
    return pandas.DataFrame(rows).set_index("name").rename_axis(None), below


def _audited(published: papers.Count, notes: dict[str, int]) -> dict[str, str]:
    """Return the cells of one published count."""
    with torch.device("meta"):
        net = create(**published.experiment)
    torch_way, keras_way, own_way = (count(net, way) for way in ("torch", "keras", "paper"))
    match = "yes" if own_way == published.value else "no"
    own = [str(published.experiment.get("variant", ""))]
    own += [f"width {net.options['width']}"] if "width" in net.options else []
    named = ", ".join(filter(None, own))
    channels = net.inputs.replace("gray", "RGB" if net.color_channels == 3 else "gray", 1)
    return {
        "name": f"{net.name} ({named})" if named else net.name,
        "paper": published.paper,
        "inputs": channels + (" parallel" if net.options["fusion"] == "parallel" else ""),
        "size": str(net.input_size),
        "classes": str(len(net.classes)),
        "torch": f"{torch_way:,}",
        "keras": f"{keras_way:,}",
        "paper's way": f"{own_way:,}",
        "published": _as_published(published),
        "match": f"{match} ({notes[published.note]})" if published.note else match,
    }


def _as_published(published: papers.Count) -> str:
    """Return the number to the unit, with a mark where the text prints it shorter or not."""
    if published.value is None:
        return published.printed
    exact = published.printed == str(published.value)
    return f"{published.value:,}{'' if exact else '*'}"
