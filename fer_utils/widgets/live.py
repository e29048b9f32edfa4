"""The curves of a training while it runs."""

from html import escape
from typing import TYPE_CHECKING

import ipywidgets as ui

from fer_utils import plots
from fer_utils._arguments import spoken
from fer_utils.plots.picture import bundle

if TYPE_CHECKING:
    from fer_utils.train.history import History

CURVES = "A place for the curves of a training: they are redrawn after every epoch."


class LiveHistory(ui.VBox):
    """The figure of `plots.history`, drawn anew whenever it is called with a History.

    Attributes:
        picture: the figure, with its description for those who cannot see it.
        message: the last epoch in words.
        history: what is drawn; None before the first epoch.
    """

    def __init__(self, epochs: int):
        """Lay out an empty place; `epochs` is how many will come."""
        self.epochs = epochs
        self.history: History | None = None
        self.picture = ui.HTML()
        waiting = escape(f"waiting for epoch 1 of {epochs}")
        self.message = ui.HTML(f'<div role="status">{waiting}</div>')
        super().__init__([self.picture, self.message])

    def __call__(self, history: "History") -> None:
        """Draw the epochs so far; this is what `train.fit(..., on_epoch=...)` calls."""
        self.history = history
        figure = live_figure(history, self.epochs)
        forms, metadata = bundle(figure, figure.alt)
        size = metadata["image/png"]
        self.picture.value = (
            f'<img src="data:image/png;base64,{forms["image/png"]}" alt="{escape(figure.alt)}" '
            f'style="width: {size["width"]}px; max-width: 100%">'
        )
        self.message.value = f'<div role="status">{escape(in_words(history, self.epochs))}</div>'

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict, dict]:
        """Return the widget; shown after a training, a still figure with it."""
        forms = {**super()._repr_mimebundle_(**kwargs), "text/plain": CURVES}
        if self.history is None:
            return forms, {}
        figure = live_figure(self.history, self.epochs)
        still, metadata = bundle(figure, figure.alt)
        return {**forms, "image/png": still["image/png"]}, metadata


def live_figure(history: "History", epochs: int) -> plots.Picture:
    """Return the figure of `plots.history` with room for the epochs to come."""
    figure = plots.history(history)
    for axes in figure.axes:
        axes.set_xlim(0.5, max(epochs, len(history.epochs)) + 0.5)
    figure.axes[1].set_ylim(0, 1)
    return figure


def in_words(history: "History", epochs: int) -> str:
    """Return the last epoch in words."""
    row, best = history.epochs[-1], history.best
    return (
        f"epoch {row['epoch']} of {epochs}: training {row['train_accuracy']:.1%}, validation "
        f"{row['valid_accuracy']:.1%}; best so far: epoch {best['epoch']}, "
        f"{best['valid_accuracy']:.1%}; learning rate {row['learning_rate']:.2g}; "
        f"{row['seconds']:.0f} s"
    )


@spoken
def live_history(epochs: int) -> LiveHistory:
    """Return a widget for the curves of a training; show it, then pass it to `train.fit`.

        live = widgets.live_history(epochs=20)
        display(live)
        train.fit(net, learn, valid, recipe, epochs=20, on_epoch=live)

    Args:
        epochs: how many will come; the axis leaves room for them.
    """
    return LiveHistory(epochs)
