"""What a check answers, and the three questions that most checks ask of an answer."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, signature
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and the sentence that says so or says what is off.

    The last line of a cell shows the sentence alone.
    """

    right: bool
    text: str

    def __bool__(self) -> bool:
        """Return whether the answer is right."""
        return self.right

    def __repr__(self) -> str:
        """Return the sentence."""
        return self.text


class DrawnOnly(Exception):
    """The data set does not hold what the exercise needs; says what one can do there instead."""


class Unreadable(Exception):
    """The answer is of another kind than what is asked for; says what it should be."""


def judged(why: str) -> Callable[[Callable[..., str]], Callable[..., Verdict]]:
    """Make a check of a function that returns what is off with an answer ("" where nothing is).

    The answers are the function's arguments before its slash; one that is still None (or ...) was
    not given yet; one that cannot be read is no error but a verdict. `why` is said of right ones.
    """

    def decorate(check: Callable[..., str]) -> Callable[..., Verdict]:
        answers = sum(
            parameter.kind is Parameter.POSITIONAL_ONLY
            for parameter in signature(check).parameters.values()
        )

        @wraps(check)
        def verdict(*arguments: Any, **more: Any) -> Verdict:
            for answer in arguments[:answers]:
                if answer is None or answer is ...:
                    empty = "None" if answer is None else "..."
                    return Verdict(False, f"Not yet: put your answer in place of {empty}.")
            try:
                given = [_plain(answer) for answer in arguments[:answers]]
                if any(isinstance(one, float) and np.isnan(one) for one in given):
                    off = "this is nan, which is no number: somewhere 0 was divided by 0"
                else:
                    off = check(*given, *arguments[answers:], **more)
            except DrawnOnly as reason:
                return Verdict(False, f"This one is about drawn faces: {reason}.")
            except Unreadable as reason:
                off = str(reason)
            except (Exception, SystemExit) as error:  # whatever a student's own function raises
                first_line = f"{type(error).__name__}: {error}".split("\n")[0]
                off = f"this cannot be read as the answer ({first_line[:200]})"
            end = "" if off.endswith("?") else "."
            return Verdict(not off, f"Not yet: {off}{end}" if off else f"Right. {why}")

        return verdict

    return decorate


def _plain(answer: Any) -> Any:
    """Return an answer as Python or NumPy has it, whatever library it or its parts come from."""
    if hasattr(answer, "detach"):
        answer = answer.detach().cpu().numpy()
    elif hasattr(answer, "to_numpy"):
        answer = answer.to_numpy()
    elif isinstance(answer, list | tuple | Iterator):
        answer = [_plain(one) for one in answer]
    elif isinstance(answer, dict):
        answer = {key: _plain(one) for key, one in answer.items()}
    return (
        answer.item()
        if isinstance(answer, np.generic | np.ndarray) and not answer.shape
        else answer
    )


def real(answer: Any, name: str) -> float:
    """Return an answer as a number; True and text, "3" as well, are none."""
    found = np.asarray(answer)
    if found.dtype.kind in "bSU":
        raise Unreadable(f"{name} should be a number, this is {answer!r}")
    if found.size != 1:
        raise Unreadable(f"{name} should be one number, these are {found.size}")
    return float(found.astype(float).ravel()[0])


def whole(answer: Any, name: str) -> int:
    """Return an answer as a whole number; 3.0 is one."""
    value = real(answer, name)
    if not value.is_integer():
        raise Unreadable(f"{name} should be a whole number, this is {answer!r}")
    return int(value)


def wholes(answer: Any, name: str) -> set[int]:
    """Return the whole numbers of an answer; of a dictionary its keys count."""
    several = isinstance(answer, Iterable) and not isinstance(answer, str)
    return {whole(one, name) for one in (answer if several else [answer])}


def number(
    answer: Any, expected: float, rel: float = 0.01, name: str = "the number", digits: int = 9
) -> str:
    """Say what is off with a number; its expected value is never said.

    A number that was rounded to so many digits after the point is right as well.
    """
    value = real(answer, name)

    def near(one: float) -> bool:
        return bool(np.isclose(one, expected, rtol=rel, atol=1e-12))

    if near(value) or value == round(expected, digits):
        return ""
    if near(value * 100) or near(value / 100):
        return f"{name} has the right digits and the wrong unit: share or per cent?"
    if near(-value):
        return f"{name} has the right size and the wrong sign"
    far = "far " if not 0.1 < abs(value) / max(abs(expected), 1e-12) < 10 else ""
    return f"{name} is {far}too {'large' if value > expected else 'small'}"


def same(answer: Any, expected: Any, atol: float = 1e-6, name: str = "the answer") -> str:
    """Say what is off with an array of numbers, shape first; of a dictionary its values count."""
    values = np.asarray(list(answer.values()) if isinstance(answer, Mapping) else answer)
    ours = np.asarray(expected)
    if values.dtype.kind in "SU" or (values.dtype.kind == "b" != ours.dtype.kind):
        raise Unreadable(f"{name} should hold numbers, the first is {values.ravel()[0]!r}")
    ours, theirs = ours.astype(float), values.astype(float)
    # a column of a table, or a row, is no other answer
    if ours.size == theirs.size and ours.squeeze().shape == theirs.squeeze().shape:
        theirs = theirs.reshape(ours.shape)
    if ours.shape != theirs.shape:
        return f"{name} has the shape {theirs.shape}, asked for is {ours.shape}"

    def off(values: np.ndarray) -> np.ndarray:
        return ~np.isclose(values, ours, rtol=1e-4, atol=atol, equal_nan=True)

    wrong = off(theirs)
    if not wrong.any():
        return ""
    if not off(theirs / 100).any():
        return f"{name} has the right digits and the wrong unit: share or per cent?"
    first = ", ".join(str(int(place)) for place in np.argwhere(wrong)[0])
    return f"{wrong.sum()} of {wrong.size} numbers of {name} are off, the first at [{first}]"


def choice(answer: Any, right: str, others: Mapping[str, str]) -> str:
    """Say why a chosen word is not right; `others` maps every wrong word to the reason."""
    word = str(answer).strip().lower()
    if word == right:
        return ""
    if word in others:
        return others[word]
    return f"choose one of {', '.join(sorted([right, *others]))}"


def first_off(*found: str) -> str:
    """Return the first thing that is off among several."""
    return next((one for one in found if one), "")
