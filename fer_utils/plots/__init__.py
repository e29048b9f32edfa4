"""Figures: data in, matplotlib Figure out.

In a notebook, end the cell with the figure (`plots.faces(images)`), or write
`plots.show(figure)` anywhere; either way it is shown once, with its description as the
picture's alt text (`metadata["image/png"]["alt"]` of the output). The description is in
`figure.alt`; a figure made with `matplotlib.pyplot` gets one by `plots.show(figure, alt="...")`.

The colours can be told apart by the colour-blind and on a grey print.
"""

from typing import TYPE_CHECKING

from fer_utils._lazy import door as _door
from fer_utils.plots.architectures import architectures, blocks
from fer_utils.plots.grids import balance, cards, counts, faces
from fer_utils.plots.maps import attribution, attributions, heats, occluded, occlusion, saliency
from fer_utils.plots.photographs import photographs
from fer_utils.plots.picture import Picture, png, save, show
from fer_utils.plots.rows import accuracies, claims, dots, intervals, read_table
from fer_utils.plots.scores import bars, cell, confusion, history

__all__ = [
    "Picture",
    "accuracies",
    "architectures",
    "attribution",
    "attributions",
    "balance",
    "bars",
    "blocks",
    "cards",
    "cell",
    "claims",
    "confusion",
    "counts",
    "dots",
    "faces",
    "heats",
    "history",
    "intervals",
    "occluded",
    "occlusion",
    "photographs",
    "png",
    "read_table",
    "saliency",
    "save",
    "show",
]


if not TYPE_CHECKING:  # a type checker is to find wrong names by itself
    __getattr__ = _door(__name__, __all__, modules=())


def __dir__() -> list[str]:
    return list(__all__)
