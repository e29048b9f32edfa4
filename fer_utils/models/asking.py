"""What a net says of one face, in one line: `net.ask(face)`."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch

from fer_utils import _html
from fer_utils.emotions import nearest, same_word
from fer_utils.errors import FerError
from fer_utils.models.answers import ask, classes_of, device_of, dtype_of, evaluating

if TYPE_CHECKING:
    from torch import nn


class NoClass(FerError, KeyError):
    """The net has no class of that name: for `in` and `get` as well as for people."""

    def __str__(self) -> str:
        """Return the message; a KeyError's own would be in quotes."""
        return str(self.args[0])


class Answer(Mapping[str, float]):
    """What a net says of one face: the probability of each class, by name.

    `answer["happy"]` is a number, `answer.label` the most probable word; printed it is "happy
    100 %", and at the end of a notebook's cell it shows a bar for each class.

    Attributes:
        classes: names of the K classes, in the net's order.
        probabilities: of them, K numbers that sum to 1.
    """

    def __init__(self, classes: tuple[str, ...], probabilities: tuple[float, ...]):
        self.classes, self.probabilities = classes, probabilities

    def __getitem__(self, name: str) -> float:
        """Return the probability of a class; "joy" is happy here too."""
        found = same_word(name, self.classes)
        if found is None:
            raise NoClass(f"the net has no class {name!r}.{nearest(name, self.classes)}")
        return self.probabilities[self.classes.index(found)]

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self.classes)

    def __len__(self) -> int:
        """Return K."""
        return len(self.classes)

    @property
    def label(self) -> str:
        """The most probable class."""
        return self.classes[self.probabilities.index(max(self.probabilities))]

    def __repr__(self) -> str:
        """E.g. `happy 100 %`."""
        return f"{self.label} {100 * max(self.probabilities):.0f} %"

    def _repr_html_(self) -> str:
        return _html.bars(zip(self.classes, self.probabilities, strict=True))


def answer(net: "nn.Module", image: Any) -> Answer:
    """Return what a net says of one face, in evaluation mode; see `FaceNet.ask`."""
    # loads Pillow, which a net alone does not need
    from fer_utils.pictures import as_picture

    picture = as_picture(image)[None].to(device_of(net), dtype_of(net))
    with evaluating(net), torch.inference_mode():
        probabilities = ask(net, picture)[0].float().softmax(0).tolist()
    return Answer(classes_of(net, len(probabilities)), tuple(probabilities))
