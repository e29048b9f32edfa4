"""What the experiments share: arms that are compared, each trained with every seed.

A finished run leaves a small file in runs/NAME/ (not committed), an unfinished one a folder from
which it goes on, so Ctrl-C costs one epoch at most, and several programs or machines can share the
work. Once all runs are there, figures/NAME.csv and .png are written.
"""

import argparse
import functools
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from tqdm.auto import tqdm

from fer_lab.cluster import outcomes
from fer_lab.run import Digests, Run, RunLock, TakenOverError, add_arguments, shared
from fer_utils import data, plots
from fer_utils.commands import Parser, as_csv, carry_out
from fer_utils.errors import FerError
from fer_utils.evaluate import Accuracy, Evaluation
from fer_utils.files import write
from fer_utils.train import History, Recipe
from fer_utils.train.checkpoint import differences

ROOT = Path(__file__).resolve().parents[1]

#: What an experiment trains with: `Run.fit` of the run at work, without its lock.
Fit = Callable[..., History]


def file_name(arm: Any) -> str:
    """Return an arm's name as a part of a file's name."""
    return arm.name.replace(", ", "_").replace(" ", "_")


@dataclass(frozen=True)
class Experiment:
    """Arms that are compared, each trained with every seed.

    Attributes:
        name: of the module, of the folder of finished runs, and of table and figure.
        arms: what is compared; an arm has a `name`.
        seeds: of every arm's runs.
        settings: returns what decides an arm's numbers: runs of others are not reused.
        data: name of the data set, where it is read from a folder of the user's: runs that learned
            from other faces are not reused.
        run: trains and scores one arm with one seed, by the `Fit` that it is given; returns
            numbers for the record.
        table_of: returns the text of the table, given what `run` returned, arm by arm.
        figure_of: returns the figure, given the same.
        name_of: returns how the files of an arm's runs begin.
    """

    name: str
    arms: tuple
    seeds: tuple[int, ...]
    settings: Callable[[Any], list]
    run: Callable[[Any, int, Fit], dict]
    table_of: Callable[[list[dict]], str]
    figure_of: Callable[[list[dict]], Figure]
    name_of: Callable[[Any], str] = file_name
    data: str = ""

    def __reduce__(self) -> tuple:
        """Travel to another machine by name: its functions are those of the module there."""
        return named, (self.name,)

    @property
    def command(self) -> str:
        """Return what to type."""
        return f"python -m fer_lab.experiments.{self.name}"

    @property
    def table(self) -> Path:
        """Return where the table is written; the figure lies beside it."""
        return ROOT / "figures" / f"{self.name}.csv"

    def runs(self, seeds: tuple[int, ...], threads: int | None = None) -> list["ArmRun"]:
        """Return the runs of some seeds, all arms of a seed together."""
        return [ArmRun(self, arm, seed, threads) for seed in seeds for arm in range(len(self.arms))]

    def run_missing(self, options: argparse.Namespace) -> list[FerError]:
        """Do the runs that are missing; return what went wrong.

        Args:
            options: `seeds`, `threads`, `share` and `scheduler`, as they are typed.
        """
        runs = shared(self.runs(tuple(options.seeds), options.threads), options.share)
        missing = [run for run in runs if run.finished() is None]
        failures: list[FerError] = []
        if not missing:
            return failures
        with tqdm(total=len(missing), unit="run", postfix=missing[0].name) as bar:
            for _, outcome in outcomes(missing, options.scheduler):
                bar.update()
                bar.set_postfix_str(missing[min(bar.n, len(missing) - 1)].name)
                if isinstance(outcome, FerError) and not isinstance(outcome, TakenOverError):
                    failures.append(outcome)
        return failures

    def main(self, description: str) -> int:
        """Train what is missing, then write table and figure; return 0, 2 or 130."""
        return carry_out(self.name, lambda: self._main(description))

    def _main(self, description: str) -> int:
        parser = Parser(description=description)
        parser.add_argument("--seeds", type=int, nargs="+", choices=self.seeds, default=self.seeds)
        add_arguments(parser)
        options = parser.parse_args()
        try:
            failures = self.run_missing(options)
        except KeyboardInterrupt:
            print(f"interrupted; finished runs are kept. Go on with: {self.command}")
            return 130
        except FerError as problem:  # no cluster
            failures = [problem]
        for failure in failures:
            print(f"failed: {failure}")
        rows = [ArmRun(self, a, s).finished() for a in range(len(self.arms)) for s in self.seeds]
        there = [row for row in rows if row is not None]
        if len(there) < len(rows):
            print(f"{len(there)} of {len(rows)} runs are there; the table waits for the others")
            return 2 if failures else 0
        write(self.table, self.table_of(there))
        figure = self.table.with_suffix(".png")
        plots.save(self.figure_of(there), figure)
        print(f"wrote {self.table.relative_to(ROOT)} and {figure.name}")
        return 0


