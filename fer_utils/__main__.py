"""`python -m fer_utils COMMAND`: the kit from the command line."""

import sys
from importlib import import_module

from fer_utils.commands import Parser, carry_out

COMMANDS = {
    "data": "which data sets are here, and how to get the others",
    "relabel": "which labels a network that has not learned them would change",
    "models": "which networks there are, and their published numbers of parameters",
    "train": "train a network and keep its best epoch",
    "evaluate": "score a network: confusion matrix, precision, recall, F1",
    "reproduce": "train and score what a published row names, beside its number",
    "explain": "draw what a network looked at in one picture",
    "translate": "change the expression of faces, and train what does it",
    "bench": "measure speed, ours and the peer's side by side",
}

# The laboratory beside the module; nothing else of `fer_utils` knows of it.
ELSEWHERE = {"reproduce": "fer_lab.reproduce.command", "bench": "fer_lab.bench"}


def make_parser(chosen: str | None) -> Parser:
    """Return the parser; only the chosen command's module is imported, so that help is quick."""
    parser = Parser(prog="python -m fer_utils", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True)
    for name, purpose in COMMANDS.items():
        sub = subparsers.add_parser(name, help=purpose, description=purpose)
        if name == chosen:
            module = import_module(ELSEWHERE.get(name, f"fer_utils.commands.{name}"))
            module.add_arguments(sub)
            sub.set_defaults(run=module.run, parser=sub)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; see `carry_out` for the status that it returns."""
    words = sys.argv[1:] if arguments is None else arguments
    if not words:
        make_parser(None).print_usage(sys.stderr)
        return 2
    chosen = words[0]

    def work() -> int:  # packages are loaded here
        args = make_parser(chosen).parse_args(words)
        return args.run(args)

    return carry_out(f"fer_utils {chosen}", work)


if __name__ == "__main__":
    sys.exit(main())
