"""Explorers in the notebook: thin shells, the work is done by functions that need no notebook."""

from fer_utils.widgets.explorer import Explorer, face_explorer, occlusion_explorer
from fer_utils.widgets.uploads import NoFace, read_upload
from fer_utils.widgets.views import (
    ExplorerState,
    explore,
    explorer_data,
    explorer_figure,
    refined,
)

__all__ = [
    "Explorer",
    "ExplorerState",
    "NoFace",
    "explore",
    "explorer_data",
    "explorer_figure",
    "face_explorer",
    "occlusion_explorer",
    "read_upload",
    "refined",
]
