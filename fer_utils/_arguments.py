"""Arguments of public functions: taken where it is plain what is meant, refused in one sentence.

Nothing heavy is imported: numpy's numbers and torch's tensors are known by what they answer to.
"""

import functools
import inspect
import operator
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from numbers import Real
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, ParamSpec, TypeVar

from fer_utils.emotions import nearest
from fer_utils.errors import FerError, shown
from fer_utils.ranges import SEED, UNBOUNDED, Range

Known = TypeVar("Known")
Given = ParamSpec("Given")
Answer = TypeVar("Answer")

# Function and argument -> where it is asked for instead.
ELSEWHERE = {
    ("occlusion", "target"): " The map holds every class: omap.heat(NAME).",
    **{
        ("fit", name): f" A recipe says it: dataclasses.replace(train.RECIPES[NAME], {said})."
        for name, said in {
            "lr": "learning_rate=0.01",
            "learning_rate": "learning_rate=0.01",
            "batch": "batch=64",
            "batch_size": "batch=64",
            "optimizer": 'optimizer="sgd"',
        }.items()
    },
    ("Recipe", "lr"): " Did you mean 'learning_rate'?",
    ("Recipe", "optimiser"): " Did you mean 'optimizer'?",
    ("occlusion", "baseline"): " Did you mean 'fill'?",
    ("occlusion", "patch_size"): " Did you mean 'window'?",
    ("sample", "random_state"): " Did you mean 'seed'?",
    ("where", "expression"): " Did you mean 'label'?",
}


