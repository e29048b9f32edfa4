"""Data sets of faces: `load` one by name, and find out where each is looked for."""

from typing import TYPE_CHECKING

from fer_utils._lazy import door as _door
from fer_utils.data import catalog
from fer_utils.data._index import SPLITS
from fer_utils.data._load import check, find, load, places
from fer_utils.data.catalog import names, register
from fer_utils.data.cleaning import clean
from fer_utils.data.datasets import EMBEDDED
from fer_utils.data.doctor import doctor
from fer_utils.data.face import Face
from fer_utils.data.faceset import FaceSet
from fer_utils.data.folds import folds
from fer_utils.data.joining import fill, join
from fer_utils.data.splits import split

__all__ = [
    "EMBEDDED",
    "SPLITS",
    "Face",
    "FaceSet",
    "catalog",
    "check",
    "clean",
    "doctor",
    "fill",
    "find",
    "folds",
    "join",
    "load",
    "names",
    "places",
    "register",
    "split",
]


if not TYPE_CHECKING:  # a type checker is to find wrong names by itself
    __getattr__ = _door(__name__, __all__, modules=())


def __dir__() -> list[str]:
    return list(__all__)
