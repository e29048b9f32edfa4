"""Any architecture on any data set at hand: pickers, the curve while it learns, one table."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import ipywidgets as ui
import numpy as np
import torch

from fer_utils import data, models
from fer_utils._arguments import choice, spoken
from fer_utils.data.faceset import FaceSet
from fer_utils.data.splits import divide
from fer_utils.errors import FerError
from fer_utils.inputs import INPUTS
from fer_utils.models.fusion import FUSIONS
from fer_utils.plots.picture import bundle
from fer_utils.train.history import History
from fer_utils.train.measure import Measured, measured, table
from fer_utils.train.recipes import changed, recipe
from fer_utils.widgets.controls import columns, dropdown, slider
from fer_utils.widgets.face_picker import datasets_here
from fer_utils.widgets.latest import Latest, Stale
from fer_utils.widgets.live import LiveHistory, live_figure

PAPERS = "its paper's"
SIDES = (PAPERS, "32", "48", "64", "96", "128", "224")
MOST_VALID = 500


@dataclass(frozen=True)
class Choice:
    """What a training is asked for.

    Attributes:
        architecture: an entry of `models.names()`; the recipe is that of its paper.
        inputs: an entry of `inputs.INPUTS`.
        fusion: of these, an entry of `FUSIONS`.
        dataset: an entry of `data.names()`.
        device: "cpu" or "cuda".
        size: side in pixels at which the net works; None takes its paper's.
        faces: how many to learn from.
        epochs: passes over them.
        late: for so many epochs at the start no dropout and no augmentation.
    """

    architecture: str
    inputs: str = "gray"
    fusion: str = "concat"
    dataset: str = data.EMBEDDED
    device: str = "cpu"
    size: int | None = None
    faces: int = 500
    epochs: int = 5
    late: int = 0

    def __str__(self) -> str:
        """Return what a row of the table is called."""
        side = "" if self.size is None else f" {self.size}"
        late = f" late {self.late}" if self.late else ""
        inputs = "" if self.inputs == "gray" else f" {self.inputs} {self.fusion}"
        return f"{self.architecture}{side}{inputs}{late}, {self.dataset}, {self.device}"

    def train(self, on_epoch: Callable[[History], object] | None = None) -> Measured:
        """Build the net, train it by its paper's recipe, and measure that.

        Raises:
            FerError: what cannot be built, found or trained.
        """
        learn, valid = parts(self.dataset, self.faces)
        net = models.create(
            self.architecture,
            classes=learn.classes,
            inputs=self.inputs,
            fusion=self.fusion,
            input_size=self.size,
            seed=0,
        )
        how = changed(recipe(models.paper(self.architecture)), [f"late={self.late}"])
        options = {"epochs": self.epochs, "device": self.device, "progress": False}
        return measured(net, learn, valid, how, **options, on_epoch=on_epoch)


def parts(dataset: str, count: int) -> tuple[FaceSet, FaceSet]:
    """Return `count` evenly spaced training faces, and 500 validation faces or what there is.

    A data set without a split of its own is split by subject, else at random.
    """
    faces, _ = divide(data.load(dataset, progress=False))
    learn, valid = (faces.where(split=split) for split in ("train", "valid"))
    return spread_over_classes(learn, count), spread(valid, MOST_VALID)


def spread(faces: FaceSet, count: int) -> FaceSet:
    """Return `count` faces, evenly spaced, or all where there are no more."""
    return faces.take(_spaced(len(faces), count))


def spread_over_classes(faces: FaceSet, count: int) -> FaceSet:
    """Return `count` faces, evenly spaced, and the first of each class that would have none.

    In FERPlus one face in 211 shows contempt, and a net has to see whatever it is to name.
    """
    chosen = _spaced(len(faces), count)
    missing = np.setdiff1d(faces.labels, faces.labels[chosen])
    first = [int(np.argmax(faces.labels == label)) for label in missing]
    return faces.take(np.sort(np.append(chosen, np.array(first, int))))


def _spaced(length: int, count: int) -> np.ndarray:
    return np.linspace(0, length - 1, min(count, length)).round().astype(int)


class Trainer(ui.VBox):
    """Pickers for a training; each is an attribute, so code can move it too.

    A training runs in the background: `wait()` returns when it is over.

    Attributes:
        architecture, inputs, fusion, dataset, device, side, faces, epochs, late: the pickers.
        start: the button that begins.
        stop: the button that ends a training after its epoch.
        rows: what was measured, by name.
        message: what is being done, or what went wrong.
    """

    def __init__(self, first: Choice, datasets: list[str]):
        """Lay out the pickers, set to a first choice."""
        gpu = ["cuda"] if torch.cuda.is_available() else []
        self.architecture = dropdown("network", models.names())
        self.inputs = dropdown("inputs", list(INPUTS))
        self.fusion = dropdown("fusion", list(FUSIONS))
        self.dataset = dropdown("data set", datasets)
        self.device = dropdown("device", [*gpu, "cpu"])
        self.side = dropdown("side (px)", list(SIDES))
        self.faces = slider("faces", 50, 5000, first.faces, 50)
        self.epochs = slider("epochs", 1, 60, first.epochs)
        self.late = slider("late", 0, 10, first.late)
        self.architecture.value, self.dataset.value = first.architecture, first.dataset
        self.start = ui.Button(description="Train", icon="play")
        self.stop = ui.Button(description="Stop", icon="stop", disabled=True)
        self.message, self.place, self.text = ui.HTML(), ui.VBox(), ui.HTML()
        self.rows: dict[str, Measured] = {}
        self._latest = Latest(self._train)
        what = [self.architecture, self.inputs, self.fusion]
        where = [self.dataset, self.device, self.side]
        pickers = columns(what, where, [self.faces, self.epochs, self.late])
        buttons = ui.HBox([self.start, self.stop, self.message])
        super().__init__([pickers, buttons, self.place, self.text])
        self.start.on_click(lambda _: self._latest.ask(self.choice))
        self.stop.on_click(lambda _: self._latest.stop())

    @property
    def choice(self) -> Choice:
        """What the pickers say."""
        side = self.side.value
        return Choice(
            architecture=self.architecture.value,
            inputs=self.inputs.value,
            fusion=self.fusion.value,
            dataset=self.dataset.value,
            device=self.device.value,
            size=None if side == PAPERS else int(side),
            faces=self.faces.value,
            epochs=self.epochs.value,
            late=self.late.value,
        )

    def wait(self) -> None:
        """Return when the training that was asked for last is over."""
        self._latest.wait()

    def _train(self, choice: Choice, stale: Stale) -> None:
        live = LiveHistory(choice.epochs)

        def on_epoch(history: History) -> None:
            live(history)
            if stale():
                raise KeyboardInterrupt  # `fit` ends in good order and keeps its best epoch

        self.start.disabled, self.stop.disabled = True, False
        self.place.children = [live]
        self._say("status", f"{choice} ...")
        try:
            self.rows[str(choice)] = found = choice.train(on_epoch)
            self._say("status", f"{choice}: {found.history.stopped}")
            self.text.value = table(self.rows).to_html()
        except Exception as error:  # a widget has nowhere to put a traceback
            words = (
                str(error) if isinstance(error, FerError) else f"{type(error).__name__}: {error}"
            )
            self._say("alert", f"Not trained: {words}")
        finally:
            self.start.disabled, self.stop.disabled = False, True

    def _say(self, role: str, words: str) -> None:
        self.message.value = f'<div role="{role}">{escape(words)}</div>'

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict, dict]:
        """Return the widget, and the curve of the last training for pages without a kernel."""
        forms = super()._repr_mimebundle_(**kwargs)
        if not self.rows:
            return forms, {}
        history = list(self.rows.values())[-1].history
        figure = live_figure(history, len(history.epochs))
        still, metadata = bundle(figure, f"The last training. {figure.alt}")
        return {**forms, "image/png": still["image/png"]}, metadata


@spoken
def trainer(architecture: str = "mini_xception", **options: object) -> Trainer:
    """Return pickers for architecture, inputs, fusion, data set and device, and a button to train.

    Data sets are those that are found on this machine. Every training adds a row to one table.

    Args:
        architecture: what the picker shows first.
        options: what the others show first: dataset, faces, epochs, late.

    Raises:
        FerError: a data set that is not found.
    """
    choice("architecture", architecture, models.names())
    first = Choice(architecture, **options)  # type: ignore[arg-type]  # the class checks names
    data.find(first.dataset)
    return Trainer(first, datasets_here())
