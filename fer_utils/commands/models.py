"""`python -m fer_utils models`: every network, published numbers of parameters, trained weights."""

import argparse
import textwrap

WIDTH = 140
LEFT = 3  # columns that begin at the left


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("name", nargs="?", help="print the layers of this network instead")


def run(args: argparse.Namespace) -> int:
    """Print the audit of all published counts, other nets and weights, or one net's layers."""
    from fer_utils import models

    if args.name:
        commas = dict.fromkeys(("parameters", "MACs"), "{:,}".format)
        print(models.describe(args.name).to_string(formatters=commas))
        print(models.totals(args.name))
        return 0
    table, below = models.audit()
    print(_table([["name", *table], *map(list, table.itertuples())], LEFT))
    print("", *(textwrap.fill(text, WIDTH) for text in below), sep="\n")
    print("\nNetworks of this kit, for which nothing is published (7 classes):")
    print(_table(unpublished()))
    print("\nTrained weights, for evaluate and explain --model NAME:")
    print(_table(weights()))
    return 0


def unpublished() -> list[list[str]]:
    """Return name, side in pixels and number of parameters of each network without a paper's."""
    import torch

    from fer_utils import models, papers
    from fer_utils.models.registry import ARCHITECTURES

    published = {count.experiment["name"] for count in papers.COUNTS}
    rows = []
    for name in models.names():
        for variant in () if name in published else ARCHITECTURES[name].variants or (None,):
            with torch.device("meta"):
                net = models.create(name, variant=variant)
            named = f"{name} ({variant})" if variant else name
            rows.append([named, f"{net.input_size} pixels", f"{models.count(net):,} parameters"])
    return rows


def weights() -> list[list[str]]:
    """Return name, network, number of parameters and data of all weights that come with the kit."""
    from fer_utils import models

    cards = {name: models.card(name) for name in models.pretrained_names()}
    return [
        [
            name,
            " ".join(filter(None, [card["net"]["name"], card["net"].get("variant")])),
            f"{card['parameters']:,} parameters",
            f"learned {card['data']}",
        ]
        for name, card in cards.items()
    ]


def _table(rows: list[list[str]], left: int | None = None) -> str:
    """Return rows of text in columns, the first `left` of which (None: all) begin at the left."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    sides = ["<" if left is None or place < left else ">" for place in range(len(widths))]
    lines = [
        "  ".join(
            f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)
