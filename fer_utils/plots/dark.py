"""Figures in a dark notebook: paper and ink change places, faces and maps stay as they are.

The kernel reads JupyterLab's own settings file when a figure is shown, so what is shown after the
theme was changed follows it; a figure that stands there already is drawn anew when its cell is run.
Saved files are always on white paper.
"""

import json
import os
import re
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.image import AxesImage, BboxImage
from matplotlib.transforms import Bbox

THEME_VARIABLE = "FER_UTILS_THEME"
PAGE = 0x11  # the grey of JupyterLab's dark page

# Where JupyterLab keeps what was chosen in its menu, below its folder of settings. The server says
# in SESSION that a kernel is its own: VS Code's kernels, and programs, have no such theme.
CHOSEN = Path("@jupyterlab", "apputils-extension", "themes.jupyterlab-settings")
SESSION = "JPY_SESSION_NAME"


def asked() -> bool:
    """Return whether figures are shown in a dark notebook.

    FER_UTILS_THEME=dark or light in the environment says so; else the theme that was chosen in
    JupyterLab. One that follows the operating system is known to the browser alone: light.
    """
    if said := os.environ.get(THEME_VARIABLE):
        return said.lower() == "dark"
    if SESSION not in os.environ:
        return False
    try:
        from jupyter_core.paths import jupyter_config_dir  # a kernel has it; scripts need not

        folder = os.environ.get("JUPYTERLAB_SETTINGS_DIR")
        folder = folder or os.path.join(jupyter_config_dir(), "lab", "user-settings")
        text = Path(folder, CHOSEN).read_text(encoding="utf-8")
        # JupyterLab writes comments into it, in lines or blocks of their own
        chosen = json.loads(re.sub(r"^\s*(//.*|/\*[\s\S]*?\*/)", "", text, flags=re.MULTILINE))
        return not chosen.get("adaptive-theme") and "dark" in str(chosen.get("theme")).lower()
    except (OSError, ImportError, ValueError, AttributeError):
        return False  # nothing was chosen, or in a form that a later JupyterLab writes


def darkened(figure: Figure, pixels: np.ndarray) -> np.ndarray:
    """Return a drawn figure for a dark page: light for dark and the other way, in the same hues.

    Args:
        figure: what was drawn; it says where its pictures are, and the colour bars of maps.
        pixels: it, RGB uint8 (H, W, 3).
    """
    colors = pixels.astype(np.int16)
    # lightness L becomes 1 - L, and what makes the hue, the differences of channels, stays
    turned = colors + 255 - colors.max(-1, keepdims=True) - colors.min(-1, keepdims=True)
    out = (PAGE + turned * (255 - PAGE) / 255).round().astype(np.uint8)
    height, width = pixels.shape[:2]
    for box in _pictures(figure):
        (left, bottom), (right, top) = (box.get_points() / figure.bbox.size).clip(0, 1)
        rows = slice(round((1 - top) * height), round((1 - bottom) * height))
        columns = slice(round(left * width), round(right * width))
        out[rows, columns] = pixels[rows, columns]
    return out


def _pictures(figure: Figure) -> list[Bbox]:
    """Return where pictures are, and the bars that explain the colours in them."""
    found = []
    for image in figure.findobj(_is_image):
        whole = image.get_window_extent()
        seen = Bbox.intersection(whole, image.axes.bbox) if image.axes else whole
        if image.get_visible() and seen is not None:
            found.append(seen)
    for axes in figure.axes:
        bar = getattr(axes, "_colorbar", None)
        painted = getattr(bar and bar.mappable, "axes", None)
        if bar is not None and (painted is None or isinstance(bar.mappable, AxesImage)):
            found.append(axes.bbox)
    return found


def _is_image(artist: Artist) -> bool:
    return isinstance(artist, AxesImage | BboxImage)
