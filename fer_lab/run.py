"""One training that can be interrupted: settings in, a record out, both JSON in a folder.

A run's folder holds `config.json`, what was asked; what `train.fit` needs to go on; `sitting.json`,
whose turn it is. The record is written last, in one step. Run by run and epoch by epoch, whatever
is done is not done again. The folder is locked meanwhile (`fer_utils.locks`).
"""

import argparse
import os
import shutil
import socket
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import Any

import torch
from tqdm.auto import tqdm

from fer_utils import train
from fer_utils.data.faceset import FaceSet, other_faces
from fer_utils.errors import FerError
from fer_utils.files import DamagedError, make_folder, read_json, write_json
from fer_utils.locks import LOCK, hold
from fer_utils.models.facenet import FaceNet
from fer_utils.ranges import THREADS
from fer_utils.train import checkpoint
from fer_utils.train.checkpoint import OtherRunError, differences
from fer_utils.train.history import History

ASKED, DONE, SITTING = "config.json", "run.json", "sitting.json"

#: By split, what tells its faces from others: `FaceSet.digest`.
Digests = Mapping[str, Mapping[str, str]]

# torch's random numbers belong to the process: two trainings at once would share them.
_ONE_AT_A_TIME = RLock()


class TakenOverError(FerError):
    """Another process has begun to work on the same run."""


class RunLock:
    """Whose turn it is in a run's folder: the last one to take it has it.

    The lock of the operating system keeps other programs out. On a cluster that does not do: a
    machine that was believed dead may come back with its lock, an interrupted cluster may still
    be at work, and not every shared file system has locks between machines. So whoever finds
    another's token at the end of an epoch stops. No clock is involved.

    Attributes:
        number: how often somebody has taken the turn, this time included.
        digests: of the faces that the run learns from, by split; `Run.fit` fills them in.
    """

    def __init__(self, folder: Path):
        self.path, self.token = folder / SITTING, uuid.uuid4().hex
        self.digests: dict[str, dict[str, str]] = {}
        self.number = 1 + (self._read() or {"number": 0})["number"]
        self._write()

    def _write(self) -> None:
        mark = {"number": self.number, "token": self.token}
        write_json(self.path, mark | {"host": socket.gethostname(), "process": os.getpid()}, None)

    def _read(self) -> dict | None:
        """Return what is there; None where it is damaged, or nothing is there."""
        mark = whole(self.path)
        return mark if isinstance(mark, dict) and {"number", "token"} <= set(mark) else None

    def check(self, history: History | None = None) -> None:
        """Raise a TakenOverError if somebody else has taken the turn since."""
        mark = self._read()
        if mark is None and self.path.is_file():
            self._write()  # damaged: nobody has taken it
        elif mark is None or mark["token"] != self.token:
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
        lock.digests = digests_of(faces)
        words = (net, faces["train"], faces["valid"], recipe)
        try:
            history = train.fit(*words, **options)
        except OtherRunError as problem:
            if not self.throwaway:
                raise
            tqdm.write(f"{self.name}: begun again, it was another run ({problem.what})")
            history = train.fit(*words, **options, resume=False)
        if history.stopped.startswith("interrupted"):
            raise KeyboardInterrupt
        if not history.epochs:
            raise FerError(f"{self.name}: {history.stopped}")
        return history

    def there(self) -> Any:
        """Return the settings of the run that is in this place; None where there is none."""
        there = whole(self.folder / ASKED)
        return (Run.finished(self) or {}).get("config") if there is None else there

    def finished(self) -> dict | None:
        """Return the record, if the run is done."""
        record = whole(self.file)
        return record if isinstance(record, dict) else None

    def digests(self) -> Digests | None:
        """Return those of the faces that are here now; None where they are always the same."""
        return None

    def other_data(self) -> str:
        """Say how the faces of the record that is here differ from today's; "" where not.

        A record from before faces were known by their content is taken as it is.
        """
        there = (Run.finished(self) or {}).get("digests")
        now = self.digests() if there else None
        return "; ".join(other_faces(there, now)) if there and now is not None else ""


def digests_of(faces: Mapping[str, FaceSet]) -> dict[str, dict[str, str]]:
    """Return what tells the faces of each split from others, where a split has any."""
    return {split: part.digest for split, part in faces.items() if len(part)}


def do(run: Run, progress: bool = True, sent: str = "") -> dict:
    """Do a run as far as it is not done; return its record, which is then in its file.

    `progress` shows a bar for the batches; `sent` is the name under which a cluster sends it.

    Raises:
        FerError: the folder holds other settings or learned from other faces, the data are missing
            or do not fit, or the loss was no number from the first epoch on.
        InUseError: another program is at work on this run, which is not done.
        TakenOverError: another machine of the cluster has begun to work on this run.
        KeyboardInterrupt: interrupted; the epochs done so far are kept.
    """
    make_folder(run.folder)
    # of a run that is done, another program can only be reading the record
    done = run.finished() is not None
    with _ONE_AT_A_TIME, hold(run.folder / LOCK, wait=done, sent=sent):
        say_what_is_damaged(run)
        claim_folder(run)
        record = run.finished()
        if record is None:
            if run.threads:
                torch.set_num_threads(run.threads)
            lock = RunLock(run.folder)
            record = run.train_and_score(lock, progress)
            record |= {"digests": lock.digests} if lock.digests else {}
            write_json(run.file, record)
        if run.throwaway:
            shutil.rmtree(run.folder, ignore_errors=True)
    return record


def claim_folder(run: Run) -> None:
    """Write a run's settings into its folder, or find them there.

    Raises:
        FerError: a run of other settings, or that learned from other faces, is there and is not to
            be thrown away; the message says what differs.
    """
    there, asked = run.there() if has_begun(run) else None, run.config()
    found = differences(there, asked) if there is not None else ""
    if found := found or run.other_data():
        if not run.throwaway:
            raise FerError(
                f"{run.folder} holds another run ({found}). Ask for the same again, or choose "
                "another --out."
            )
        tqdm.write(f"{run.name}: done again, since its settings have changed ({found})")
        for path in run.folder.iterdir():
            if path.name != LOCK:
                path.unlink()
    if whole(run.folder / ASKED) != asked:
        write_json(run.folder / ASKED, asked)


def has_begun(run: Run) -> bool:
    """Whether anything of a run is done; a start that failed leaves its settings alone."""
    left = (checkpoint.STATE, checkpoint.HISTORY, checkpoint.BEST)
    return run.file.is_file() or any((run.folder / name).is_file() for name in left)


def say_what_is_damaged(run: Run) -> None:
    """Say which of a run's files are damaged, and what becomes of that."""
    files = {
        run.folder / ASKED: "it is written again",
        run.folder / SITTING: "sittings are counted anew",
        run.file: "the run is done again, as far as it has to be",
    }
    for path, what in files.items():
        if path.is_file() and whole(path) is None:
            tqdm.write(f"{path} is damaged: {what}.")


def whole(path: Path) -> Any:
    """Return what a file of `write_json` holds; None where it is not there, or damaged."""
    try:
        return read_json(path) if path.is_file() else None
    except DamagedError:
        return None


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