def spoken(function: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Let a function say in the kit's words which argument it does not know, or lacks."""

    @functools.wraps(function)
    def calling(*given: Given.args, **options: Given.kwargs) -> Answer:
        try:
            return function(*given, **options)
        except TypeError:
            if problem := misfit(function, given, options):
                raise problem from None
            raise

    return calling


class NoSuchName(FerError, AttributeError):
    """An object has nothing of that name: for `hasattr` and `getattr` as well as for people."""


class NoSuchKey(FerError, KeyError):
    """There is nothing of that name: for `in` and `get` as well as for people."""

    def __str__(self) -> str:
        """Return the message; a KeyError's own would be in quotes."""
        return str(self.args[0])


class Telling:
    """An object that says, of a name it does not have, what is meant by it here.

    Attributes:
        MEANT: what to write in place of names that other packages have; "[]" is that of brackets.
    """

    MEANT: ClassVar[Mapping[str, str]] = {}

    def _meant(self, name: str) -> str | None:
        return self.MEANT.get(name)

    if not TYPE_CHECKING:  # a type checker is to find wrong names by itself

        def __getattr__(self, name: str) -> NoReturn:
            kind = type(self).__name__
            if name.startswith("_"):
                raise AttributeError(f"{kind!r} object has no attribute {name!r}")
            public = [one for one in {*dir(self), *vars(self)} if one[0] not in "_M"]
            meant = self._meant(name)
            hint = f" Write {meant}." if meant else nearest(name, sorted(public))
            raise NoSuchName(f"this {kind} has no {name!r}.{hint}")

        def __getitem__(self, key: object) -> NoReturn:
            hint = f" Write {meant}." if (meant := self.MEANT.get("[]")) else ""
            raise FerError(f"this {type(self).__name__} has no parts like {shown(key)}.{hint}")


def misfit(
    function: Callable,
    given: tuple,
    options: Mapping[str, object],
    sources: Mapping[str, str] | None = None,
) -> FerError | None:
    """Return what is wrong with the names and number of a call's arguments, or None.

    Args:
        function: that was called.
        given: in order.
        options: by name.
        sources: what gives an argument, by the name of its type.
    """
    # that of a class is what one calls to make one
    signature, name = inspect.signature(function), function.__qualname__.removesuffix(".__init__")
    name = name.rpartition(".")[2]
    parameters: Mapping[str, inspect.Parameter] = signature.parameters
    try:
        signature.bind(*given, **options)
        return None
    except TypeError as problem:
        why = str(problem)
    given, parameters = _without_self(given, parameters)
    if unknown := next((one for one in options if one not in parameters), None):
        meant = ELSEWHERE.get((name, unknown)) or nearest(unknown, parameters)
        return FerError(f"{name} has no argument {unknown!r}.{meant}")
    ordered = [one.name for one in parameters.values() if one.kind is one.POSITIONAL_OR_KEYWORD]
    if len(given) > len(ordered):
        named = ", ".join(f"{o.name}=" for o in parameters.values() if o.kind is o.KEYWORD_ONLY)
        rest = f", and by their names {named}" if named else ""
        return FerError(f"{name} takes {', '.join(ordered)} in this order{rest}.")
    missing = [
        one
        for place, one in enumerate(parameters.values())
        if one.default is one.empty
        and place >= len(given)
        and one.name not in options
        and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    if not missing:
        return FerError(f"{name}: {why}.")
    words = [
        f"{one.name} ({sources[kind]} gives one)" if sources and kind in sources else one.name
        for one in missing
        for kind in [str(getattr(one.annotation, "__name__", one.annotation))]
    ]
    return FerError(f"{name} needs {' and '.join(words)} too; it takes {', '.join(parameters)}.")


def _without_self(given: tuple, parameters: Mapping[str, Any]) -> tuple[tuple, Mapping[str, Any]]:
    """Leave out what a caller of a method does not write."""
    if next(iter(parameters), "") != "self":
        return given, parameters
    return given[1:], {name: one for name, one in parameters.items() if name != "self"}


def integer(name: str, value: Any, low: float = -UNBOUNDED, high: float = UNBOUNDED) -> int:
    """Return a whole number: Python's, numpy's, a tensor without dimensions, or 8.0 for 8.

    Raises:
        FerError: something else, or a number outside low to high, both included.
    """
    return int(_taken(name, value, Range(low, high, whole=True)))


def number(name: str, value: Any, low: float = -UNBOUNDED, high: float = UNBOUNDED) -> float:
    """Return a number: Python's, numpy's, or a tensor without dimensions.

    Raises:
        FerError: something else, no finite number, or one outside low to high, both included.
    """
    return float(_taken(name, value, Range(low, high)))


def seed(value: object) -> int:
    """Return the seed of random numbers.

    Raises:
        FerError: not a whole number from 0 on, or one of too many digits.
    """
    return int(_taken("seed", value, SEED))


def check_path(name: str, value: object) -> Path:
    """Return a path; raise a FerError where it is none."""
    if not isinstance(value, str | PurePath) or value == "":
        raise FerError(f"{name}={shown(value)}: give a file's or folder's path, as text or a Path.")
    if "\0" in str(value):
        raise FerError(f"{name}={shown(value)}: no file's name has a null character.")
    return Path(value)


def check_truth(name: str, value: object) -> None:
    """Raise a FerError unless this is a truth value, Python's or numpy's."""
    if not isinstance(value, bool) and str(getattr(value, "dtype", "")) != "bool":
        raise FerError(f"{name}={shown(value)}: give True or False.")


def check_array(name: str, value: Any, dimensions: int, kinds: str = "fiub") -> None:
    """Raise a FerError unless this is an array of numpy: its dimensions, the kinds of its dtype."""
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind is None or kind not in kinds or value.ndim != dimensions:
        what = "text" if "U" in kinds else "numbers"
        raise FerError(
            f"{name}={shown(value)}: expected a numpy array of {what} with {dimensions} dimensions."
        )


def check_names(name: str, value: object) -> None:
    """Raise a FerError unless this is a tuple or list of names."""
    if not isinstance(value, tuple | list) or not all(isinstance(one, str) for one in value):
        raise FerError(f"{name}={shown(value)}: expected a tuple of names.")


def choice(name: str, value: object, known: Iterable[Known]) -> Known:
    """Return the entry of `known` that was named.

    Raises:
        FerError: there is none; the message says which were nearest.
    """
    entries = list(known)
    for entry in entries:
        if isinstance(value, type(entry)) and value == entry:
            return entry
    raise FerError(f"{name}={shown(value)} is not known.{nearest(value, entries)}")


def _taken(name: str, value: Any, known: Range) -> float:
    """Return the number that a value plainly is; raise a FerError unless it is in range."""
    found = value
    with suppress(TypeError, ValueError, OverflowError):  # the last two: nan and infinity
        _check_single(value)
        if not known.whole:
            found = float(value)
        else:
            whole = isinstance(value, Real) and value == int(value)  # type: ignore[call-overload]
            found = int(value) if whole else operator.index(value)
    known.check(name, found)
    return found


def _check_single(value: object) -> None:
    """Raise a TypeError for truth values, text, and arrays or tensors of some dimensions."""
    kind = str(getattr(value, "dtype", type(value)))
    if "bool" in kind or isinstance(value, str | bytes) or getattr(value, "ndim", None):
        raise TypeError
