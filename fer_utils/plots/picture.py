"""A figure that carries its own description, and how it is shown and saved.

The description goes where notebooks keep it: `metadata["image/png"]["alt"]` of the output, and
its plain text. JupyterLab itself and nbconvert's default template do not show it from there.
"""

import base64
import functools
import inspect
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, TypeVar, get_args, get_origin

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from PIL import Image

from fer_utils._arguments import check_path, integer, misfit, number, shown
from fer_utils.errors import FerError
from fer_utils.files import check_writable, write
from fer_utils.plots import dark

Drawn = TypeVar("Drawn")

DPI = 120
WIDEST = 10.0  # inches, what a notebook has room for

# the palette of all figures; told apart by the colour-blind and on a grey print
INK, FAINT, RULE, BAND, PAPER = "#222222", "#8c8c8c", "#dddddd", "#ececec", "white"
DARK, LIGHT, YELLOW = "#20457c", "#8fa9c9", "#e3c44b"

# for lines and dots beside each other, in the order in which they are taken
CYCLE = (DARK, "#d55e00", "#009e73", "#56b4e9", "#cc79a7", INK)

#: What `setup` gives to a notebook's own figures too, so that all of them look alike.
LOOK: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.prop_cycle": cycler(color=CYCLE),
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}

#: One look for every figure of `plots`, whatever style the notebook has set.
STYLE = {
    **matplotlib.rcParamsDefault,
    **LOOK,
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "figure.facecolor": PAPER,
    "text.parse_math": False,  # a "$" in the name of a file or class is one
}
del STYLE["backend"]  # the look only: who draws stays as it was

#: What figures are made of, and where it comes from.
SOURCES = {
    "Accuracy": "the accuracy of an Evaluation",
    "Card": "data.catalog.CARDS",
    "Attribution": "saliency.attribute(net, image)",
    "Evaluation": "evaluate.evaluate(net, faces)",
    "FaceSet": "data.load(NAME)",
    "Figure": "a function of plots",
    "History": "train.fit(...)",
    "OcclusionMap": "saliency.occlusion(net, image)",
}


def checked(draw: Callable[..., Drawn]) -> Callable[..., Drawn]:
    """Let a function refuse arguments of other kinds than those it is annotated with."""
    signature = inspect.signature(draw)

    @functools.wraps(draw)
    def checking(*args: Any, **options: Any) -> Drawn:
        if problem := misfit(draw, args, options, SOURCES):
            raise problem
        for name, value in signature.bind(*args, **options).arguments.items():
            check_kind(name, value, signature.parameters[name].annotation)
        return draw(*args, **options)

    return checking


