"""`python -m fer_utils COMMAND`: the kit from the command line."""

import argparse
import os
import sys
from importlib import import_module

from fer_utils.errors import FerError

COMMANDS = {
    "data": "which data sets are here, and how to get the others",
    "models": "which networks there are, and their published numbers of parameters",
    "train": "train a network and keep its best epoch",
    "evaluate": "score a network: confusion matrix, precision, recall, F1",
    "reproduce": "train and score what a published row names, beside its number",
    "explain": "draw what a network looked at in one picture",
    "bench": "measure speed, ours and the peer's side by side",
}

# The laboratory beside the module; nothing else of `fer_utils` knows of it.
ELSEWHERE = {"reproduce": "fer_lab.reproduce.command", "bench": "fer_lab.bench"}


def make_parser(chosen: str | None) -> argparse.ArgumentParser:
    """Return the parser; only the chosen command's module is imported, so that help is quick."""
    parser = argparse.ArgumentParser(prog="python -m fer_utils", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True)
    for name, purpose in COMMANDS.items():
        sub = subparsers.add_parser(name, help=purpose, description=purpose)
        if name == chosen:
            module = import_module(ELSEWHERE.get(name, f"fer_utils.commands.{name}"))
            module.add_arguments(sub)
            sub.set_defaults(run=module.run, parser=sub)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; a FerError becomes one line on stderr and exit status 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = arguments[0] if arguments else None
    try:
        args = make_parser(chosen).parse_args(arguments)
        status = args.run(args)
        sys.stdout.flush()
        return status
    except FerError as error:
        print(f"fer_utils {chosen}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever reads has seen enough, e.g. `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:  # also while packages are still being loaded
        print(f"fer_utils {chosen}: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
