"""What experiments of many trainings share: each run is kept, so a stopped program can go on.

An experiment trains every arm with every seed. A finished run leaves a small file in runs/NAME/
(not committed), so Ctrl-C costs one run at most, and several programs can share the work. Once all
runs are there, figures/NAME.csv and .png are written.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from fer_utils import plots
from fer_utils.evaluate import Accuracy
from fer_utils.files import write

ROOT = Path(__file__).resolve().parents[2]


def file_name(arm: Any) -> str:
    """Return an arm's name as a part of a file's name."""
    return arm.name.replace(", ", "_").replace(" ", "_")


def accuracy_dots(
    rows: list[dict], *, notes: dict[str, str], notes_label: str, xlabel: str
) -> Figure:
    """Draw every run as a dot, and how far the luck of the faces alone would reach.

    Args:
        rows: of the runs: `arm`, `correct`, `n`; the first arm is what the others are held against.
        notes: a short text for an arm, at the right.
        notes_label: what the notes are.
        xlabel: on which faces the accuracy was measured.
    """
    scores: dict[str, list[float]] = {}
    for row in rows:
        scores.setdefault(row["arm"], []).append(100 * row["correct"] / row["n"])
    n = rows[0]["n"]
    luck = Accuracy(round(n * np.mean(scores[rows[0]["arm"]]) / 100), n)
    return plots.dots(
        scores,
        xlabel=xlabel,
        band=(100 * luck.low, 100 * luck.high),
        band_label=f"95 % Wilson interval of one run at the first row's mean ({n} faces)",
        notes=notes,
        notes_label=notes_label,
    )


def share_of(text: str) -> tuple[int, int]:
    """Return "1/2" as (1, 2).

    Raises:
        ValueError: not of that form, or no such share.
    """
    mine, programs = map(int, text.split("/"))
    if not 1 <= mine <= programs:
        raise ValueError(text)
    return mine, programs


@dataclass(frozen=True)
class Experiment:
    """Arms that are compared, each trained with every seed.

    Attributes:
        name: of the script, of the folder of finished runs, and of table and figure.
        arms: what is compared; an arm has a `name`.
        seeds: of every arm's runs.
        settings: returns what decides an arm's numbers, as text: runs of others are not reused.
        run: trains and scores one arm with one seed; None where Ctrl-C ended it early.
        table_of: returns the text of the table, given what `run` returned, arm by arm.
        figure_of: returns the figure, given the same.
        name_of: returns how the files of an arm's runs begin.
    """

    name: str
    arms: tuple
    seeds: tuple[int, ...]
    settings: Callable[[Any], str]
    run: Callable[[Any, int], dict | None]
    table_of: Callable[[list[dict]], str]
    figure_of: Callable[[list[dict]], Figure]
    name_of: Callable[[Any], str] = file_name

    @property
    def command(self) -> str:
        """Return what to type."""
        return f"python -m fer_lab.experiments.{self.name}"

    @property
    def table(self) -> Path:
        """Return where the table is written; the figure lies beside it."""
        return ROOT / "figures" / f"{self.name}.csv"

    def path_of(self, arm: Any, seed: int) -> Path:
        """Return where a finished run is kept."""
        return ROOT / "runs" / self.name / f"{self.name_of(arm)}_{seed}.json"

    def finished(self, arm: Any, seed: int) -> dict | None:
        """Return a run that is there and has today's settings."""
        path = self.path_of(arm, seed)
        row = json.loads(path.read_text()) if path.is_file() else None
        if row is None:
            return None
        settings = row["settings"].replace('"optimiser"', '"optimizer"')  # its name in older runs
        return row if settings == self.settings(arm) else None

    def run_missing(self, seeds: tuple[int, ...], share: tuple[int, int] = (1, 1)) -> bool:
        """Do the runs that are missing; False where Ctrl-C came.

        Args:
            seeds: of the runs.
            share: (2, 3) does the second, fifth, eighth ... of the runs, and leaves the others to
                two more programs.
        """
        mine, programs = share
        runs = [(arm, seed) for seed in seeds for arm in self.arms][mine - 1 :: programs]
        missing = [one for one in runs if self.finished(*one) is None]
        if not missing:
            return True
        with tqdm(missing, unit="run") as bar:
            for arm, seed in bar:
                if self.finished(arm, seed):
                    continue  # another program has done it meanwhile
                bar.set_postfix_str(f"{arm.name}, seed {seed}")
                row = self.run(arm, seed)
                if row is None:
                    return False
                row = {"settings": self.settings(arm), **row}
                path = self.path_of(arm, seed)
                path.parent.mkdir(parents=True, exist_ok=True)
                write(path, json.dumps(row, indent=1) + "\n")
        return True

    def main(self, description: str) -> int:
        """Train what is missing, then write table and figure."""
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("--seeds", type=int, nargs="+", choices=self.seeds, default=self.seeds)
        parser.add_argument(
            "--share",
            type=share_of,
            default=(1, 1),
            metavar="K/N",
            help="which of N programs that share the runs this is, e.g. 1/2",
        )
        parser.add_argument("--threads", type=int, help="processor cores to use (default: all)")
        options = parser.parse_args()
        if options.threads:
            torch.set_num_threads(options.threads)
        if not self.run_missing(tuple(options.seeds), options.share):
            print(f"interrupted; finished runs are kept. Go on with: {self.command}")
            return 130
        rows = [self.finished(arm, seed) for arm in self.arms for seed in self.seeds]
        there = [row for row in rows if row is not None]
        if len(there) < len(rows):
            print(f"{len(there)} of {len(rows)} runs are there; the table waits for the others")
            return 0
        write(self.table, self.table_of(there))
        figure = self.table.with_suffix(".png")
        plots.save(self.figure_of(there), figure)
        print(f"wrote {self.table.relative_to(ROOT)} and {figure.name}")
        return 0
