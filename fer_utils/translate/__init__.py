"""Translate faces from one expression to another: a CycleGAN, trained on unpaired pictures.

`fit` trains, `load` opens a trained pair of generators, whose `apply` translates; `people` draws
faces of whom the truth is known. Zhu et al. (2017), with the losses of mazen2021.
"""

from typing import TYPE_CHECKING

from fer_utils._lazy import door as _door

if TYPE_CHECKING:
    from fer_utils.translate import losses, networks
    from fer_utils.translate.drawing import drawn, people
    from fer_utils.translate.pair import Pair, load, names
    from fer_utils.translate.scoring import against_truth, shares_called
    from fer_utils.translate.settings import Settings, Weights
    from fer_utils.translate.similarity import ssim
    from fer_utils.translate.training import fit

__all__ = [
    "Pair",
    "Settings",
    "Weights",
    "against_truth",
    "drawn",
    "fit",
    "load",
    "losses",
    "names",
    "networks",
    "people",
    "shares_called",
    "ssim",
]

_MODULES = {
    "drawing": ("drawn", "people"),
    "pair": ("Pair", "load", "names"),
    "scoring": ("against_truth", "shares_called"),
    "settings": ("Settings", "Weights"),
    "similarity": ("ssim",),
    "training": ("fit",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__getattr__ = _door(__name__, __all__, ("losses", "networks", *_MODULES), _HOME)


def __dir__() -> list[str]:
    return list(__all__)
