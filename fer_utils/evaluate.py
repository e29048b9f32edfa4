"""One pass over a data set; every metric is computed from the probabilities it leaves."""

from __future__ import annotations

import math
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils._arguments import check_array, check_names, integer, shown
from fer_utils.emotions import nearest
from fer_utils.errors import FerError
from fer_utils.models.answers import (
    as_pictures,
    ask,
    check_logits,
    check_net,
    chosen_device,
    classes_of,
    device_of,
    dtype_of,
    evaluating,
    named_classes,
)
from fer_utils.models.facenet import FaceNet, check_range

if TYPE_CHECKING:
    from fer_utils.data.faceset import FaceSet

__all__ = ["Accuracy", "Evaluation", "evaluate", "labels_for", "predict"]

Z_95 = 1.959963984540054  # of a normal distribution, 95 % lies within so many deviations


def __dir__() -> list[str]:
    return list(__all__)


@dataclass(frozen=True)
class Accuracy:
    """A share of right answers with its Wilson score interval (95 %).

    Source: Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
    Unlike p +- z sqrt(p (1 - p) / n), it never leaves [0, 1] and has a width at p = 0 and p = 1.

    Raises:
        FerError: counts below 0, or more right answers than answers.
    """

    correct: int
    n: int

    def __post_init__(self) -> None:
        """Check the counts."""
        for name in ("correct", "n"):
            integer(name, getattr(self, name))
        if not 0 <= self.correct <= self.n:
            raise FerError(f"{self.correct} right of {self.n} answers: from none to all of them.")

    @property
    def value(self) -> float:
        """Right answers over all answers; nan where nobody was asked."""
        return self.correct / self.n if self.n else math.nan

    @property
    def _interval(self) -> tuple[float, float]:
        p, n, z = self.value, self.n, Z_95
        if not n:
            return 0.0, 1.0  # the formula's limit: nothing is known
        middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        # where all or none are right one end is the share itself; rounding would put it beside
        return min(p, max(0.0, middle - half)), max(p, min(1.0, middle + half))

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self._interval[0]

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self._interval[1]

    def __str__(self) -> str:
        """E.g. `0.653 (2344 of 3589; 95 % 0.637-0.669)`."""
        return f"{self.value:.3f} ({self.correct} of {self.n}; 95 % {self.low:.3f}-{self.high:.3f})"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a net said about a data set.

    Attributes:
        probabilities: float32 (N, K), rows sum to 1.
        labels: int64 (N,), index into `classes`.
        classes: names of the K outputs.

    Raises:
        FerError: arrays that do not fit together, or labels that are no classes.
    """

    probabilities: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Take arrays in every plain form, and check that they fit together."""
        check_names("classes", self.classes)
        taken = {
            "probabilities": _as_array("probabilities", self.probabilities, 2, "f"),
            "labels": _as_array("labels", self.labels, 1, "iu").astype(np.int64),
            "classes": tuple(self.classes),
        }
        for name, value in taken.items():
            object.__setattr__(self, name, value)
        twice = [name for name, count in Counter(self.classes).items() if count > 1]
        if twice or not self.classes:
            wrong = f"{shown(twice[0])} stands there twice" if twice else "there are none"
            raise FerError(f"classes={shown(self.classes)}: each output has a name; {wrong}.")
        faces, classes = len(self.labels), len(self.classes)
        if np.shape(self.probabilities) != (faces, classes):
            raise FerError(
                f"probabilities of shape {np.shape(self.probabilities)} do not fit {faces} labels "
                f"and {classes} classes."
            )
        if faces and not 0 <= np.min(self.labels) <= np.max(self.labels) < classes:
            raise FerError(f"labels must be 0 to {classes - 1}, the places of the classes.")
        if not np.isfinite(self.probabilities).all():
            raise FerError("probabilities hold numbers that are not finite.")

    @property
    def predictions(self) -> np.ndarray:
        """Most probable class, int64 (N,)."""
        return self.probabilities.argmax(1)

    @property
    def accuracy(self) -> Accuracy:
        """Share of faces whose most probable class is the label."""
        return Accuracy(int((self.predictions == self.labels).sum()), len(self.labels))

    def confusion(self, normalize: str | None = None) -> np.ndarray:
        """Return the confusion matrix (K, K): row = label, column = prediction.

        Args:
            normalize: None counts faces (int64); "true" makes rows sum to 1 (the diagonal is
                the recall), "pred" columns (the precision). An empty row or column stays 0.

        Raises:
            FerError: another `normalize`.
        """
        if normalize not in (None, "true", "pred"):
            raise FerError(f"normalize={normalize!r}: choose None, 'true' or 'pred'.")
        classes = len(self.classes)
        # every pair (label, prediction) is one number, and equal numbers are counted
        pairs = self.labels * classes + self.predictions
        counts = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
        if normalize is None:
            return counts
        total = counts.sum(axis=1 if normalize == "true" else 0, keepdims=True)
        return counts / np.maximum(total, 1)

    def per_class(self) -> list[dict]:
        """Return name, precision, recall, f1 and support of each class.

        A measure whose denominator is 0 is NaN: the precision of a class never predicted,
        the recall of a class without faces.
        """
        counts = self.confusion()
        right, labelled, said = counts.diagonal(), counts.sum(1), counts.sum(0)
        columns = (
            self.classes,
            _shares(right, said),
            _shares(right, labelled),
            _shares(2 * right, labelled + said),
            labelled.tolist(),
        )
        keys = ("name", "precision", "recall", "f1", "support")
        return [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]

    def table(self) -> str:
        """Return precision, recall, F1 and support per class, and the accuracy, as text."""
        lines = [f"{'':10} precision  recall      F1  faces"]
        for row in self.per_class():
            lines.append(
                f"{row['name']:10} {row['precision']:9.3f} {row['recall']:7.3f} "
                f"{row['f1']:7.3f} {row['support']:6d}"
            )
        return "\n".join([*lines, f"accuracy   {self.accuracy}"])

    def mistakes(self, true: str, predicted: str) -> np.ndarray:
        """Return the indices of faces labelled `true` that the net called `predicted`.

        Raises:
            FerError: a name that is not in `classes`.
        """
        for name in (true, predicted):
            if not isinstance(name, str) or name not in self.classes:
                raise FerError(f"no class {shown(name)}.{nearest(name, self.classes)}")
        is_true = self.labels == self.classes.index(true)
        return np.flatnonzero(is_true & (self.predictions == self.classes.index(predicted)))


