"""What there is to train: one job for every published row and seed."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fer_utils import models, papers, train
from fer_utils.data import catalog
from fer_utils.errors import FerError
from fer_utils.papers import Claim


@dataclass(frozen=True)
class Job:
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
            "label_rule": label_rule(claim),
            "net": claim.experiment,
            "recipe": chosen,
            "hyper_parameters": {k: v for k, v in recipe.as_dict().items() if k != "notes"},
            "epochs": self.epochs or recipe.epochs,
            "precision": self.precision,
            "faces": self.faces,
        }
        return json.loads(json.dumps(asked))

    def command(self) -> str:
        """Return the command that repeats this run, without the folders of this machine."""
        words = [f'python -m fer_utils reproduce "{self.claim}" --data ROOT']
        words += [f"--runs {self.seed + 1}"]
        words += [f"--epochs {self.epochs}"] if self.epochs else []
        words += [f"--precision {self.precision}"] if self.precision != "float32" else []
        words += [f"--threads {self.threads}"] if self.threads else []
        words += [f"--faces {self.faces}"] if self.faces else []
        return " ".join([*words, "--out DIR"])


def slug(key: str) -> str:
    """Return a row's key as the name of a folder."""
    return re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")


def recipe_of(claim: Claim) -> str:
    """Return the name of a row's recipe: its own, or that of its network's paper."""
    return claim.recipe or models.paper(claim.experiment["name"])


def label_rule(claim: Claim) -> str:
    """Return the rule that makes a row's labels from votes; "" takes labels as published."""
    entry = catalog.DATASETS.get(claim.dataset)
    return claim.label_rule or (entry.label_rule if entry else "")


def trained_once(claim: Claim) -> Claim:
    """Return the first row that the same training serves: the run stands under its key.

    A table with a row for each class (precision of happy, of sad, ...) is one training.
    """
    alike = (one for one in papers.CLAIMS if one.experiment and _training(one) == _training(claim))
    return next(alike, claim)


def _training(claim: Claim) -> tuple:
    return claim.dataset, label_rule(claim), claim.experiment, recipe_of(claim)


def make_jobs(claims: Sequence[Claim], runs: int, **options) -> list[Job]:
    """Return the jobs of some rows, seeds 0 to `runs` - 1, all rows of a seed together.

    Args:
        claims: rows with a network; rows of one training share its jobs.
        runs: seeds per row.
        options: of `Job`.

    Raises:
        FerError: fewer than one run.
    """
    if runs < 1:
        raise FerError(f"--runs {runs}: train each row once or more.")
    keys = dict.fromkeys(trained_once(claim).key for claim in claims)
    return [Job(key, seed, **options) for seed in range(runs) for key in keys]
