"""One published row and seed: train its network, score it, keep the record."""

import argparse
import json
import platform
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

import fer_utils
from fer_lab import run
from fer_lab.reproduce import datasets
from fer_utils import models, papers, train
from fer_utils.commands import as_command
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.evaluate import Evaluation, evaluate, labels_for
from fer_utils.models.facenet import FaceNet
from fer_utils.papers import Claim
from fer_utils.train import checkpoint
from fer_utils.train.history import History
from fer_utils.train.loop import snapshot

_LIBRARIES = ("torch", "numpy", "opencv-python")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what says which jobs there are, and how each is done."""
    parser.add_argument(
        "key", nargs="?", help='PAPER, PAPER:TABLE or "PAPER:TABLE:ROW", e.g. pandey2019:IV'
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="ROOT",
        help="folder that holds NAME/ for each data set, or the data set's own, named like it "
        "(default: the usual places)",
    )
    parser.add_argument("--runs", type=int, default=1, help="seeds 0 to RUNS-1 of each row")
    parser.add_argument("--seeds", type=int, nargs="+", help="these seeds instead")
    parser.add_argument("--epochs", type=int, help="default: the recipe's")
    parser.add_argument(
        "--faces", type=int, help="a quick look: so many faces of each split; not for claims.csv"
    )
    parser.add_argument("--precision", choices=train.PRECISIONS, default="float32")
    parser.add_argument("--device", help="cpu, cuda, ...; default: a GPU where there is one")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/reproduce"),
        help="folder of the runs and of a table of them (default: runs/reproduce)",
    )
    run.add_arguments(parser)


@dataclass(frozen=True)
class Job(run.Run):
    """Train the network of one published row from one seed, and score it.

    Attributes:
        claim: key of the row.
        seed: of weights, order of the faces, augmentation and dropout.
        out: the folder of all runs; on a cluster, one that every machine sees.
        data: folder of the data sets, or of this one; None looks in the usual places.
        epochs: overrides the recipe's.
        precision: an entry of `train.PRECISIONS`.
        device: None takes a GPU where there is one.
        threads: of the processor; None leaves torch's own number.
        faces: use so many faces of each split only, for a quick look; None uses all.
    """

    claim: str
    seed: int
    out: Path
    data: Path | None = None
    epochs: int | None = None
    precision: str = "float32"
    device: str | None = None
    threads: int | None = None
    faces: int | None = None

    @property
    def folder(self) -> Path:
        """Where this job keeps its files."""
        return self.out / slug(self.claim) / f"seed{self.seed}"

    @property
    def name(self) -> str:
        """Row and seed, for messages."""
        return f"{self.claim}, seed {self.seed}"

    def config(self) -> dict:
        """Return everything that decides the result but the seed, as JSON reads it back."""
        claim = papers.claim(self.claim)
        chosen = recipe_of(claim)
        recipe = train.recipe(chosen)
        asked = {
            "data": claim.dataset,
            "label_rule": datasets.label_rule(claim),
            "net": claim.experiment,
            "recipe": chosen,
            "hyper_parameters": {k: v for k, v in recipe.as_dict().items() if k != "notes"},
            "epochs": self.epochs or recipe.epochs,
            "precision": self.precision,
            "faces": self.faces,
        }
        if setup := claim.setup.as_dict():
            asked["setup"] = setup
        return json.loads(json.dumps(asked))

    def command(self) -> str:
        """Return the command that repeats this run, without the folders of this machine."""
        parser = argparse.ArgumentParser(prog="python -m fer_utils reproduce")
        add_arguments(parser)
        given = argparse.Namespace(**vars(self), key=self.claim, seeds=[self.seed])
        return as_command(parser, given, hide=("data", "device", "out"))

    def finished(self) -> dict | None:
        """Return the record, if the run is done.

        One that was scored on the validation split, because there was no test split, is not done
        any more once there is one.
        """
        done = super().finished()
        if done is None or done["split"] == "test":
            return done
        parts, _ = self.load(self.make_net(), progress=False)
        return done if datasets.scored_split(parts) == done["split"] else None

    def make_net(self) -> FaceNet:
        """Return the row's untrained network."""
        return models.create(**papers.claim(self.claim).experiment, seed=self.seed)

    def load(self, net: FaceNet, progress: bool) -> tuple[dict, str]:
        """Return the row's faces by split, and who divided them."""
        claim = papers.claim(self.claim)
        return datasets.load(claim, net, self.data, faces=self.faces, progress=progress)

    def train_and_score(self, lock: run.RunLock, progress: bool) -> dict:
        """Train the network and score it; return the record, and leave the weights with a card."""
        config, claim, net = self.config(), papers.claim(self.claim), self.make_net()
        parts, division = self.load(net, progress)
        split = datasets.scored_split(parts)
        watched = parts["valid"] if len(parts["valid"]) else parts["test"]
        history = self.fit(
            lock,
            net,
            {**parts, "valid": watched},
            train.recipe(config["recipe"]),
            epochs=config["epochs"],
            device=self.device,
            progress=progress,
            precision=self.precision,
        )
        started = time.perf_counter()
        readings = self.readings(net, history, parts[split], watched_test=watched is parts["test"])
        scored = readings.pop(claim.setup.epoch, None) or readings.pop("valid")
        seconds = sum(row["seconds"] for row in history.epochs) + time.perf_counter() - started
        record = {
            "claim": self.claim,
            "published": {"value": claim.value, "low": claim.low, "high": claim.high},
            "config": config,
            "seed": self.seed,
            "split": split,
            "division": division,
            "faces": {name: len(part) for name, part in parts.items()},
            "scored_faces": datasets.digest(parts[split]),
            "labels": digits(labels_for(net.classes, parts[split])),
            **scored,
            "other_epochs": readings,
            "parameters": models.count(net),
            "best_epoch": history.best_epoch,
            "epochs_done": len(history.epochs),
            "stopped": history.stopped,
            "curve": history.epochs,
            "seconds": seconds,
            "sittings": lock.number,
            **machine(net),
            "command": self.command(),
        }
        lock.check()
        keys = ("claim", "config", "seed", "split", "accuracy", "command")
        models.save(net, self.folder / "model.safetensors", {key: record[key] for key in keys})
        return record

    def readings(
        self, net: FaceNet, history: History, faces: FaceSet, *, watched_test: bool
    ) -> dict[str, dict]:
        """Return what the network says of faces, by how its epoch was chosen; see `Setup.epoch`.

        A training that watched the test set is read twice: at the epoch that was best there, and
        at its last one. The last epoch is no choice at all, unless a schedule or early stopping
        heard of the test set too. The net keeps the weights of the epoch that the paper scored.
        """
        chosen = "test" if watched_test else "valid"
        found = {chosen: {"epoch": history.best_epoch, **scores(evaluate(net, faces))}}
        if watched_test:
            best = snapshot(net)
            net.load_state_dict(last_weights(self.folder))
            found["last"] = {"epoch": len(history.epochs), **scores(evaluate(net, faces))}
            if papers.claim(self.claim).setup.epoch == "test":
                net.load_state_dict(best)
        return found


