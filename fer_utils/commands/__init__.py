"""The commands of `python -m fer_utils`, one module each: `add_arguments` and `run`."""

import argparse
import codecs
import csv
import io
import os
import shlex
import sys
import tempfile
import traceback
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from fer_utils.errors import FerError
from fer_utils.files import in_words

__all__ = ["Parser", "as_command", "as_csv", "carry_out", "file_name"]

#: Set to anything, it shows the traceback of a fault of the kit itself.
DEBUG = "FER_UTILS_DEBUG"
# What an allocation that fails is called by torch, on a CPU and on a GPU.
_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")
_PLAIN = {"├": "|", "│": "|", "└": "`", "─": "-"}


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, as the commands do."""

    def error(self, message: str) -> NoReturn:
        """Raise a FerError instead of ending the program."""
        raise FerError(f"{message}; --help says what there is.")


def file_name(word: str) -> Path:
    """Return the path that a word is: the `type` of an argument of argparse.

    Raises:
        argparse.ArgumentTypeError: it is empty (for `Path`, the folder one is in).
    """
    if not word:
        raise argparse.ArgumentTypeError("'' is no file or folder")
    return Path(word)


def carry_out(name: str, work: Callable[[], int]) -> int:
    """Do a command's work, and tell in one line on stderr what went wrong.

    Returns:
        the status for the shell: that of the work; 2 where the user can put something right;
        1 for a fault of the kit, whose traceback goes into a file; 130 after Ctrl-C; 141 where
        nobody reads the output any more (`| head`), as for other programs.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # a notebook's is none
        sys.stdout.reconfigure(errors=_plain.__name__)
    try:
        try:
            return work()
        finally:
            print(end="", flush=True)  # whether somebody reads it shows here at the latest
    except FerError as error:
        return _said(name, error, 2)
    except KeyboardInterrupt:
        return _said(name, "interrupted", 130)
    except BrokenPipeError:
        # at its end Python would try once more to write what is left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        return _said(name, f"{error.filename or 'the system says'}: {in_words(error)}.", 2)
    except Exception as error:
        # what compiled code makes of Ctrl-C
        if isinstance(error, SystemError) and isinstance(error.__cause__, KeyboardInterrupt):
            return _said(name, "interrupted", 130)
        if isinstance(error, MemoryError) or any(word in str(error) for word in _NO_MEMORY):
            advice = "take a smaller picture size or batch, or fewer faces"
            return _said(name, f"the memory is not enough: {advice}.", 2)
        if DEBUG in os.environ:
            raise
        what = " ".join(traceback.format_exception_only(error)[-1].split())
        return _said(name, f"a fault of the kit itself ({what}); please report {_report()}.", 1)


def _said(name: str, what: object, status: int) -> int:
    print(f"{name}: {what}", file=sys.stderr)
    return status


def _report() -> str:
    """Write down the traceback of the error at hand; return the file's name."""
    handle, name = tempfile.mkstemp(prefix="fer_utils-", suffix=".txt")
    with open(handle, "w", encoding="utf-8") as file:
        file.write(f"{shlex.join(sys.argv)}\n\n{traceback.format_exc()}")
    return name


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Take plain signs where the output's encoding (Windows, a redirection) has not the sign."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_PLAIN.get(sign, "?") for sign in signs), error.end


codecs.register_error(_plain.__name__, _plain)


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
