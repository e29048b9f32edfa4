"""What a net says of one face, in one line: `net.ask(face)`."""

import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from fer_utils import _html
from fer_utils._arguments import NoSuchKey, Telling
from fer_utils.emotions import nearest, same_word
from fer_utils.models.answers import ask, classes_of, device_of, dtype_of, evaluating

if TYPE_CHECKING:
    from torch import nn


# A side in pixels; of larger pictures one is told that they are taken as a face, whole.
LARGEST_FACE = 256


class Answer(Telling, Mapping[str, float]):
    """What a net says of one face: the probability of each class, by name.

    `answer["happy"]` is a number, `answer.label` the most probable word; printed it is "happy
    100 %", and at the end of a notebook's cell it shows a bar for each class.

    Attributes:
        classes: names of the K classes, in the net's order.
        probabilities: of them, K numbers that sum to 1.
    """

    MEANT: ClassVar = {
        **dict.fromkeys(("max", "probability", "confidence", "score"), "max(answer.values())"),
        **dict.fromkeys(
            ("argmax", "prediction", "predicted", "expression", "name"), "answer.label"
        ),
        **dict.fromkeys(("show", "plot", "bars"), "plots.bars(answer)"),
        **dict.fromkeys(("top", "sort", "sorted"), "sorted(answer, key=answer.get, reverse=True)"),
    }

    def __init__(self, classes: tuple[str, ...], probabilities: tuple[float, ...]):
        self.classes, self.probabilities = classes, probabilities

    def __getitem__(self, name: str) -> float:
        """Return the probability of a class; "joy" is happy here too."""
        found = same_word(name, self.classes)
        if found is None:
            raise NoSuchKey(f"the net has no class {name!r}.{nearest(name, self.classes)}")
        return self.probabilities[self.classes.index(found)]

    def __eq__(self, other: object) -> bool:
        """Say whether the most probable class is this word; or whether all is the same."""
        if isinstance(other, str):
            return same_word(other, self.classes) == self.label
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]  # as of every mapping that may be compared

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self.classes)

    def __len__(self) -> int:
        """Return K."""
        return len(self.classes)

    def _meant(self, name: str) -> str | None:
        found = same_word(name, vars(self).get("classes", ()))
        return f"answer[{found!r}]" if found else super()._meant(name)

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

    one = as_picture(image)
    height, width = one.shape[1:]
    cut_out = hasattr(image, "source") or max(height, width) <= LARGEST_FACE
    if not cut_out:
        warnings.warn(
            f"a picture of {height}x{width} is looked at whole, as one face: of a photograph, "
            "detect.face(picture) cuts the face out.",
            stacklevel=4,  # the line that asks
        )
    picture = one[None].to(device_of(net), dtype_of(net))
    with evaluating(net), torch.inference_mode():
        probabilities = ask(net, picture)[0].float().softmax(0).tolist()
    return Answer(classes_of(net, len(probabilities)), tuple(probabilities))
