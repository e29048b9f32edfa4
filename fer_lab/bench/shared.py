"""What the benches share: rounds in turn, medians, the table, and its file with the command."""

import argparse
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

import torch
from tqdm.auto import tqdm

from fer_utils.commands import as_command, as_csv, file_name
from fer_utils.files import check_writable, write
from fer_utils.ranges import COUNT, THREADS

UNTIMED = 5  # steps before each chunk of a training: caches, and a loader's workers, are warm then

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Result:
    """What one contender did in one case.

    Attributes:
        case: what was done.
        contender: who did it.
        values: of every round, in the unit of the bench.
        other: what there is beside them, where the bench has something.
    """

    case: Any
    contender: str
    values: list[float]
    other: Any = 0.0

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return median(self.values)


@dataclass(frozen=True)
class Column:
    """A number of the table.

    Attributes:
        head: above it on the screen.
        name: above it in the file.
        of: makes it of a result and all results of its case.
        screen: how it is printed.
        file: how it is written.
    """

    head: str
    name: str
    of: Callable[[Result, list[Result]], float]
    screen: str = ".2f"
    file: str = ".2f"


@dataclass(frozen=True)
class Bench:
    """One kind of measurement.

    Attributes:
        title: the line above a case.
        labels: what the file says of a case: names of its attributes.
        contender: what the file calls a contender.
        columns: the numbers.
        below: what the heads mean.
        width: of a column on the screen.
    """

    title: Callable[[Any], str]
    labels: tuple[str, ...]
    contender: str
    columns: tuple[Column, ...]
    below: str
    width: int = 12

    def numbers(self, results: list[Result], formats: str) -> list[list[str]]:
        """Return the cells of each result; `formats` is "screen" or "file"."""
        rows = []
        for result in results:
            peers = [other for other in results if other.case == result.case]
            numbers = [
                (column.of(result, peers), getattr(column, formats)) for column in self.columns
            ]
            rows.append([format(number, how) for number, how in numbers])
        return rows

    def table(self, results: list[Result]) -> str:
        """Return the numbers as text, case by case."""
        names = max(len(result.contender) for result in results) + 2
        heads = "".join(f"{column.head:>{self.width}}" for column in self.columns)
        lines: list[str] = []
        case = None
        for result, cells in zip(results, self.numbers(results, "screen"), strict=True):
            if result.case != case:
                case = result.case
                lines += ["", self.title(case), " " * names + heads]
            numbers = "".join(f"{cell:>{self.width}}" for cell in cells)
            lines.append(f"{result.contender:{names}}{numbers}")
        return "\n".join([*lines[1:], "", self.below])

    def file(self, header: str, command: str, results: list[Result]) -> str:
        """Return the measurement as a CSV file; lines with # say what was measured and how."""
        about = [line for line in header.splitlines() if line]
        names = [*self.labels, self.contender, *(column.name for column in self.columns)]
        rows = [
            [*(getattr(result.case, label) for label in self.labels), result.contender, *cells]
            for result, cells in zip(results, self.numbers(results, "file"), strict=True)
        ]
        return as_csv([*about, f"made by: {command}"], [names, *rows])

    def report(self, args: argparse.Namespace, header: str, results: list[Result]) -> int:
        """Print the table, and write it where asked to; return 0."""
        print(header)
        print(self.table(results))
        if args.csv:
            command = as_command(args.parser, args, hide=("root", "csv"))
            write(args.csv, self.file(header, command, results))
            print(f"wrote {args.csv}")
        return 0


def add_arguments(parser: argparse.ArgumentParser, repeats: str) -> None:
    """Declare what every bench takes.

    Args:
        parser: of the bench.
        repeats: what the rounds are, for the help.
    """
    parser.add_argument("--repeats", type=COUNT, default=5, help=repeats)
    parser.add_argument("--threads", type=THREADS, help="CPU threads (default: torch's own)")
    parser.add_argument("--csv", type=file_name, help="also write the table to this file")


def prepare(args: argparse.Namespace) -> None:
    """Use as many threads as are asked for, and write down how many they are.

    Raises:
        FerError: the table could not be written afterwards.
    """
    if args.csv:
        check_writable(args.csv)
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    args.threads = torch.get_num_threads()


def race(
    contenders: Mapping[str, Callable[[T], R]], rounds: Iterable[T], title: str = "rounds"
) -> dict[str, list[R]]:
    """Let all do every round in turn, so that a busy machine slows all alike.

    Returns:
        what each gave, round by round.
    """
    given: dict[str, list[R]] = {name: [] for name in contenders}
    for number in tqdm(rounds, desc=title, leave=False):
        for name, contender in contenders.items():
            given[name].append(contender(number))
    return given


def machine(device: torch.device | None = None) -> str:
    """Name what was measured on: torch, CPU threads, kind of processor, Python, the GPU."""
    gpu = f", {torch.cuda.get_device_name(device)}" if device and device.type == "cuda" else ""
    return (
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.machine()}, "
        f"Python {platform.python_version()}{gpu}"
    )


def timed(work: Callable[[], R], device: torch.device | None = None) -> tuple[float, R]:
    """Return how many seconds `work` takes, its work on a GPU included, and what it returns."""
    wait = torch.cuda.synchronize if device and device.type == "cuda" else lambda: None
    wait()
    start = perf_counter()
    result = work()
    wait()
    return perf_counter() - start, result
