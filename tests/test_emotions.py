"""The words for expressions."""

import pytest

from fer_utils.emotions import FER7, FER8, FERPLUS_VOTES, canonical
from fer_utils.errors import FerError


def test_orders_are_those_of_the_published_files():
    assert FER7 == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    assert FER8 == FER7 + ("contempt",)
    assert FERPLUS_VOTES[:8] == (
        "neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt",
    )  # fmt: skip
    assert FERPLUS_VOTES[8:] == ("unknown", "NF")


@pytest.mark.parametrize("word", FER8)
def test_our_own_words_stay(word):
    assert canonical(word) == word


@pytest.mark.parametrize(
    ("spelling", "word"),
    [
        ("happiness", "happy"),
        ("joy", "happy"),
        ("HA", "happy"),
        ("Anger", "angry"),
        ("AN", "angry"),
        ("afraid", "fear"),
        ("AF", "fear"),
        ("fearful", "fear"),
        ("sadness", "sad"),
        (" Surprised ", "surprise"),
        ("contemptuous", "contempt"),
        ("disgusted", "disgust"),
        ("NE", "neutral"),
        ("03-happy", "happy"),
        ("1_Sadness", "sad"),
        ("Surprised (2)", "surprise"),
        ("No_Expression", "neutral"),
        ("Natural", "neutral"),
        ("unhappy", "sad"),
        ("scared", "fear"),
        ("suprise", "surprise"),
        ("Mad", "angry"),
    ],
)
def test_spellings_of_the_data_sets(spelling, word):
    assert canonical(spelling) == word


@pytest.mark.parametrize("word", ["", "7", "happy_sad", "S005", "happily surprised"])
def test_numbers_and_mixtures_are_no_expressions(word):
    with pytest.raises(FerError, match="is not an expression"):
        canonical(word)


def test_unknown_word_names_the_nearest():
    with pytest.raises(FerError, match="'hapy' is not an expression.*'happy'"):
        canonical("hapy")


def test_word_like_no_other_lists_the_known_ones():
    with pytest.raises(FerError, match="Known: angry, disgust"):
        canonical("qqqq")
