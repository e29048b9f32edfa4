"""Figures: data in, matplotlib Figure out.

In a notebook, end the cell with the figure (`plots.faces(images)`), or write
`plots.show(figure)` in the middle of one; either way it is shown once, with its description
as the picture's alt text. Figures made with `matplotlib.pyplot` get theirs by
`plots.show(figure, alt="...")`. The description is in `figure.alt`.

The colours can be told apart by the colour-blind and on a grey print.
"""

from fer_utils.plots.grids import counts, faces
from fer_utils.plots.maps import occluded, occlusion, saliency
from fer_utils.plots.picture import Picture, png, save, show
from fer_utils.plots.scores import bars, confusion, history

__all__ = [
    "Picture",
    "bars",
    "confusion",
    "counts",
    "faces",
    "history",
    "occluded",
    "occlusion",
    "png",
    "saliency",
    "save",
    "show",
]
