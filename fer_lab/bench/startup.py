"""`python -m fer_utils bench startup`: seconds and memory of whole programs, beside `import torch`.

Every program is a process of its own. The files are in the machine's cache: one round before the
others is not counted.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from statistics import median

from fer_lab.bench import shared
from fer_lab.bench.shared import Bench, Column, Result, race
from fer_utils.errors import FerError

PEER = 'python -c "import torch"'
SET_UP = """\
from fer_utils import data, evaluate, inputs, models, plots, saliency, setup, train, widgets

DATASET = setup(dataset="facs3d", seed=0)
"""

#: What Python is told, by the name of the program.
PROGRAMS = {
    PEER: ("-c", "import torch"),
    'python -c "import fer_utils"': ("-c", "import fer_utils"),
    "set-up cell of a notebook": ("-c", SET_UP),
    "python -m fer_utils --help": ("-m", "fer_utils", "--help"),
    "python -m fer_utils data --help": ("-m", "fer_utils", "data", "--help"),
    "python -m fer_utils models --help": ("-m", "fer_utils", "models", "--help"),
}

# A program's peak memory counts that of the process which starts it, until it is itself. So it is
# started by this small one, not by ours, which holds torch.
STARTER = """\
import os, subprocess, sys, time

start = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(time.perf_counter() - start, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""


def _times_torch(result: Result, peers: list[Result]) -> float:
    return result.median / next(peer.median for peer in peers if peer.contender == PEER)


BENCH = Bench(
    title=lambda case: case,
    labels=(),
    contender="program",
    columns=(
        Column("seconds", "median_seconds", lambda result, _: result.median),
        Column("x torch", "times_as_long_as_import_torch", _times_torch),
        Column("MB", "peak_mb", lambda result, _: result.other, ".0f", ".0f"),
        Column("N", "n", lambda result, _: len(result.values), ".0f", ".0f"),
    ),
    below="x torch: times as long as import torch alone; MB: peak memory, the median; N: rounds",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    shared.add_arguments(parser, "times each is run")


def run(args: argparse.Namespace) -> int:
    """Print a table of medians, and their ratio to `import torch`."""
    shared.prepare(args)
    header = (
        f"whole programs, from their start to their end; files in the cache; {args.repeats} "
        f"rounds, interleaved\n{shared.machine()}\n"
    )
    return BENCH.report(args, header, measure(args.repeats))


def measure(repeats: int) -> list[Result]:
    """Race the programs, after one round that is not counted."""
    given = race({name: starter(words) for name, words in PROGRAMS.items()}, range(repeats + 1))
    results = []
    for name, (_, *rounds) in given.items():
        seconds, megabytes = zip(*rounds, strict=True)
        results.append(Result("whole programs", name, list(seconds), median(megabytes)))
    return results


def starter(words: tuple[str, ...]) -> Callable[[int], tuple[float, float]]:
    """Return what runs Python with some words; see `start`."""
    return lambda _: start(words)


def start(words: tuple[str, ...]) -> tuple[float, float]:
    """Run Python with some words to its end; return its seconds and its peak memory in MB.

    Raises:
        FerError: the program fails, or this system does not tell what a process has used.
    """
    if not hasattr(os, "wait4"):
        raise FerError("the memory of other programs is not told on this system (no os.wait4).")
    command = [sys.executable, "-I", "-S", "-c", STARTER, sys.executable, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, peak, status = map(float, done.stdout.split())
    if status:
        raise FerError(f"python {' '.join(words)} failed: {done.stderr.strip()}")
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return seconds, peak * unit / 1e6
