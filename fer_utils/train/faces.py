"""A data set as a training sees it: on the device, and fit to learn from."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils.data.faceset import FaceSet
from fer_utils.emotions import FER8
from fer_utils.errors import FerError
from fer_utils.evaluate import labels_for
from fer_utils.train.recipes import Recipe


def check_splits(net: nn.Module, train: FaceSet, valid: FaceSet) -> None:
    """Raise a FerError for an empty split or a class that could not be learned."""
    for name, faces in (("training", train), ("validation", valid)):
        if len(faces) == 0:
            raise FerError(f"the {name} split is empty: {faces!r}.")
    seen = np.bincount(labels_for(net.classes, train), minlength=len(net.classes))
    missing = [name for name, n in zip(net.classes, seen, strict=True) if n == 0]
    if missing:
        raise FerError(
            f"no training face of class {', '.join(missing)}: a net cannot learn what it never "
            "sees. Create the net with classes=... for the classes there are, or add faces."
        )


def on_device(net: nn.Module, faces: FaceSet, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return uint8 images (N, C, H, W) and labels (N,) as tensors on the device."""
    images = torch.from_numpy(np.array(faces.images)).to(device)
    return images, torch.from_numpy(labels_for(net.classes, faces)).to(device)


def targets(net: nn.Module, faces: FaceSet, labels: Tensor, recipe: Recipe) -> Tensor:
    """Return what is to be learned: labels int64 (N,), or shares of the classes float (N, K).

    Where no vote of a face is left, its label counts.

    Raises:
        FerError: the recipe wants votes, and the faces have none, or for classes the net lacks.
    """
    if not (recipe.votes or recipe.mixup or recipe.distil):
        return labels
    shares = F.one_hot(labels, len(net.classes)).float()
    if recipe.votes:
        voted = torch.from_numpy(faces.vote_distribution(recipe.votes)).float().to(labels.device)
        if tuple(net.classes) != FER8:
            raise FerError(
                f"votes={recipe.votes!r} needs a net with the classes of the votes "
                f"({', '.join(FER8)}): relabel the faces first, e.g. faces.relabel('majority')."
            )
        known = voted.sum(1) > 0
        shares[known] = voted[known]
    return shares
