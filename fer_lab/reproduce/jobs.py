"""One published row and seed: train its network, score it, keep the record."""

import argparse
import functools
import hashlib
import json
import platform
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import fer_utils
from fer_lab import run
from fer_lab.reproduce import datasets
from fer_utils import models, papers, train
from fer_utils.commands import as_command, file_name
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.evaluate import Evaluation, evaluate, labels_for
from fer_utils.models.facenet import FaceNet
from fer_utils.models.scaling import Scaling
from fer_utils.papers import Claim
from fer_utils.ranges import COUNT, EPOCHS, SEED, Range
from fer_utils.train import checkpoint
from fer_utils.train.augment import Augmentation
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
        type=file_name,
        metavar="ROOT",
        help="folder that holds NAME/ for each data set, or the data set's own, named like it "
        "(default: the usual places)",
    )
    parser.add_argument(
        "--runs", type=Range(1, 1000, whole=True), default=1, help="seeds 0 to RUNS-1 of each row"
    )
    parser.add_argument("--seeds", type=SEED, nargs="+", help="these seeds instead")
    parser.add_argument("--epochs", type=EPOCHS, help="default: the recipe's")
    parser.add_argument(
        "--faces", type=COUNT, help="a quick look: so many faces of each split; not for claims.csv"
    )
    parser.add_argument(
        "--base-weights",
        type=file_name,
        metavar="FILE",
        help="for rows that start from weights nobody may pass on (mazen2021: VGG-Face): a "
        ".safetensors file of theirs",
    )
    parser.add_argument("--precision", choices=train.PRECISIONS, default="float32")
    parser.add_argument("--device", help="cpu, cuda, ...; default: a GPU where there is one")
    parser.add_argument(
        "--out",
        type=file_name,
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
        base_weights: a file of the weights that the row's base starts from; see `Setup.base`.
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
    base_weights: Path | None = None

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
        recipe = changed_recipe(claim)
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
        if claim.setup.base:
            asked["base_weights"] = self.base_digest()
        return json.loads(json.dumps(asked))

    def command(self) -> str:
        """Return the command that repeats this run, without the folders of this machine."""
        parser = argparse.ArgumentParser(prog="python -m fer_utils reproduce")
        add_arguments(parser)
        given = argparse.Namespace(**vars(self), key=self.claim, seeds=[self.seed])
        return as_command(parser, given, hide=("data", "device", "out", "base_weights"))

    def base_digest(self) -> str:
        """Return a fingerprint of the file that the base starts from.

        Raises:
            FerError: none is given, or it is not there.
        """
        if self.base_weights is None or not self.base_weights.is_file():
            raise FerError(needs_base(papers.claim(self.claim)))
        return hashlib.sha256(self.base_weights.read_bytes()).hexdigest()[:16]

    def there(self) -> Any:
        """Return the settings of the run that is here, with as many epochs as it can go on to."""
        return checkpoint.with_more_epochs(super().there(), self.config())

    def finished(self) -> dict | None:
        """Return the record, if the run is done.

        One of fewer epochs is not: the run goes on. One that was scored on the validation split,
        because there was no test split, is not done any more once there is one.
        """
        done = super().finished()
        if done is None or done["config"]["epochs"] < self.config()["epochs"]:
            return None
        if done["split"] == "test":
            return done
        parts, _ = self.load(self.make_net(), progress=False)
        return done if datasets.scored_split(parts) == done["split"] else None

    def digests(self) -> run.Digests:
        """Return those of the row's faces that are here now."""
        parts, _ = self.load(self.make_net(), progress=False)
        return run.digests_of(parts)

    def make_net(self) -> FaceNet:
        """Return the row's untrained network, its base frozen where it starts from others' weights.

        Raises:
            FerError: these weights are not given, or do not fit.
        """
        claim = papers.claim(self.claim)
        options: dict[str, Any] = {"seed": self.seed}
        if claim.setup.base:
            self.base_digest()  # before a network of that size is built
            options["base_weights"] = self.base_weights
        net = models.create(**claim.experiment, **options)
        if claim.setup.without == "normalization":
            # the file's numbers, 0 to 255, without the steps to [-1, 1]
            net.scaling = Scaling(scale=(255.0,), shift=(0.0,))
        return models.freeze_base(net) if claim.setup.base else net

    def load(self, net: FaceNet, progress: bool) -> tuple[dict, str]:
        """Return the row's faces by split, and who divided them."""
        claim = papers.claim(self.claim)
        return datasets.load(claim, net, self.data, faces=self.faces, progress=progress)

    def train_and_score(self, lock: run.RunLock, progress: bool) -> dict:
        """Train the network and score it; return the record, and leave the weights with a card."""
        config, claim, net = self.config(), papers.claim(self.claim), self.make_net()
        parts, division = self.load(net, progress)
        split = datasets.scored_split(parts)
        scored_faces = datasets.digest(parts[split])
        learned = run.digests_of(parts)
        learner: Any = net
        if claim.setup.base:  # a frozen base sees every face once, not once an epoch
            net.to(self.device or ("cuda" if torch.cuda.is_available() else "cpu"))
            parts = {name: models.features(net, p) if len(p) else p for name, p in parts.items()}
            learner = models.head(net)
        watched = parts["valid"] if len(parts["valid"]) else parts["test"]
        history = self.fit(
            lock,
            learner,
            {**parts, "valid": watched},
            changed_recipe(claim),
            epochs=config["epochs"],
            device=self.device,
            progress=progress,
            precision=self.precision,
        )
        started = time.perf_counter()
        watched_test = watched is parts["test"]
        readings = self.readings(learner, history, parts[split], watched_test=watched_test)
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
            "scored_faces": scored_faces,
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
        # `fit` may have watched the test set, or learned from features: `digests` knows pictures
        lock.digests = learned
        keys = ("claim", "config", "seed", "split", "accuracy", "command")
        models.save(net, self.folder / "model.safetensors", {key: record[key] for key in keys})
        return record

    def readings(
        self, net: nn.Module, history: History, faces: FaceSet, *, watched_test: bool
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


def changed_recipe(claim: Claim) -> train.Recipe:
    """Return a row's recipe, without the augmentation where the row leaves it out."""
    recipe = train.recipe(recipe_of(claim))
    if claim.setup.without == "augmentation":
        return replace(recipe, augmentation=Augmentation())
    return recipe


def needs_base(claim: Claim) -> str:
    """Say which weights a row starts from, and how to give them."""
    return (
        f"it starts from {claim.setup.base}'s weights, which this kit neither holds nor fetches: "
        "give their .safetensors file with --base-weights FILE."
    )


def trained_once(claim: Claim) -> Claim:
    """Return the first row that the same training serves: the run stands under its key.

    A table with a row for each class (precision of happy, of sad, ...) is one training.
    """
    return _first_rows().get(_training(claim), claim)


@functools.cache
def _first_rows() -> dict[str, Claim]:
    rows: dict[str, Claim] = {}
    for claim in papers.CLAIMS:
        if claim.experiment:
            rows.setdefault(_training(claim), claim)
    return rows


def _training(claim: Claim) -> str:
    rule, setup = datasets.label_rule(claim), claim.setup.as_dict()
    return json.dumps([claim.dataset, rule, claim.experiment, recipe_of(claim), setup])


def make_jobs(claims: Sequence[Claim], seeds: Sequence[int], **options: Any) -> list[Job]:
    """Return the jobs of some rows, all rows of a seed together.

    Args:
        claims: rows with a network; rows of one training share its jobs, and a gain needs those of
            both of its trainings.
        seeds: of each row.
        options: of `Job`.

    Raises:
        FerError: no seed.
    """
    if not seeds:
        raise FerError("--runs 0: train each row once or more.")
    both = [row for claim in claims for row in (papers.claim(claim.gain_of or claim.key), claim)]
    keys = dict.fromkeys(trained_once(claim).key for claim in both)
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