def evaluate(
    net: nn.Module,
    faces: FaceSet,
    *,
    batch: int = 256,
    device: str | torch.device | None = None,
    progress: bool = False,
    flip: bool = False,
) -> Evaluation:
    """Return what `net` says about every face, dropout off and batch norm frozen.

    Args:
        net: a net with `.classes`, from pictures in [0, 1] to logits; `models.wrap` makes one of
            any network.
        faces: labels are matched to the net's outputs by class name.
        batch: pictures per pass.
        device: None keeps the net where it is.
        progress: show a bar.
        flip: look at every face and at its mirror image, and average the probabilities.

    Raises:
        FerError: no faces, generated ones, a class that the net does not know, a net without
            `.classes`, or one that does not give a finite score per class.
    """
    check_faces(faces)
    if len(faces) == 0:
        raise FerError(f"no faces to evaluate: {faces!r} is empty.")
    if faces.generated.any():
        raise FerError(
            f"{faces.name}: {faces.generated.sum()} of these faces are generated, and nobody is "
            "scored on those: leave them out by faces.take(~faces.generated), or see with predict "
            "what the net says of them."
        )
    labels = labels_for(named_classes(net), faces)
    if device is not None:
        net = net.to(chosen_device(device))

    def probabilities_of(images: np.ndarray) -> Tensor:
        logits = predict(net, images, batch=batch, progress=progress)
        # whether they are finite is asked once: each time it is, a GPU has to be waited for
        return check_logits(logits, len(images)).softmax(1)

    probabilities = probabilities_of(faces.images)
    if flip:
        probabilities = (probabilities + probabilities_of(faces.images[..., ::-1])) / 2
    classes = classes_of(net, probabilities.shape[1])
    return Evaluation(probabilities.cpu().numpy(), labels, classes)


