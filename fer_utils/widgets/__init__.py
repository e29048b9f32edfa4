"""Explorers in the notebook: thin shells, the work is done by functions that need no notebook.

They are loaded when they are first named: Jupyter's widgets alone take a quarter of a second, and
every notebook's first cell names this package.
"""

from typing import TYPE_CHECKING

from fer_utils._lazy import door as _door

if TYPE_CHECKING:
    from fer_utils.widgets.explorer import Explorer, face_explorer, occlusion_explorer
    from fer_utils.widgets.live import LiveHistory, live_history
    from fer_utils.widgets.matrix import ConfusionExplorer, confusion_explorer
    from fer_utils.widgets.pickers import Trainer, trainer
    from fer_utils.widgets.translation import (
        Translator,
        TranslatorState,
        translator,
        translator_maps,
        translator_pictures,
    )
    from fer_utils.widgets.uploads import NoFace, read_upload
    from fer_utils.widgets.views import (
        ExplorerState,
        explore,
        explorer_data,
        explorer_figure,
        refined,
    )
    from fer_utils.widgets.webcam import Camera, camera

__all__ = [
    "Camera",
    "ConfusionExplorer",
    "Explorer",
    "ExplorerState",
    "LiveHistory",
    "NoFace",
    "Trainer",
    "Translator",
    "TranslatorState",
    "camera",
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
    "translator",
    "translator_maps",
    "translator_pictures",
]

_MODULES = {
    "explorer": ("Explorer", "face_explorer", "occlusion_explorer"),
    "live": ("LiveHistory", "live_history"),
    "matrix": ("ConfusionExplorer", "confusion_explorer"),
    "pickers": ("Trainer", "trainer"),
    "translation": (
        "Translator",
        "TranslatorState",
        "translator",
        "translator_maps",
        "translator_pictures",
    ),
    "uploads": ("NoFace", "read_upload"),
    "views": ("ExplorerState", "explore", "explorer_data", "explorer_figure", "refined"),
    "webcam": ("Camera", "camera"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


__getattr__ = _door(__name__, __all__, _MODULES, _HOME)


def __dir__() -> list[str]:
    return list(__all__)