def named(name: str) -> Experiment:
    """Return the experiment of a module of `fer_lab.experiments`."""
    return import_module(f"fer_lab.experiments.{name}").EXPERIMENT


@dataclass(frozen=True)
class ArmRun(Run):
    """One arm of an experiment, by its number, with one seed."""

    experiment: Experiment
    number: int
    seed: int
    threads: int | None = None

    throwaway = True

    @property
    def arm(self) -> Any:
        """Return what is trained."""
        return self.experiment.arms[self.number]

    @property
    def name(self) -> str:
        """Arm and seed, for messages."""
        return f"{self.arm.name}, seed {self.seed}"

    @property
    def folder(self) -> Path:
        """Where an unfinished run keeps its files."""
        name = f"{self.experiment.name_of(self.arm)}_{self.seed}"
        return ROOT / "runs" / self.experiment.name / name

    @property
    def file(self) -> Path:
        """Where a finished run is kept."""
        return self.folder.with_name(f"{self.folder.name}.json")

    def config(self) -> list:
        """Return what decides the numbers but the seed."""
        return json.loads(json.dumps(self.experiment.settings(self.arm), default=_plain))

    def there(self) -> Any:
        """Return the settings of the run that is in this place; None where there is none."""
        begun = super().there()
        try:
            row = super().finished()
            return begun if begun is not None or row is None else json.loads(row["settings"])
        except (ValueError, KeyError, TypeError):
            return None  # a damaged record is none

    def finished(self) -> dict | None:
        """Return a run that is there and has today's settings."""
        try:
            row = super().finished()
            if row is None or differences(json.loads(row["settings"]), self.config()):
                return None
        except (ValueError, KeyError, TypeError):
            return None  # damaged: done again
        return None if self.other_data() else row

    def digests(self) -> Digests | None:
        """Return those of the experiment's data set; None where it is the kit's, or not here."""
        if not self.experiment.data:
            return None
        try:
            return {split: part.digest for split, part in parts(self.experiment.data).items()}
        except FerError:
            return None

    def train_and_score(self, lock: RunLock, progress: bool) -> dict:
        """Train and score the arm."""
        fit = functools.partial(self.fit, lock, progress=False)
        row = self.experiment.run(self.arm, self.seed, fit)
        lock.check()
        about = {"settings": json.dumps(self.config()), "arm": self.arm.name, "seed": self.seed}
        return {**about, **row}

    def fit(self, *words: Any, **options: Any) -> History:
        """Train to the last epoch.

        Raises:
            FerError: the training ended early: it would be no fair part of the comparison.
        """
        history = super().fit(*words, **options)
        if not history.stopped.startswith("all "):
            raise FerError(f"{self.name}: {history.stopped}")
        return history


def _plain(setting: Any) -> dict:
    """Return an arm or a recipe as JSON can hold it; a recipe's notes decide nothing."""
    values = setting.as_dict() if isinstance(setting, Recipe) else asdict(setting)
    return {key: value for key, value in values.items() if key != "notes"}


# What the experiments have in common.


@functools.cache
def parts(name: str) -> dict[str, data.FaceSet]:
    """Return the faces of a data set by split."""
    return by_split(data.load(name, progress=False))


def by_split(faces: data.FaceSet) -> dict[str, data.FaceSet]:
    """Return faces by split."""
    return {split: faces.where(split=split) for split in data.SPLITS}


def scored(history: History, result: Evaluation) -> dict:
    """Return what every run says of itself."""
    score, seconds = result.accuracy, sum(epoch["seconds"] for epoch in history.epochs)
    best = {"best_epoch": history.best_epoch, "seconds": seconds}
    return {"correct": score.correct, "n": score.n, **best}


def table(about: list[str], columns: list[str], rows: list[dict]) -> str:
    """Return runs as CSV, below lines that say what they are; of a share four digits."""

    def cell(value: Any) -> Any:
        if isinstance(value, list):
            return " ".join(map(cell, value))
        return f"{value:.4f}" if isinstance(value, float) else value

    return as_csv(about, [columns, *([cell(row[name]) for name in columns] for row in rows)])


def by_arm(rows: list[dict], value: Callable[[dict], Any]) -> dict[str, list]:
    """Return a value of every run, arm by arm."""
    values: dict[str, list] = {}
    for row in rows:
        values.setdefault(row["arm"], []).append(value(row))
    return values


def percent(row: dict) -> float:
    """Return a run's accuracy in per cent."""
    return 100 * row["correct"] / row["n"]


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
    scores, n = by_arm(rows, percent), rows[0]["n"]
    luck = Accuracy(round(n * np.mean(scores[rows[0]["arm"]]) / 100), n)
    return plots.dots(
        scores,
        xlabel=xlabel,
        band=(100 * luck.low, 100 * luck.high),
        band_label=f"95 % Wilson interval of one run at the first row's mean ({n} faces)",
        notes=notes,
        notes_label=notes_label,
    )
