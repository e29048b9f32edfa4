"""One training that can be interrupted: settings in, a record out, both JSON in a folder.

A run's folder holds `config.json`, what was asked; what `train.fit` needs to go on; `sitting.json`,
whose turn it is. The record is written last, in one step. Run by run and epoch by epoch, whatever
is done is not done again.
"""

import argparse
import json
import os
import shutil
import socket
import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from threading import RLock
from typing import Any

import torch
from tqdm.auto import tqdm

from fer_utils import train
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.files import make_folder, write
from fer_utils.models.facenet import FaceNet
from fer_utils.ranges import THREADS
from fer_utils.train.history import History
from fer_utils.train.recipes import with_defaults

ASKED, DONE, LOCK = "config.json", "run.json", "sitting.json"

# torch's random numbers belong to the process: two trainings at once would share them.
_ONE_AT_A_TIME = RLock()


class TakenOverError(FerError):
    """Another process has begun to work on the same run."""


class RunLock:
    """The lock of a run's folder: the last one to take it has it.

    A machine that was believed dead may come back, and an interrupted cluster may still be at
    work: whoever finds another's token at the end of an epoch stops. No clock is involved.

    Attributes:
        number: how often somebody has taken the lock, this time included.
    """

    def __init__(self, folder: Path):
        self.path, self.token = folder / LOCK, uuid.uuid4().hex
        self.number = 1 + (read(self.path)["number"] if self.path.is_file() else 0)
        mark = {"number": self.number, "token": self.token}
        mark |= {"host": socket.gethostname(), "process": os.getpid()}
        write(self.path, json.dumps(mark) + "\n")

    def check(self, history: History | None = None) -> None:
        """Raise a TakenOverError if somebody else has taken the lock since."""
        if not self.path.is_file() or read(self.path)["token"] != self.token:
            raise TakenOverError(f"{self.path.parent} was taken over by another process.")


class Run(ABC):
    """One training and its score; it can be sent to another machine.

    Attributes:
        seed: of weights, order of the faces, augmentation and dropout.
        threads: of the processor; None leaves torch's own number.
        throwaway: whether the folder only serves to go on, so that it is thrown away when the run
            is done, or when its settings have changed.
    """

    seed: int
    threads: int | None
    throwaway = False

    @property
    @abstractmethod
    def name(self) -> str:
        """What is trained, and the seed, for messages."""

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where the run keeps its files."""

    @property
    def file(self) -> Path:
        """Where the record is left."""
        return self.folder / DONE

    @abstractmethod
    def config(self) -> Any:
        """Return all that decides the result but the seed, as JSON can hold it."""

    @abstractmethod
    def train_and_score(self, lock: RunLock, progress: bool) -> dict:
        """Train, or go on training, and score; return the record. It raises what `do` raises."""

    def fit(
        self,
        lock: RunLock,
        net: FaceNet,
        faces: dict[str, FaceSet],
        recipe: train.Recipe,
        **options: Any,
    ) -> History:
        """Train a net in place; return the History of all epochs, those of earlier days included.

        `faces` are by split; `lock` is checked after every epoch; `options` are `train.fit`'s.
        """
        options |= {"seed": self.seed, "out": self.folder, "on_epoch": lock.check}
        history = train.fit(net, faces["train"], faces["valid"], recipe, **options)
        if history.stopped.startswith("interrupted"):
            raise KeyboardInterrupt
        if not history.epochs:
            raise FerError(f"{self.name}: {history.stopped}")
        return history

    def there(self) -> Any:
        """Return the settings of the run that is in this place; None where there is none."""
        path = self.folder / ASKED
        return read(path) if path.is_file() else None

    def finished(self) -> dict | None:
        """Return the record, if the run is done."""
        return read(self.file) if self.file.is_file() else None


def do(run: Run, progress: bool = True) -> dict:
    """Do a run as far as it is not done; return its record, which is then in its file.

    `progress` shows a bar for the batches.

    Raises:
        FerError: the folder holds other settings, the data are missing or do not fit, or the loss
            was no number from the first epoch on.
        TakenOverError: another process has begun to work on this run.
        KeyboardInterrupt: interrupted; the epochs done so far are kept.
    """
    with _ONE_AT_A_TIME:
        claim_folder(run)
        record = run.finished()
        if record is None:
            if run.threads:
                torch.set_num_threads(run.threads)
            record = run.train_and_score(RunLock(run.folder), progress)
            write(run.file, json.dumps(record, indent=1) + "\n")
        if run.throwaway:
            shutil.rmtree(run.folder, ignore_errors=True)
    return record


def claim_folder(run: Run) -> None:
    """Write a run's settings into its folder, or find them there.

    Raises:
        FerError: a run of other settings is there and is not to be thrown away; the message says
            what differs.
    """
    there, asked = run.there(), run.config()
    if found := "" if there is None else differences(there, asked):
        if not run.throwaway:
            raise FerError(
                f"{run.folder} holds another run ({found}). Ask for the same again, or choose "
                "another --out."
            )
        tqdm.write(f"{run.name}: done again, since its settings have changed ({found})")
        shutil.rmtree(run.folder, ignore_errors=True)
    make_folder(run.folder)
    if not (run.folder / ASKED).is_file():
        write(run.folder / ASKED, json.dumps(asked, indent=1) + "\n")


def differences(there: Any, asked: Any) -> str:
    """Say how two runs' settings differ; "" where they do not."""
    old, new = (_by_name(json.loads(json.dumps(settings))) for settings in (there, asked))
    return "; ".join(
        f"{name} {_short(old.get(name))} there, {_short(new.get(name))} asked"
        for name in new | old
        if old.get(name) != new.get(name)
    )


def _by_name(settings: Any) -> dict[str, Any]:
    """Return settings one by one, those of a recipe too: also those invented after it was saved."""
    if not isinstance(settings, dict):
        many = settings if isinstance(settings, list) else [settings]
        settings = {f"setting {number}": value for number, value in enumerate(many, 1)}
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict) and "learning_rate" in value:
            for key, part in with_defaults(value).items():
                # a second recipe must not be hidden by the first
                flat[f"{name}: {key}" if key in flat else key] = part
        else:
            flat[name] = value
    return flat


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else "another"


def read(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        FerError: it is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise FerError(f"{path} is damaged ({problem}): delete it.") from None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how many runs are divided among programs and machines."""
    parser.add_argument(
        "--share",
        type=share_of,
        default="1/1",
        metavar="K/N",
        help="which of N programs that share the runs this is, e.g. 1/2",
    )
    parser.add_argument("--threads", type=THREADS, help="processor cores to use (default: all)")
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="send the runs to this Dask cluster, whose machines all see the folders of runs and "
        "data; start its workers with --nthreads 1, one for each GPU with --resources GPU=1 "
        "(needs the extra 'cluster')",
    )


def share_of(text: str) -> str:
    """Return "1/2" as it is.

    Raises:
        argparse.ArgumentTypeError: not of that form, or no such share.
    """
    numbers = text.split("/")
    if len(numbers) != 2 or not all(map(str.isdigit, numbers)):
        raise argparse.ArgumentTypeError(f"{text!r} is not K/N, e.g. 1/2")
    if not 1 <= int(numbers[0]) <= int(numbers[1]):
        raise argparse.ArgumentTypeError(f"{text!r}: K of N goes from 1 to N")
    return text


def shared(runs: Sequence[Run], share: str) -> Sequence[Run]:
    """Return one program's runs: "2/3" takes the second, fifth, eighth ... of them."""
    mine, programs = map(int, share.split("/"))
    return runs[mine - 1 :: programs]
