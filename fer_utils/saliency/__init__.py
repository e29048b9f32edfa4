"""Where does the network look? Maps by occlusion and other methods, and scores of them."""

from fer_utils.saliency import scores
from fer_utils.saliency._engines import Cancelled
from fer_utils.saliency.attributions import METHODS, Attribution, attribute
from fer_utils.saliency.captum_compat import captum_occlusion
from fer_utils.saliency.fills import FILLS, painted
from fer_utils.saliency.occlusion import OcclusionMap, occlusion
from fer_utils.saliency.refining import refine
from fer_utils.saliency.windows import Windows

__all__ = [
    "FILLS",
    "METHODS",
    "Attribution",
    "Cancelled",
    "OcclusionMap",
    "Windows",
    "attribute",
    "captum_occlusion",
    "occlusion",
    "painted",
    "refine",
    "scores",
]
