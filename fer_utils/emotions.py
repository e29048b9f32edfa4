"""The words for expressions: label orders of the data sets, and the maps between spellings."""

import string
from collections.abc import Iterable
from difflib import get_close_matches

from fer_utils.errors import FerError

__all__ = [
    "FER7",
    "FER8",
    "FERPLUS_VOTES",
    "canonical",
    "nearest",
    "same_word",
]


def __dir__() -> list[str]:
    return list(__all__)


#: The seven classes in FER2013's label order: 0 is angry, 6 is neutral.
FER7 = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

#: FER7 with FERPlus's eighth class.
FER8 = (*FER7, "contempt")

#: The vote columns of FERPlus's fer2013new.csv, in their order (NF: not a face).
FERPLUS_VOTES = (
    "neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt", "unknown", "NF",
)  # fmt: skip

# Words used by FERPlus, CK+, FERG, RAF-DB, RaFD and SFEW, the two-letter codes of JAFFE and KDEF,
# and what people name their own folders.
_SPELLINGS = {
    "angry": ("anger", "angriness", "angrily", "mad", "furious", "fury", "rage", "an", "ang"),
    "disgust": ("disgusted", "disgusting", "disgustful", "di", "dis"),
    "fear": ("fearful", "afraid", "scared", "frightened", "fright", "fearfulness", "fe", "af"),
    "happy": (
        "happiness", "happily", "joy", "joyful", "joyous", "smile", "smiling", "glad", "ha", "hap",
    ),
    "sad": ("sadness", "sadly", "unhappy", "unhappiness", "sorrow", "sa"),
    "surprise": (
        "surprised", "surprising", "surprize", "suprise", "suprised", "astonished", "astonishment",
        "amazed", "su", "sur",
    ),
    "neutral": ("neutrality", "natural", "no emotion", "no expression", "ne", "neu"),
    "contempt": ("contemptuous", "scorn", "co", "con"),
}  # fmt: skip
_CANONICAL = {name: name for name in FER8} | {
    spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings
}
_NUMBERING = string.digits + string.whitespace + "_-.,:;()[]#"


def canonical(name: str) -> str:
    """Return the kit's word for an expression, whichever data set spelled it.

    Capitals, surrounding spaces and numbering do not count: ``canonical("HA")``,
    ``canonical("Happiness")`` and ``canonical("03-happy")`` are all ``"happy"``.

    Raises:
        FerError: nobody spells an expression like that; the message names the nearest words.
    """
    if found := _canonical(name):
        return found
    raise FerError(f"{name!r} is not an expression.{nearest(_plain(name), _CANONICAL)}")


def _canonical(name: object) -> str | None:
    return _CANONICAL.get(_plain(name))


def _plain(name: object) -> str:
    return " ".join(str(name).lower().strip(_NUMBERING).replace("_", " ").split())


def same_word(word: object, known: Iterable[str]) -> str | None:
    """Return the entry of `known` that a word is, or spells otherwise ("joy" is happy), or None."""
    names = list(known)
    if word in names:
        return str(word)
    spelled = {_canonical(name): name for name in reversed(names)}
    return spelled.get(_canonical(word) or "")


def nearest(word: object, known: Iterable[object]) -> str:
    """Return `` Did you mean ...?`` for a mistyped word, or the list of known words."""
    names = [str(item) for item in known]
    same = same_word(word, names)
    close = [same] if same else get_close_matches(str(word).lower(), names, n=3, cutoff=0.5)
    if close:
        return f" Did you mean {' or '.join(repr(item) for item in close)}?"
    return f" Known: {', '.join(names)}."
