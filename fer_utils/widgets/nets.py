"""Networks to choose from by name; one that comes with the kit is read when it is first chosen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from fer_utils._arguments import choice
from fer_utils.data import catalog
from fer_utils.errors import FerError
from fer_utils.models import card, pretrained, pretrained_names
from fer_utils.models.answers import check_net

Models = Mapping[str, nn.Module] | Sequence[str] | None

DRAWN, PHOTOGRAPHS = "drawn faces", "photographs"
TITLES = {
    "bottleneck_065m": "bottleneck",
    "deep_emotion": "Deep-Emotion",
    "mini_xception": "mini-Xception",
    "small_resnet": "small ResNet",
}

#: Milliseconds that a map of 8 pixels and stride 2 has taken on this machine, by name.
_took: dict[str, float] = {}


def kind_of(dataset: str) -> str | None:
    """Return what the faces of a data set are, `DRAWN` or `PHOTOGRAPHS`; None for neither."""
    known = catalog.CARDS.get(dataset)
    if known is None:
        return None
    return DRAWN if known.embedded else PHOTOGRAPHS if known.photographs else None


@dataclass(frozen=True)
class About:
    """What is known of a net before it is asked; of one's own net nothing is.

    Attributes:
        title: what a student sees, "small ResNet, photographs, 86.9 %".
        kind: of the faces that it has learned from, `DRAWN`, `PHOTOGRAPHS` or None.
        accuracy: on faces that it has not learned from.
        learned: from what it has learned, in words.
        size: parameters.
    """

    title: str
    kind: str | None = None
    accuracy: float = 0.0
    learned: str = "A net of your own: only you know what it has learned from."
    size: int = 0


def about(name: str) -> About:
    """Return what the card of a net that comes with the kit says."""
    known = card(name)
    dataset, faces, *rule = known["data"].split(", ")
    kind, score = kind_of(dataset), known["scores"]["valid"]
    extra = known["net"]["inputs"].partition("+")[2].capitalize()
    net = TITLES.get(known["net"]["name"], known["net"]["name"])
    labels = ", ".join([dataset, *rule])
    title = f"{net} + {extra}" if extra else net
    right = f"{100 * score['accuracy']:.1f} %"
    return About(
        title=f"{title}, {kind}, {right}",
        kind=kind,
        accuracy=score["accuracy"],
        learned=f"Learned from {int(faces.split()[0]):,} {kind} ({labels}); right on "
        f"{right} of {score['n']:,} others.",
        size=known["parameters"],
    )


class Nets(Mapping[str, nn.Module]):
    """Name -> network."""

    def __init__(self, models: Models, kind: str | None = None):
        """Take nets by the name to show; or names of pretrained ones.

        None takes all of those: first the ones that have learned faces of this `kind`, and of
        these the smallest.

        Raises:
            FerError: there are none, or what is none.
        """
        names: Any = pretrained_names() if models is None else models
        if isinstance(names, str):
            names = [names]
        elif isinstance(names, nn.Module):
            own = getattr(names, "name", None)  # of a net of the kit, its architecture
            names = {own if own and isinstance(own, str) else type(names).__name__: names}
        if not isinstance(names, Mapping | Sequence) or not len(names):
            raise FerError("there are no models to explore: give some, models={name: net}.")
        self._nets = dict(names) if isinstance(names, Mapping) else dict.fromkeys(map(str, names))
        for name, net in self._nets.items():
            if net is None:
                choice("models", name, pretrained_names())
            else:
                check_net(net)
        self._ours = {name for name, net in self._nets.items() if net is None}
        self._about: dict[str, About] = {}
        if models is None and kind is not None:
            order = sorted(
                self, key=lambda name: (self.about(name).kind != kind, self.about(name).size)
            )
            self._nets = {name: self._nets[name] for name in order}

    def __getitem__(self, name: str) -> nn.Module:
        """Return a net; a pretrained one is read the first time."""
        net = self._nets[name]
        if net is None:
            net = self._nets[name] = pretrained(name)
        return net

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self._nets)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._nets)

    def about(self, name: str) -> About:
        """Return what is known of a net; of a pretrained one its card is read, no weights."""
        if name not in self._about:
            self._about[name] = about(name) if name in self._ours else About(str(name))
        return self._about[name]

    def title(self, name: str) -> str:
        """Return what a student sees: title, accuracy and, once measured, milliseconds a map."""
        title, measured = self.about(name).title, name in self._ours and name in _took
        return f"{title}, {_took[name]:,.0f} ms" if measured else title

    def best(self, kind: str | None) -> str | None:
        """Return the most accurate of the nets that have learned such faces; None: there is none.

        Accuracies under FERPlus's labels and under FER2013's are not the same exam.
        """
        fitting = [name for name in self if kind is not None and self.about(name).kind == kind]
        return max(fitting, key=lambda name: self.about(name).accuracy, default=None)

    def took(self, name: str, seconds: float) -> bool:
        """Take down how long a map took; return whether the title changes by it.

        The quickest counts: the first one compiles, and others share the machine.
        """
        if name not in self._ours or 1000 * seconds > 0.8 * _took.get(name, float("inf")):
            return False
        _took[name] = 1000 * seconds
        return True
