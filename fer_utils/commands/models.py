"""`python -m fer_utils models`: every published number of parameters, and ours beside it."""

import argparse
import textwrap

import torch

from fer_utils import models, papers

WIDTH = 140
HEADER = (
    *("name", "paper", "inputs", "size", "classes"),
    *("torch", "keras", "paper's way", "published", "match"),
)
LEFT = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("name", nargs="?", help="print the layers of this network instead")


def run(args: argparse.Namespace) -> int:
    """Print the audit of all published counts, or the layers of one network."""
    print(models.describe(args.name) if args.name else audit())
    return 0


def audit() -> str:
    """Return a table with one line per published count, and what its marks mean below."""
    rows, notes = [HEADER], []
    for published in papers.COUNTS:
        if published.note and published.note not in notes:
            notes.append(published.note)
        rows.append(line(published, notes))
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
    lines = [
        "  ".join(f"{text:{'<' if i < LEFT else '>'}{widths[i]}}" for i, text in enumerate(row))
        for row in rows
    ]
    below = [
        "torch: what is trained. keras: also the running statistics of batch norm. paper's way: "
        "Keras's for mini_xception and inception_resnet_v2, without batch norm for "
        "bottleneck_065m, torch's for the others.",
        "*: the paper's text prints no number or a shorter one; to the unit it follows from the "
        "layout that the paper, or its authors' code, gives.",
        *(f"({number}) {note}." for number, note in enumerate(notes, 1)),
    ]
    return "\n".join([*lines, "", *(textwrap.fill(text, WIDTH) for text in below)])


def line(published: papers.Count, notes: list[str]) -> tuple[str, ...]:
    """Return the cells of one published count; the network is built without memory."""
    with torch.device("meta"):
        net = models.create(**published.experiment)
    counts = [models.count(net, convention) for convention in ("torch", "keras", "paper")]
    match = "yes" if counts[-1] == published.value else "no"
    if published.note:
        match += f" ({notes.index(published.note) + 1})"
    parallel = " parallel" if net.options["fusion"] == "parallel" else ""
    changed = [str(published.experiment.get("variant", ""))]
    changed += [f"width {net.options['width']}"] if "width" in net.options else []
    own = ", ".join(word for word in changed if word)
    channels = "RGB" if net.color_channels == 3 else "gray"
    return (
        f"{net.name} ({own})" if own else net.name,
        published.paper,
        net.inputs.replace("gray", channels, 1) + parallel,
        str(net.input_size),
        str(len(net.classes)),
        *(f"{number:,}" for number in counts),
        as_published(published),
        match,
    )


def as_published(published: papers.Count) -> str:
    """Return the number to the unit, with a mark where the text prints it shorter or not."""
    if published.value is None:
        return published.printed
    exact = published.printed == str(published.value)
    return f"{published.value:,}{'' if exact else '*'}"
