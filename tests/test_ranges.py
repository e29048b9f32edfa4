"""Numbers and their bounds."""

import argparse
import math

import numpy as np
import pytest

from fer_utils.errors import FerError
from fer_utils.ranges import SEED, Range, spelled

SOME = Range(0, 5, above=True, below=True)


@pytest.mark.parametrize("number", [0.1, 4.9, 1, np.float32(2), np.int64(3)])
def test_numbers_in_range(number):
    assert number in SOME


@pytest.mark.parametrize("number", [0, 5, -1, math.nan, math.inf, True, "1", None, [1], 10**400])
def test_what_is_not_in_range(number):
    assert number not in SOME


def test_whole_numbers_alone():
    assert 2 in SEED and np.int32(2) in SEED and 2**32 - 1 in SEED
    assert 2.0 not in SEED and 2**32 not in SEED


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (Range(0), "a number of 0 or more"),
        (Range(), "a number"),
        (Range(0, above=True), "a number above 0"),
        (Range(0, 2, above=True), "a number above 0, up to 2"),
        (Range(0, 1, below=True, why="a share"), "a number from 0 to below 1 (a share)"),
        (Range(1, 1000, whole=True), "a whole number from 1 to 1,000"),
    ],
)
def test_ranges_in_words(known, words):
    assert str(known) == words
    with pytest.raises(FerError) as error:
        known.check("name", None)
    assert str(error.value) == f"name=None: expected {words}."


def test_typed_words():
    assert [spelled(word) for word in ("3", "3.5", "1e2", "many")] == [3, 3.5, 100.0, "many"]
    assert SEED("7") == 7 and type(SEED("7")) is int and SOME("1e0") == 1
    for word in ("-1", "1.0", "many", "9" * 20, "9" * 5000, "nan", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="is not a whole number from 0 to"):
            SEED(word)