def predict(
    net: nn.Module, images: Tensor | np.ndarray, *, batch: int = 256, progress: bool = False
) -> Tensor:
    """Return logits, float32 (N, K), of uint8 images (N, C, H, W), or of `models.features`.

    Of an array no more than a batch is copied, so a memory-mapped one may be larger than the
    memory. Every module's training mode is put back afterwards.

    Float pictures lie in [0, 1].

    Raises:
        FerError: no pictures, or a net that cannot take them; what the net gives is no row of
            scores per picture. They may be infinite or NaN.
    """
    from tqdm.auto import tqdm

    from fer_utils.data._cache import forget

    check_net(net)
    if not isinstance(images, Tensor | np.ndarray):
        raise FerError(
            f"predict takes pictures (N, C, H, W) as an array or a tensor, not {shown(images)}: "
            "those of a FaceSet are faces.images."
        )
    if isinstance(images, np.ndarray):
        check_array("images", images, images.ndim)
    batch = integer("batch", batch, 1)

    # One block for all answers: kept one by one, they would lie between the blocks that batches
    # take and free, and the C library could not use those again.
    device, dtype, scores = device_of(net), dtype_of(net), torch.empty(0)
    with evaluating(net), torch.inference_mode():
        for start in tqdm(range(0, len(images), batch), disable=not progress, leave=False):
            part = images[start : start + batch]
            if isinstance(part, np.ndarray):
                mapped, part = part, torch.from_numpy(np.array(part))
                forget(mapped)
            if part.is_floating_point() and isinstance(net, FaceNet):
                check_range(part)  # here, since a net on a GPU does not look
            logits = ask(net, as_pictures(part.to(device)).to(dtype), finite=False)
            if start == 0:
                shape = (len(images), logits.shape[1])
                scores = torch.empty(shape, dtype=torch.float32, device=logits.device)
            scores[start : start + len(part)] = logits
    return scores


def check_faces(faces: object) -> None:
    """Raise a FerError unless these are labelled faces."""
    from fer_utils.data.faceset import FaceSet

    if not isinstance(faces, FaceSet):
        raise FerError(
            f"faces are a FaceSet, as data.load(NAME) gives it, not {shown(faces)}: pictures alone "
            "have no labels, and evaluate.predict(net, pictures) gives their scores."
        )


def labels_for(classes: tuple[str, ...], faces: FaceSet) -> np.ndarray:
    """Return the labels of `faces` as indices into `classes`, matched by name, int64 (N,).

    Raises:
        FerError: faces carry a class that is not in `classes`.
    """
    check_names("classes", classes)
    check_faces(faces)
    unknown = [name for name in faces.classes if name not in classes]
    present = {faces.classes[i] for i in np.unique(faces.labels)}
    missing = [name for name in unknown if name in present]
    if missing:
        raise FerError(
            f"{faces.name} has faces labelled {', '.join(missing)}, which the net does not know; "
            f"its outputs are: {', '.join(classes)}. Leave them out with faces.where(label=...), "
            "or create the net with classes=faces.classes."
        )
    table = np.array([classes.index(n) if n in classes else -1 for n in faces.classes])
    return table[faces.labels]


def _as_array(name: str, value: Any, dimensions: int, kinds: str) -> np.ndarray:
    """Return an array of numpy, of a list or a tensor too; an empty list has any kind."""
    with suppress(TypeError, ValueError, RuntimeError):
        if isinstance(value, Tensor):
            value = value.detach().cpu().numpy()
        elif isinstance(value, tuple | list):
            value = np.asarray(value) if len(value) else np.zeros(0, "int64")
    check_array(name, value, dimensions, kinds)
    return value


def _shares(parts: np.ndarray, wholes: np.ndarray) -> list[float]:
    return [p / w if w else math.nan for p, w in zip(parts.tolist(), wholes.tolist(), strict=True)]