def check_kind(name: str, value: Any, kind: Any, *, inside: bool = False) -> None:
    """Raise a FerError where a value, or one inside it, is plainly not of the annotated kind."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        if value is not None and len(inner) == 2 and inner[1] is type(None):
            check_kind(name, value, inner[0])
    elif origin is Mapping:
        if not isinstance(value, Mapping):
            raise FerError(f"{name}={shown(value)}: give a dict, by name.")
        for one in value.values():
            check_kind(name, one, inner[1], inside=True)
    elif origin in (Sequence, Collection):
        if isinstance(value, str | Mapping) or not isinstance(value, Collection):
            raise FerError(f"{name}={shown(value)}: give a list.")
        for one in value if inner[0] is not np.ndarray else ():
            check_kind(name, one, inner[0], inside=True)
    elif kind is int and not inside:
        integer(name, value, 1)
    elif kind is float and not inside:
        number(name, value)
    else:
        word = kind if isinstance(kind, str) else getattr(kind, "__name__", "")
        if word in SOURCES and word not in {base.__name__ for base in type(value).__mro__}:
            raise FerError(f"{name}={shown(value)} is no {word}: {SOURCES[word]} gives one.")


def styled(draw: Callable[..., Drawn]) -> Callable[..., Drawn]:
    """Give a function of `plots` the one look, and the check of its arguments."""
    return matplotlib.rc_context(STYLE)(checked(draw))


def _answer_savefig(figure: Figure) -> None:
    """Let `plt.savefig` refuse an empty figure; called with every new figure of pyplot.

    Figures of `plots` are not pyplot's, which would save an empty one in their place. Before the
    kit has drawn anything, pyplot's empty figures are nobody's mistake.
    """
    vars(figure)["savefig"] = functools.partial(_save_unless_empty, figure)


def _save_unless_empty(figure: Figure, *place: Any, **options: Any) -> None:
    if Picture.drawn and len(figure.get_children()) == 1:  # its paper
        raise FerError(
            "pyplot has nothing to save; a figure of plots is saved by its own name: "
            "figure = plots.confusion(evaluation), then figure.savefig(FILE)."
        )
    type(figure).savefig(figure, *place, **options)


matplotlib.rcParams["figure.hooks"] = [
    *matplotlib.rcParams["figure.hooks"],
    f"{__name__}:{_answer_savefig.__name__}",
]


class Picture(Figure):
    """A figure outside pyplot (so a notebook never shows it twice) with a description.

    Attributes:
        alt: what the picture shows, in words.
        drawn: whether any has been begun.
    """

    alt: str = ""
    drawn: ClassVar[bool] = False

    def __repr__(self) -> str:
        """Say what it shows."""
        return f"Figure: {self.alt}"

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict, dict]:
        return bundle(self, self.alt)


def new(width: float, height: float) -> Picture:
    """Return an empty figure of so many inches, no wider than a notebook."""
    Picture.drawn = True
    _keep_own_form()
    return Picture(figsize=(min(width, WIDEST), height), layout="constrained")


def _keep_own_form() -> None:
    """Let a cell that ends with a Picture show it as `bundle` makes it.

    Once pyplot is loaded, matplotlib's inline backend draws every Figure by itself, without words.
    """
    if shell := "IPython" in sys.modules and sys.modules["IPython"].get_ipython():
        shell.display_formatter.formatters["image/png"].for_type(Picture, lambda picture: None)


def percent(share: float, decimals: int = 0) -> str:
    """Write a share as a percentage."""
    return f"{100 * share:.{decimals}f} %"


@checked
def png(figure: Figure) -> bytes:
    """Return a figure as PNG, without colour channels where it is grey."""
    return _as_png(_drawn(figure))


def _drawn(figure: Figure) -> Image.Image:
    # (in a reader's own figure a "$" is the reader's, and the ticks of a logarithmic axis need it)
    math = not isinstance(figure, Picture)
    file = BytesIO()
    with matplotlib.rc_context(STYLE), matplotlib.rc_context({"text.parse_math": math}):
        figure.savefig(file, format="png", dpi=DPI)
    return Image.open(file).convert("RGB")


def _as_png(picture: Image.Image) -> bytes:
    small = BytesIO()
    red, green, blue = (channel.tobytes() for channel in picture.split())
    picture.convert("L" if red == green == blue else "RGB").save(small, "PNG", optimize=True)
    return small.getvalue()


def bundle(figure: Figure, alt: str) -> tuple[dict, dict]:
    """Return a figure in the forms a notebook may want, and their metadata."""
    width, height = (round(96 * side) for side in figure.get_size_inches())  # CSS pixels
    picture = _drawn(figure)
    if dark.asked():
        picture = Image.fromarray(dark.darkened(figure, np.asarray(picture)))
    data = base64.b64encode(_as_png(picture)).decode("ascii")
    forms = {"image/png": data, "text/plain": f"Figure: {alt}"}
    return forms, {"image/png": {"alt": alt, "width": width, "height": height}}


@checked
def show(figure: Figure, alt: str | None = None) -> None:
    """Show a figure in the notebook, with alt text, and close it.

    Args:
        figure: from `plots`, or any matplotlib figure.
        alt: the description; None takes the figure's own.

    Raises:
        FerError: the figure has no description and none is given.
    """
    from IPython.display import display  # notebooks have it; scripts need not

    alt = alt if alt is not None else getattr(figure, "alt", "")
    if not alt:
        raise FerError('describe the figure for those who cannot see it: show(figure, alt="...").')
    forms, metadata = bundle(figure, alt)
    if not isinstance(figure, Picture):  # ours were never open; pyplot shows its own once more
        from matplotlib import pyplot

        pyplot.close(figure)
    display(forms, metadata=metadata, raw=True)


def check_place(path: str | Path) -> str:
    """Return the format that a figure's file name asks for, before the figure is made.

    Raises:
        FerError: an ending that matplotlib cannot write, or a place that cannot be written to.
    """
    path = Path(path)
    ending = path.suffix.lower().removeprefix(".")
    known = FigureCanvasBase.get_supported_filetypes()
    if ending not in known:
        raise FerError(f"{path.name or path} must end in one of: {', '.join(sorted(known))}.")
    check_writable(path)
    return ending


@checked
def save(figure: Figure, path: str | Path) -> Path:
    """Write a figure to a file in one step; the name's ending chooses the format.

    Raises:
        FerError: no such folder, or an ending that matplotlib cannot write.
    """
    path = check_path("path", path)
    ending = check_place(path)
    if ending == "png":
        return write(path, png(figure))
    drawn = BytesIO()
    figure.savefig(drawn, format=ending)
    return write(path, drawn.getvalue())
