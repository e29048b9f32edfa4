"""Where does the network look? Saliency maps by occlusion."""

from fer_utils.saliency.engines import Cancelled
from fer_utils.saliency.fills import FILLS, painted
from fer_utils.saliency.like_captum import captum_occlusion
from fer_utils.saliency.occlusion import OcclusionMap, occlusion
from fer_utils.saliency.windows import Windows

__all__ = [
    "FILLS",
    "Cancelled",
    "OcclusionMap",
    "Windows",
    "captum_occlusion",
    "occlusion",
    "painted",
]
