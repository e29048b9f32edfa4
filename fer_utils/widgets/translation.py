"""A face with another expression, drawn by a generator, and what a network looks at in both."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import ipywidgets as ui
import numpy as np
from PIL import Image
from torch import nn

from fer_utils import plots
from fer_utils._arguments import check_array, shown
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.evaluate import check_faces
from fer_utils.plots.grids import to_pixels
from fer_utils.plots.picture import bundle
from fer_utils.saliency import Cancelled, occlusion
from fer_utils.saliency._engines import Progress
from fer_utils.translate import Pair, load, names
from fer_utils.translate.scoring import ssim_of
from fer_utils.widgets.controls import columns, dropdown, slider
from fer_utils.widgets.face_picker import FacePicker
from fer_utils.widgets.latest import Latest, Stale
from fer_utils.widgets.nets import Models, Nets
from fer_utils.widgets.views import colored

DRAWN = 12  # people, where no faces are given
SIDE = 116  # pixels of a face in the page
ROW = 5  # faces in a row of the still figure
LEGEND = """<div style="align-self: center; width: 15em; line-height: 1.3">
Red: with this part hidden, the network is less sure of its answer.</div>"""


@dataclass(frozen=True)
class TranslatorState:
    """What a translator shows.

    Attributes:
        pair: of generators.
        net: whose maps are drawn.
        image: uint8 (C, H, W).
        to: the class to draw.
        strength: 0 leaves the face, 1 translates it.
        truth: the same face with that expression, uint8 (C, H, W), where anybody knows it.
    """

    pair: Pair
    net: nn.Module
    image: np.ndarray
    to: str
    strength: float = 1.0
    truth: np.ndarray | None = None


def translator_pictures(state: TranslatorState) -> dict[str, np.ndarray]:
    """Return pictures by their titles, uint8 (C, H, W): face, translation, back, difference, truth.

    Raises:
        FerError: what `Pair.apply` refuses.
    """
    pair, image = state.pair, state.image
    other = pair.classes[1 - pair.classes.index(state.to)]
    there = pair.apply(image[None], state.to, strength=state.strength)[0]
    difference = (128 + there.astype(int) - image).clip(0, 255).astype(np.uint8)
    pictures = {
        "the face": image,
        f"made {state.to}": there,
        f"back to {other}": pair.apply(there[None], other)[0],
        "difference": difference,
    }
    return pictures if state.truth is None else {**pictures, "the truth": state.truth}


def translator_maps(
    state: TranslatorState, pictures: Mapping[str, np.ndarray], progress: Progress | None = None
) -> dict[str, np.ndarray]:
    """Return the occlusion maps of face and translation by their titles, RGB uint8 (3, H, W).

    Each is that of the class which the network says.

    Args:
        state: what is shown.
        pictures: of `translator_pictures`.
        progress: as of `saliency.occlusion`.

    Raises:
        FerError: what `saliency.occlusion` refuses.
        Cancelled: progress returned False.
    """
    maps = {}
    for name in list(pictures)[:2]:
        omap = occlusion(state.net, pictures[name], window=8, stride=2, progress=progress)
        said = omap.target_index(None)
        title = f"{name}: {omap.classes[said]} {omap.clean[said]:.2f}"
        maps[title] = colored(pictures[name], omap.heat(None), True)[0].transpose(2, 0, 1)
    return maps


class Translator(ui.VBox):
    """A face and its translation; each control is an attribute, so code can move it too.

    The faces follow at once; maps are computed in the background, when the controls rest.

    Attributes:
        source: gives the face, a `FacePicker`.
        generators, to, strength, model: the controls; strength in percent.
        view: the pictures.
        message: how near the truth it is, or what went wrong.
    """

    def __init__(
        self,
        pairs: Mapping[str, Pair],
        faces: FaceSet,
        nets: Nets,
        truth: Mapping[str, np.ndarray],
    ):
        """Lay out the controls and draw."""
        self.pairs, self.nets, self.truth = dict(pairs), nets, dict(truth)
        self.source = FacePicker(faces)
        self._latest = Latest(self._draw)
        self._busy = False
        self._faces: dict[str, np.ndarray] = {}
        self._maps: dict[str, np.ndarray] = {}
        self.generators = dropdown("generators", list(self.pairs))
        self.to = dropdown("translate to", self._classes()[::-1])
        self.strength = slider("strength (%)", 0, 150, 100, 10)
        self.model = dropdown("map by", list(self.nets))
        self.view, self.message = ui.HTML(), ui.HTML()
        controls = [self.to, self.generators, self.strength, self.model]
        # as wide as the columns of the picker, of which there are three
        settings = columns([self.to, self.strength], [self.generators, self.model], [])
        super().__init__([settings, self.source, self.view, self.message])
        for control in controls:
            control.observe(self._update, "value")
        self.source.observe(self._update, "image")
        self._update({"owner": self.to})
        self.wait()

    @property
    def state(self) -> TranslatorState:
        """What the controls say now; a model is read when it is first chosen."""
        return TranslatorState(
            pair=self.pairs[self.generators.value],
            net=self.nets[self.model.value],
            image=self.source.image,
            to=self.to.value,
            strength=self.strength.value / 100,
            truth=self._truth(),
        )

    def wait(self) -> None:
        """Return when what the controls say is shown."""
        self._latest.wait()

    def _classes(self) -> list[str]:
        return list(self.pairs[self.generators.value].classes)

    def _truth(self) -> np.ndarray | None:
        """Return the chosen face with the chosen expression; None where nobody knows it."""
        place, faces = self.source.place, self.source.faces
        if place is None:  # an upload
            return None
        if self.to.value in self.truth:
            return self.truth[self.to.value][place]
        if self.to.value == "neutral" and faces.twins is not None and faces.twins[place].any():
            return faces.twins[place]
        return None

    def _update(self, change: Mapping) -> None:
        """Ask for new pictures."""
        if self._busy:
            return
        self._busy = True
        try:
            if change["owner"] is self.generators and set(self.to.options) != set(self._classes()):
                self.to.options = self._classes()[::-1]
            self._latest.ask(self.state)
        except Exception as error:  # a widget has nowhere to put a traceback
            self._latest.stop()
            self._fail(error)
        finally:
            self._busy = False

    def _draw(self, state: TranslatorState, stale: Stale) -> None:
        """Show the faces, then their maps (in the background)."""
        try:
            self._faces = translator_pictures(state)
            self._show()  # with the maps of before, until the new ones are there
            self.message.value = f'<div role="status">{escape(near_truth(self._faces))}</div>'
            self._maps = translator_maps(state, self._faces, lambda done, total: not stale())
            self._show()
        except Cancelled:
            pass  # by a newer job
        except Exception as error:
            self._fail(error)

    def _show(self) -> None:
        start = '<div style="display: flex; flex-wrap: wrap; gap: 8px; margin: 4px 0">'
        faces, maps = ("".join(map(_tile, row, row.values())) for row in (self._faces, self._maps))
        legend = LEGEND if maps else ""
        self.view.value = start + faces + "</div>" + start + maps + legend + "</div>"

    def _fail(self, error: Exception) -> None:
        words = str(error) if isinstance(error, FerError) else f"{type(error).__name__}: {error}"
        # the last pictures would pass for the answer
        self._faces, self._maps, self.view.value = {}, {}, ""
        self.message.value = f'<div role="alert"><b>Not drawn:</b> {escape(words)}</div>'

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict, dict]:
        """Return the widget, and a still figure for pages that can show no widgets."""
        forms = super()._repr_mimebundle_(**kwargs)
        shown = {**self._faces, **self._maps}
        if not shown:
            return forms, {}
        pictures = [to_pixels(picture) for picture in shown.values()]
        titles = [title.replace(": ", ":\n") for title in shown]
        figure = plots.faces(pictures, titles, columns=ROW, scale=1.4)
        still, metadata = bundle(figure, figure.alt)
        return {**forms, "image/png": still["image/png"]}, metadata


def near_truth(pictures: Mapping[str, np.ndarray]) -> str:
    """Return in words how near translation and face are to the truth, where that is known."""
    if "the truth" not in pictures:
        return "Nobody knows the truth of this face."
    face, there, *_, truth = (picture[None] for picture in pictures.values())
    ours, copied = (float(ssim_of(part, truth)[0]) for part in (there, face))
    return f"SSIM with the truth: the translation {ours:.2f}, the face as it was {copied:.2f}."


def _tile(title: str, picture: np.ndarray) -> str:
    """Return a picture with its title as HTML."""
    file = io.BytesIO()
    Image.fromarray(to_pixels(picture)).save(file, "PNG")
    content = base64.b64encode(file.getvalue()).decode()
    return (
        f'<figure style="margin: 0; width: {escape(str(SIDE))}px"><img alt="{escape(title)}" '
        f'src="data:image/png;base64,{escape(content)}" '
        'style="width: 100%; image-rendering: pixelated">'
        f'<figcaption style="line-height: 1.3">{escape(title)}</figcaption></figure>'
    )


def translator(
    pairs: str | Pair | Sequence[str] | Mapping[str, Pair] | None = None,
    faces: FaceSet | None = None,
    models: Models = None,
    truth: Mapping[str, np.ndarray] | None = None,
) -> Translator:
    """Return a widget: choose a face, an expression and a strength, see the translation.

    Beside the face: its translation, the way back, the difference (grey where there is none) and,
    where it is known, the truth; below, what a network's answer to face and translation rests on.

    Args:
        pairs: of generators, by the name to show; or names of `translate.names()`; None takes all.
        faces: to choose from; None draws some people who show both expressions.
        models: nets whose maps are drawn, as for `occlusion_explorer`.
        truth: class -> uint8 (N, C, H, W), the same people as `faces` with that expression; without
            it, the neutral faces that come with facs3d are the truth of "neutral".

    Raises:
        FerError: no pairs, no faces, or what is none; a truth that is not that of the faces.
    """
    chosen = _pairs(pairs)
    nets = Nets(models)
    if faces is None:
        faces, truth = _people(chosen)
    check_faces(faces)
    if len(faces) == 0:
        raise FerError("there are no faces to translate.")
    if not isinstance(truth, Mapping | None):
        raise FerError(f"truth={shown(truth)}: give pictures by expression.")
    for label, pictures in (truth or {}).items():
        check_array(f"truth[{label!r}]", pictures, 4, kinds="u")
        if pictures.shape != faces.images.shape:
            raise FerError(f"the truth of {label!r} is not of the faces: give one for each.")
    return Translator(chosen, faces, nets, truth or {})


def _pairs(pairs: object) -> dict[str, Pair]:
    """Return pairs by name."""
    if isinstance(pairs, Pair):
        pairs = {"these": pairs}
    asked = names() if pairs is None else [pairs] if isinstance(pairs, str) else pairs
    if not isinstance(asked, Mapping | list | tuple) or not asked:
        raise FerError(f"pairs={shown(pairs)}: name pairs of generators: {', '.join(names())}.")
    if not isinstance(asked, Mapping):
        return {str(name): load(name) for name in asked}
    for pair in asked.values():
        if not isinstance(pair, Pair):
            raise FerError(f"{shown(pair)} is no pair of generators, as translate.load gives one.")
    return {str(name): pair for name, pair in asked.items()}


def _people(pairs: Mapping[str, Pair]) -> tuple[FaceSet, dict[str, np.ndarray]]:
    """Return drawn people whom no generator has learned from, with both expressions."""
    from fer_utils.translate.drawing import TRUTH, drawn  # loads the renderer

    pair = next(iter(pairs.values()))
    shows = {name: drawn(name, TRUTH[:DRAWN], pair.size) for name in pair.classes}
    images = np.concatenate(list(shows.values()))
    labels = np.repeat(np.arange(len(shows)), DRAWN)
    split = np.full(len(images), "test")
    faces = FaceSet("drawn people", images, labels, pair.classes, split)
    return faces, {name: np.concatenate([drawn_so] * 2) for name, drawn_so in shows.items()}
