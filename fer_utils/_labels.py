"""Labels of faces: whole numbers that know the names they stand for."""

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from fer_utils.emotions import nearest, same_word
from fer_utils.errors import FerError


class Label(np.int64):
    """One of them: the number, which also compares with the name it stands for."""

    classes: tuple[str, ...]

    def __new__(cls, number: int, classes: tuple[str, ...]) -> "Label":
        """Return the number, with names."""
        label = super().__new__(cls, number)
        label.classes = classes
        return label

    def __eq__(self, other: object) -> Any:
        """Compare with a name or a number."""
        return super().__eq__(_numbers(other, self.classes))

    def __ne__(self, other: object) -> Any:
        """Compare with a name or a number."""
        return super().__ne__(_numbers(other, self.classes))

    def __repr__(self) -> str:
        """Show the number, as numpy does."""
        return repr(np.int64(self))

    __hash__ = np.int64.__hash__


class Labels(np.ndarray):
    """Labels (N,), indices into `classes`: an array of numpy whose == and != know names as well.

    `labels == "happy"`, `labels != "joy"`, `np.isin(labels, ["happy", "sad"])` and
    `"happy" in labels` mean the classes of these names (to numpy alone no number is a word, so all
    would be False), and labels of two sets are compared by their names. Whatever else is computed
    of them is numpy's own.

    Raises:
        FerError: a name that none of the classes has.
    """

    classes: tuple[str, ...]

    def __new__(cls, numbers: np.ndarray, classes: Iterable[str]) -> "Labels":
        """Look at the same numbers, with names."""
        labels = np.asarray(numbers).view(cls)
        labels.classes = tuple(classes)
        return labels

    def __array_finalize__(self, source: Any) -> None:
        """Hand the names on to views, parts and copies."""
        self.classes = getattr(source, "classes", ())

    def __array_wrap__(
        self, array: np.ndarray, context: Any = None, return_scalar: bool = False
    ) -> Any:
        """Return what is computed of labels as numbers: they are none of the classes any more."""
        return array[()] if return_scalar else np.asarray(array)

    def __array_function__(self, func: Callable, types: Any, args: Any, kwargs: Any) -> Any:
        """Let `np.isin` know names; all other functions are numpy's."""
        if func is np.isin and len(args) > 1 and isinstance(args[0], Labels):
            args = (args[0], _numbers(args[1], args[0].classes), *args[2:])
        return super().__array_function__(func, types, args, kwargs)

    def __getitem__(self, which: Any) -> Any:
        """Return a part, or one label."""
        found = super().__getitem__(which)
        return Label(int(found), self.classes) if isinstance(found, np.integer) else found

    def __iter__(self) -> Iterator[Any]:
        """Go through the labels."""
        if self.ndim != 1:
            return super().__iter__()
        known = {number: Label(number, self.classes) for number in np.unique(self).tolist()}
        return map(known.__getitem__, self.tolist())

    def __eq__(self, other: object) -> Any:
        """Compare with numbers, a name, or a name for each."""
        return self._compared(operator.eq, other)

    def __ne__(self, other: object) -> Any:
        """Compare with numbers, a name, or a name for each."""
        return self._compared(operator.ne, other)

    __hash__ = None  # as of every array

    def __contains__(self, other: object) -> bool:
        """Say whether a name or a number is among them."""
        return bool(np.any(self == other))

    def __repr__(self) -> str:
        """Show the numbers, as numpy does."""
        return repr(np.asarray(self))

    def astype(self, *kind: Any, **options: Any) -> np.ndarray:
        """Return the numbers in another form, which are labels no more."""
        return np.asarray(self).astype(*kind, **options)

    def __reduce__(self) -> tuple:
        """Keep the names where labels are pickled, as for another process."""
        return Labels, (np.asarray(self), self.classes)

    def _compared(self, how: Callable, other: object) -> Any:
        numbers = _numbers(other, self.classes)
        try:
            np.broadcast_shapes(self.shape, np.shape(numbers))
        except ValueError:
            raise FerError(
                f"{self.size} labels cannot be compared with {np.size(numbers)} others one by one; "
                'np.isin(faces.labels, ["happy", "sad"]) finds those of several classes.'
            ) from None
        return how(np.asarray(self), numbers)


def _numbers(other: Any, classes: tuple[str, ...]) -> Any:
    """Return what labels are compared with as numbers: names are looked up in `classes`."""
    if isinstance(other, str):
        if found := same_word(other, classes):
            return classes.index(found)
        raise FerError(f"none of these labels is called {other!r}.{nearest(other, classes)}")
    if isinstance(other, Label | Labels):
        if other.classes == classes or not (other.classes and classes):
            return np.asarray(other)
        table = [classes.index(name) if name in classes else -1 for name in other.classes]
        return np.array(table)[np.asarray(other)]
    if isinstance(other, list | tuple | set | frozenset | np.ndarray):
        several = np.asarray(other if isinstance(other, np.ndarray) else list(other))
        if several.dtype.kind not in "UO":
            return several
        names, places = np.unique(several.astype(str), return_inverse=True)
        known = [_numbers(name, classes) for name in names.tolist()]
        return np.array(known, int)[places].reshape(several.shape)
    return other
