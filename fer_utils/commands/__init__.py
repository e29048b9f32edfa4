"""The commands of `python -m fer_utils`, one module each: `add_arguments` and `run`."""

import argparse
import csv
import io
import shlex
from collections.abc import Collection, Iterable, Sequence

__all__ = ["as_command", "as_csv"]


def as_command(
    parser: argparse.ArgumentParser,
    args: argparse.Namespace,
    hide: Collection[str] = (),
    keep: Collection[str] = (),
) -> str:
    """Return what to type for the same again: all that differs from the defaults.

    Args:
        parser: of the command; an argument that is added to it is written down too.
        args: what it was given; what is missing there counts as not given.
        hide: names whose values belong to one machine; where one must be given, a word in
            capitals stands in its place.
        keep: names that are written down at their defaults too, which may change one day.
    """
    words, first = [], []
    for action in parser._actions:
        name = action.dest
        value = getattr(args, name, action.default)
        if name in hide:
            value = (action.metavar or name.upper()) if action.required else action.default
        if value is None or (value == action.default and name not in keep):
            continue
        given = [str(word) for word in value] if isinstance(value, list) else [str(value)]
        if not action.option_strings:
            first += given
        else:  # --flag, --no-flag, or --name value
            words.append(action.option_strings[-1 if value is False else 0])
            words += given if action.nargs != 0 else []
    # Words without a name come first: an option of several words would swallow them.
    return f"{parser.prog} {shlex.join([*first, *words])}".rstrip()


def as_csv(about: Iterable[str], rows: Iterable[Sequence]) -> str:
    """Return a CSV file; lines with # say what it is and how to make it again.

    Args:
        about: those lines.
        rows: names of the columns, then the numbers.
    """
    text = io.StringIO()
    text.writelines(f"# {line}\n" for line in about)
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
