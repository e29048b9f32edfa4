"""One job: train, or go on training; score; write one JSON when done."""

import json
import os
import platform
import socket
import time
import uuid
from importlib import metadata
from pathlib import Path
from threading import Lock

import torch

import fer_utils
from fer_lab.reproduce import datasets
from fer_lab.reproduce.jobs import Job
from fer_utils import models, papers, train
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.evaluate import Evaluation, evaluate
from fer_utils.files import write
from fer_utils.models.facenet import FaceNet
from fer_utils.train.history import History
from fer_utils.train.recipes import with_defaults

ASKED, DONE, SITTING = "config.json", "run.json", "sitting.json"
_LIBRARIES = ("torch", "numpy", "opencv-python")

# torch's random numbers belong to the process: two trainings at once would share them.
_ONE_AT_A_TIME = Lock()


class TakenOverError(FerError):
    """Another process has begun to work on the same run."""


class Sitting:
    """Whose turn it is in a job's folder: whoever sat down last.

    A machine that was believed dead may come back, and an interrupted cluster may still be at
    work: whoever finds another's mark at the end of an epoch stops. No clock is involved.

    Attributes:
        number: how often somebody has sat down at this job, this time included.
    """

    def __init__(self, folder: Path):
        self.path, self.token = folder / SITTING, uuid.uuid4().hex
        self.number = 1 + (_read(self.path)["number"] if self.path.is_file() else 0)
        mark = {"number": self.number, "token": self.token}
        mark |= {"host": socket.gethostname(), "process": os.getpid()}
        write(self.path, json.dumps(mark) + "\n")

    def check(self, history: History | None = None) -> None:
        """Raise a TakenOverError if somebody else has sat down since."""
        if _read(self.path)["token"] != self.token:
            raise TakenOverError(f"{self.path.parent} was taken over by another process.")


def run(job: Job, progress: bool = True) -> dict:
    """Do a job as far as it is not done; return its record, which is then in its folder.

    The folder holds what `train.fit` needs to go on, the best weights with their card
    (`model.safetensors`) and, when done, the record (`run.json`). A record that was scored on the
    validation split, because there was no test split, is scored again once there is one.

    Args:
        job: what to do.
        progress: show a bar for the batches.

    Raises:
        FerError: the folder holds another configuration, the data are missing or do not fit, or
            the loss was no number from the first epoch on.
        TakenOverError: another process has begun to work on this job.
        KeyboardInterrupt: interrupted; the epochs done so far are kept.
    """
    with _ONE_AT_A_TIME:
        config = settle(job)
        done = _read(job.folder / DONE) if (job.folder / DONE).is_file() else None
        if done and done["split"] == "test":
            return done
        claim = papers.claim(job.claim)
        if job.threads:
            torch.set_num_threads(job.threads)
        net = models.create(**claim.experiment, seed=job.seed)
        parts, division = datasets.load(claim, net, job.data, faces=job.faces, progress=progress)
        split = datasets.scored_split(parts)
        if done and done["split"] == split:
            return done
        sitting = Sitting(job.folder)
        history = learn(job, net, parts, config["epochs"], sitting, progress)
        started = time.perf_counter()
        found = evaluate(net, parts[split])
        seconds = sum(row["seconds"] for row in history.epochs) + time.perf_counter() - started
        record = {
            "claim": job.claim,
            "published": {"value": claim.value, "low": claim.low, "high": claim.high},
            "config": config,
            "seed": job.seed,
            "split": split,
            "division": division,
            "faces": {name: len(part) for name, part in parts.items()},
            **scores(found),
            "parameters": models.count(net),
            "best_epoch": history.best_epoch,
            "epochs_done": len(history.epochs),
            "stopped": history.stopped,
            "curve": history.epochs,
            "seconds": seconds,
            "sittings": sitting.number,
            **machine(net),
            "command": job.command(),
        }
        sitting.check()
        keys = ("claim", "config", "seed", "split", "accuracy", "command")
        models.save(net, job.folder / "model.safetensors", {key: record[key] for key in keys})
        write(job.folder / DONE, json.dumps(record, indent=1) + "\n")
    return record


def settle(job: Job) -> dict:
    """Write a job's configuration into its folder, or find it there; return it.

    Raises:
        FerError: the folder belongs to another configuration; the message says what differs.
    """
    config, path = job.config(), job.folder / ASKED
    job.folder.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        write(path, json.dumps(config, indent=1) + "\n")
    found = _read(path)
    asked, there = (_flat(one) for one in (config, found))
    if there != asked:
        differences = "; ".join(
            f"{key} {_short(there.get(key))} there, {_short(asked.get(key))} asked"
            for key in asked | there
            if there.get(key) != asked.get(key)
        )
        raise FerError(
            f"{job.folder} holds another run ({differences}). Ask for the same again, or choose "
            "another --out."
        )
    return config


def learn(
    job: Job, net: FaceNet, parts: dict[str, FaceSet], epochs: int, sitting: Sitting, progress: bool
) -> History:
    """Train a job's net in place; return the History of all epochs, earlier sittings included."""
    history = train.fit(
        net,
        parts["train"],
        parts["valid"],
        train.recipe(job.config()["recipe"]),
        epochs=epochs,
        seed=job.seed,
        device=job.device,
        out=job.folder,
        progress=progress,
        precision=job.precision,
        on_epoch=sitting.check,
    )
    if history.stopped.startswith("interrupted"):
        raise KeyboardInterrupt
    if not history.epochs:
        raise FerError(f"{job.name}: {history.stopped}")
    return history


def scores(found: Evaluation) -> dict:
    """Return accuracy with its interval, and the confusion matrix (rows: labels)."""
    accuracy = found.accuracy
    return {
        "accuracy": {
            "value": accuracy.value,
            "correct": accuracy.correct,
            "n": accuracy.n,
            "interval_95": [accuracy.low, accuracy.high],
        },
        "classes": list(found.classes),
        "confusion": found.confusion().tolist(),
    }


def machine(net: FaceNet) -> dict:
    """Return what the net was trained with: device, threads, versions."""
    device = next(net.parameters()).device
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = f"{device.type} ({platform.machine()})"
    versions = {name: metadata.version(name) for name in _LIBRARIES}
    versions |= {"python": platform.python_version(), "fer_utils": fer_utils.__version__}
    return {"device": name, "threads": torch.get_num_threads(), "versions": versions}


def _read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def _flat(config: dict) -> dict:
    """Return a configuration with its hyper-parameters, those it was too early to know of too."""
    return {**with_defaults(config["hyper_parameters"]), **config, "hyper_parameters": ""}


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else "another"
