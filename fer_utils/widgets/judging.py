"""Which faces a net gets right, wrong, or hardly decides on: for a filter of faces."""

import numpy as np
import torch
from torch import nn

from fer_utils.data.faceset import FaceSet
from fer_utils.evaluate import predict
from fer_utils.models.answers import classes_of
from fer_utils.plots.picture import percent

PART = 64  # faces that are asked about at once: between two parts the work can be given up
DOUBT = 0.5  # below which the largest probability leaves a net unsure

RIGHT, WRONG, UNSURE = "right", "wrong", f"unsure (below {percent(DOUBT)})"
ANSWERS = ("all", RIGHT, WRONG, UNSURE)


class Judged:
    """What a net says of faces, asked for part by part.

    Attributes:
        done: how many faces it has been asked about, the first ones.
    """

    def __init__(self, net: nn.Module, faces: FaceSet):
        self.net, self.faces = net, faces
        self.done = 0
        self._right = np.zeros(len(faces), bool)
        self._sure = np.zeros(len(faces), np.float32)

    def go_on(self) -> None:
        """Ask about the next part.

        Raises:
            FerError: the net cannot take the faces, or gives no logits.
        """
        part = slice(self.done, self.done + PART)
        probabilities = predict(self.net, self.faces.images[part]).softmax(1)
        names = np.array(classes_of(self.net, probabilities.shape[1]))
        labels = np.array(self.faces.classes)[self.faces.labels[part]]
        largest, said = torch.max(probabilities.cpu(), 1)
        # by name: a net may know other words than the labels, or the same in another order
        self._right[part] = names[said.numpy()] == labels
        self._sure[part] = largest.numpy()
        self.done = min(len(self.faces), self.done + PART)

    def kept(self, answers: str) -> np.ndarray:
        """Return which faces are left by an entry of `ANSWERS`, bool (n,); all must be done."""
        if answers == UNSURE:
            return self._sure < DOUBT
        return self._right if answers == RIGHT else ~self._right


def verdict(truth: str | None, classes: tuple[str, ...], clean: np.ndarray) -> str:
    """Return in words what a net says of a whole face, and whether that is the label."""
    said = classes[int(clean.argmax())]
    words = f"the net says {said}, {percent(clean.max())}"
    if truth is None:
        return words
    if truth not in classes:
        return f"{words}: it has no word for {truth}"
    unsure = " and unsure" if clean.max() < DOUBT else ""
    return f"{words}: {'right' if said == truth else 'wrong'}{unsure}"
