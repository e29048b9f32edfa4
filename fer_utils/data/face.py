"""One face: its picture, and what is known about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from fer_utils import _html
from fer_utils._arguments import Telling, integer, shown
from fer_utils.errors import FerError


@dataclass(frozen=True, eq=False, repr=False)
class Face(Telling):
    """One face: `faces[0]`, or what `detect.face` cuts out of a photograph.

    Networks, maps and figures take it as they take its picture, and so does `plt.imshow`. At the
    end of a notebook's cell it shows itself.

    Attributes:
        image: uint8 (C, H, W), C = 1 where it is grey, else 3.
        label: the name of its class, "" where nobody gave one.
        votes: how many taggers chose each answer; without those that nobody chose.
        person: who is shown, None where not known.
        source: where it comes from, in words.
    """

    MEANT: ClassVar = {
        **dict.fromkeys(("show", "plot"), "plots.faces([face])"),
        "save": "plots.save(plots.faces([face]), FILE)",
        **dict.fromkeys(("expression", "name", "emotion", "target"), "face.label"),
        **dict.fromkeys(("pixels", "picture", "data", "array"), "face.image"),
        "subject": "face.person",
        "box": "detect.faces(PHOTOGRAPH)",
        "shape": "face.image.shape",
    }

    image: np.ndarray
    label: str = ""
    votes: Mapping[str, int] = field(default_factory=dict)
    person: int | str | None = None
    source: str = ""

    def __post_init__(self) -> None:
        """Check the picture."""
        image = self.image
        if getattr(image, "dtype", None) != np.uint8 or image.ndim != 3 or len(image) not in (1, 3):
            raise FerError(
                f"image={shown(image)}: a face's picture is uint8 (1, H, W) or (3, H, W)."
            )
        if not isinstance(self.label, str) or not isinstance(self.source, str):
            raise FerError(f"label={shown(self.label)}, source={shown(self.source)}: give words.")
        if not isinstance(self.votes, Mapping):
            raise FerError(f"votes={shown(self.votes)}: give numbers of votes by name.")
        for name, count in self.votes.items():
            integer(f"votes for {name}", count, 0)

    def __repr__(self) -> str:
        """Say what is known, e.g. `Face(happy, person 3, votes happy 8 neutral 2, 48x48 grey)`."""
        _, height, width = self.image.shape
        parts = [self.label] if self.label else []
        if self.person is not None:
            parts.append(f"person {self.person}")
        if self.votes:
            most_first = sorted(self.votes.items(), key=lambda vote: -vote[1])
            parts.append("votes " + " ".join(f"{name} {count}" for name, count in most_first))
        parts.append(f"{height}x{width} {'grey' if len(self.image) == 1 else 'colour'}")
        return f"Face({', '.join([*parts, self.source] if self.source else parts)})"

    def __eq__(self, other: object) -> bool:
        """Say whether picture, label, votes and person are the same."""
        if not isinstance(other, Face):
            return NotImplemented
        known = (self.label, dict(self.votes), self.person)
        alike = known == (other.label, dict(other.votes), other.person)
        return alike and np.array_equal(self.image, other.image)

    def __hash__(self) -> int:
        """Return the same for equal faces."""
        return hash((self.label, self.person, self.image.tobytes()))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return the picture as `plt.imshow` takes it: (H, W), or (H, W, 3) in colour."""
        pixels = self.image[0] if len(self.image) == 1 else self.image.transpose(1, 2, 0)
        return np.array(pixels, dtype=dtype, copy=copy)

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> tuple[dict, dict]:
        width, height = _html.size_of(self.image)
        forms = {"image/png": _html.png(self.image), "text/plain": repr(self)}
        return forms, {"image/png": {"alt": repr(self), "width": width, "height": height}}