def slug(key: str) -> str:
    """Return a row's key as the name of a folder."""
    return re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")


def recipe_of(claim: Claim) -> str:
    """Return the name of a row's recipe: its own, or that of its network's paper."""
    return claim.recipe or models.paper(claim.experiment["name"])


def trained_once(claim: Claim) -> Claim:
    """Return the first row that the same training serves: the run stands under its key.

    A table with a row for each class (precision of happy, of sad, ...) is one training.
    """
    trained = (other for other in papers.CLAIMS if other.experiment)
    return next((other for other in trained if _training(other) == _training(claim)), claim)


def _training(claim: Claim) -> tuple:
    rule = datasets.label_rule(claim)
    return claim.dataset, rule, claim.experiment, recipe_of(claim), claim.setup


def make_jobs(claims: Sequence[Claim], seeds: Sequence[int], **options: Any) -> list[Job]:
    """Return the jobs of some rows, all rows of a seed together.

    Args:
        claims: rows with a network; rows of one training share its jobs.
        seeds: of each row.
        options: of `Job`.

    Raises:
        FerError: no seed.
    """
    if not seeds:
        raise FerError("--runs 0: train each row once or more.")
    keys = dict.fromkeys(trained_once(claim).key for claim in claims)
    return [Job(key, seed, **options) for seed in seeds for key in keys]


def last_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return the weights after a training's last epoch, from the state that it left."""
    return torch.load(folder / checkpoint.STATE, map_location="cpu", weights_only=True)["net"]


def digits(numbers: np.ndarray) -> str:
    """Return whole numbers from 0 to 9 as a string, one character each."""
    return "".join(map(str, numbers.tolist()))


def scores(result: Evaluation) -> dict:
    """Return accuracy with its interval, the confusion matrix (rows: labels) and every answer."""
    accuracy = result.accuracy
    return {
        "accuracy": {
            "value": accuracy.value,
            "correct": accuracy.correct,
            "n": accuracy.n,
            "interval_95": [accuracy.low, accuracy.high],
        },
        "classes": list(result.classes),
        "confusion": result.confusion().tolist(),
        "answers": digits(result.predictions),
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
