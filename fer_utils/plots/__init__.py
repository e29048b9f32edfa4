"""Figures: data in, matplotlib Figure out.

In a notebook, end the cell with the figure (`plots.faces(images)`), or write
`plots.show(figure)` anywhere; either way it is shown once, with its description as the
picture's alt text (`metadata["image/png"]["alt"]` of the output). The description is in
`figure.alt`; a figure made with `matplotlib.pyplot` gets one by `plots.show(figure, alt="...")`.

The colours can be told apart by the colour-blind and on a grey print.
"""

from fer_utils.plots.accuracies import accuracies
from fer_utils.plots.architectures import architectures
from fer_utils.plots.attributions import attribution, attributions
from fer_utils.plots.balance import balance
from fer_utils.plots.blocks import blocks
from fer_utils.plots.cards import cards
from fer_utils.plots.cells import cell
from fer_utils.plots.claims import claims
from fer_utils.plots.dots import dots
from fer_utils.plots.grids import counts, faces
from fer_utils.plots.intervals import intervals
from fer_utils.plots.maps import occluded, occlusion, saliency
from fer_utils.plots.panels import heats
from fer_utils.plots.picture import Picture, png, save, show
from fer_utils.plots.scores import bars, confusion, history

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
    "claims",
    "cell",
    "confusion",
    "counts",
    "dots",
    "faces",
    "heats",
    "history",
    "intervals",
    "occluded",
    "occlusion",
    "png",
    "saliency",
    "save",
    "show",
]
