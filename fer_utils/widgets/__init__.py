"""Explorers in the notebook: thin shells, the work is done by functions that need no notebook."""

from fer_utils.widgets.explorer import Explorer, face_explorer, occlusion_explorer
from fer_utils.widgets.live import LiveHistory, live_history
from fer_utils.widgets.matrix import ConfusionExplorer, confusion_explorer
from fer_utils.widgets.pickers import Trainer, trainer
from fer_utils.widgets.uploads import NoFace, read_upload
from fer_utils.widgets.views import (
    ExplorerState,
    explore,
    explorer_data,
    explorer_figure,
    refined,
)

__all__ = [
    "ConfusionExplorer",
    "Explorer",
    "ExplorerState",
    "LiveHistory",
    "NoFace",
    "Trainer",
    "confusion_explorer",
    "explore",
    "explorer_data",
    "explorer_figure",
    "face_explorer",
    "live_history",
    "occlusion_explorer",
    "read_upload",
    "refined",
    "trainer",
]


def __dir__() -> list[str]:
    return list(__all__)
