"""Where does the network look? Maps by occlusion and other methods, and scores of them."""

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


def __dir__() -> list[str]:
    return list(__all__)
