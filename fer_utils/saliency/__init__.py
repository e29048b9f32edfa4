"""Where does the network look? Maps by occlusion and other methods, and scores of them."""

from typing import TYPE_CHECKING

from fer_utils._lazy import door as _door
from fer_utils.saliency import scores
from fer_utils.saliency._engines import Cancelled
from fer_utils.saliency._engines.dispatch import ENGINES
from fer_utils.saliency.attributions import METHODS, Attribution, attribute
from fer_utils.saliency.captum_compat import Occlusion
from fer_utils.saliency.occlusion import OcclusionMap, coarse_to_fine, occlusion
from fer_utils.saliency.windows import FILLS, Windows, baseline

__all__ = [
    "ENGINES",
    "FILLS",
    "METHODS",
    "Attribution",
    "Cancelled",
    "Occlusion",
    "OcclusionMap",
    "Windows",
    "attribute",
    "baseline",
    "coarse_to_fine",
    "occlusion",
    "scores",
]


if not TYPE_CHECKING:  # a type checker is to find wrong names by itself
    __getattr__ = _door(__name__, __all__, modules=())


def __dir__() -> list[str]:
    return list(__all__)
