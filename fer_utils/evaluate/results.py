"""What a net said of a data set: every metric is computed from the probabilities."""

from __future__ import annotations

import math
import operator as op
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from torch import Tensor

from fer_utils import _html
from fer_utils._arguments import Telling, check_array, check_names, integer, shown, spoken
from fer_utils._labels import Labels
from fer_utils.emotions import nearest
from fer_utils.errors import FerError

if TYPE_CHECKING:
    import pandas

Z_95 = 1.959963984540054  # of a normal distribution, 95 % lies within so many deviations


def _of_share(operation: Callable[..., Any]) -> Any:
    """Return a method that does with a share what is done with a float."""
    return lambda self, *others: operation(float(self), *others)


@dataclass(frozen=True, repr=False)
class Accuracy:
    """A share of right answers with its Wilson score interval (95 %).

    `float(accuracy)`, `f"{accuracy:.1%}"`, `accuracy > 0.9` and `100 * accuracy` are those of the
    share.

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

    @property
    def percentage(self) -> float:
        """The share in percent, 0 to 100."""
        return 100 * self.value

    def __float__(self) -> float:
        """Return the share."""
        return self.value

    __lt__, __le__, __gt__, __ge__ = map(_of_share, (op.lt, op.le, op.gt, op.ge))
    __add__, __sub__, __mul__ = map(_of_share, (op.add, op.sub, op.mul))
    __truediv__, __round__ = map(_of_share, (op.truediv, round))
    __radd__, __rmul__ = __add__, __mul__
    __rsub__ = _of_share(lambda share, other: other - share)

    def __format__(self, form: str) -> str:
        """Write the share in a form of floats, e.g. `.1%`; without one, the whole sentence."""
        return format(self.value, form) if form else repr(self)

    def __repr__(self) -> str:
        """E.g. `0.653 (2344 of 3589; 95 % 0.637-0.669)`."""
        return f"{self.value:.3f} ({self.correct} of {self.n}; 95 % {self.low:.3f}-{self.high:.3f})"


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Telling):
    """What a net said about a data set.

    Attributes:
        probabilities: float32 (N, K), rows sum to 1.
        labels: int64 (N,), index into `classes`; `evaluation.labels == "happy"` knows names.
        classes: names of the K outputs.

    Raises:
        FerError: arrays that do not fit together, or labels that are no classes.
    """

    MEANT: ClassVar = {
        "confusion_matrix": "evaluation.confusion()",
        "wrong": "evaluation.predictions != evaluation.labels",
        **dict.fromkeys(("true", "y_true", "targets"), "evaluation.labels"),
        **dict.fromkeys(("y_pred", "predicted", "prediction"), "evaluation.predictions"),
        "[]": "evaluation.table().loc[NAME]",
        "errors": "evaluation.mistakes(TRUE, PREDICTED)",
        **dict.fromkeys(("show", "plot"), "plots.confusion(evaluation)"),
        **dict.fromkeys(
            (
                "f1",
                "f1_score",
                "macro_f1",
                "precision",
                "recall",
                "report",
                "scores",
                "describe",
                "classification_report",
                "to_dataframe",
                "summary",
            ),
            "evaluation.table()",
        ),
    }

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
        object.__setattr__(self, "labels", Labels(self.labels, self.classes))

    def __eq__(self, other: object) -> bool:
        """Say whether labels, classes and probabilities are the same."""
        if not isinstance(other, Evaluation):
            return NotImplemented
        pairs = ((self.labels, other.labels), (self.probabilities, other.probabilities))
        return self.classes == other.classes and all(np.array_equal(*pair) for pair in pairs)

    def __hash__(self) -> int:
        """Return the same for equal evaluations."""
        return hash((self.classes, self.labels.tobytes()))

    @property
    def predictions(self) -> np.ndarray:
        """Most probable class, int64 (N,)."""
        return Labels(self.probabilities.argmax(1), self.classes)

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

    def table(self) -> pandas.DataFrame:
        """Return precision, recall, F1 and number of faces of each class, a row each."""
        import pandas  # takes a second, so only who wants a table waits for it

        table = pandas.DataFrame(self.per_class()).set_index("name").rename_axis(None)
        table = table.rename(columns={"f1": "F1", "support": "faces"})
        return table.round(3)

    def __repr__(self) -> str:
        """Say in one sentence how many faces, classes and right answers there are."""
        return (
            f"Evaluation({len(self.labels)} faces, {len(self.classes)} classes: "
            f"accuracy {self.accuracy})"
        )

    def _repr_html_(self) -> str:
        return _html.sentence(self) + self.table()._repr_html_()

    @spoken
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
