"""`python -m fer_utils bench`: measure speed, ours and the peer's side by side."""

import argparse

from fer_lab.bench import training
from fer_lab.bench.occlusion import DEFAULT, ENGINES, Case, Row, race, table
from fer_lab.bench.occlusion import add_arguments as add_occlusion
from fer_lab.bench.occlusion import run as run_occlusion

__all__ = ["DEFAULT", "ENGINES", "Case", "Row", "add_arguments", "race", "run", "table"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    what = parser.add_subparsers(dest="what", required=True, metavar="occlusion | training")
    for name, module_run, add, purpose in (
        ("occlusion", run_occlusion, add_occlusion, "occlusion maps, beside captum's"),
        ("training", training.run, training.add_arguments, "training, beside a plain loop"),
    ):
        sub = what.add_parser(name, help=purpose, description=purpose)
        add(sub)
        sub.set_defaults(measure=module_run)


def run(args: argparse.Namespace) -> int:
    """Measure what is asked for."""
    return args.measure(args)
