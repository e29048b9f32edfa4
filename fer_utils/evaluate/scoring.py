"""One pass over a data set: what a net says of every face."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils._arguments import check_array, check_names, integer, shown, spoken
from fer_utils._progress import bar
from fer_utils.errors import FerError
from fer_utils.evaluate.results import Evaluation
from fer_utils.models.answers import (
    as_pictures,
    ask,
    check_logits,
    check_net,
    chosen_device,
    classes_of,
    device_of,
    dtype_of,
    evaluating,
    named_classes,
)
from fer_utils.models.facenet import FaceNet, check_range

if TYPE_CHECKING:
    from fer_utils.data.faceset import FaceSet


@spoken
def evaluate(
    net: nn.Module,
    faces: FaceSet,
    *,
    batch: int = 256,
    device: str | torch.device | None = None,
    progress: bool | None = None,
    flip: bool = False,
) -> Evaluation:
    """Return what `net` says about every face, dropout off and batch norm frozen.

    Args:
        net: a net with `.classes`, from pictures in [0, 1] to logits; `models.wrap` makes one of
            any network.
        faces: labels are matched to the net's outputs by class name.
        batch: pictures per pass.
        device: None keeps the net where it is.
        progress: show a bar; None shows one after a second.
        flip: look at every face and at its mirror image, and average the probabilities.

    Raises:
        FerError: no faces, generated ones, a class that the net does not know, a net without
            `.classes`, or one that does not give a finite score per class.
    """
    check_faces(faces)
    if len(faces) == 0:
        raise FerError(f"no faces to evaluate: {faces!r} is empty.")
    if faces.generated.any():
        raise FerError(
            f"{faces.name}: {faces.generated.sum()} of these faces are generated, and nobody is "
            "scored on those: leave them out by faces.take(~faces.generated), or see with predict "
            "what the net says of them."
        )
    labels = labels_for(named_classes(net), faces)
    if device is not None:
        net = net.to(chosen_device(device))

    def probabilities_of(images: np.ndarray) -> Tensor:
        logits = predict(net, images, batch=batch, progress=progress)
        # whether they are finite is asked once: each time it is, a GPU has to be waited for
        return check_logits(logits, len(images)).softmax(1)

    probabilities = probabilities_of(faces.images)
    if flip:
        probabilities = (probabilities + probabilities_of(faces.images[..., ::-1])) / 2
    classes = classes_of(net, probabilities.shape[1])
    return Evaluation(probabilities.cpu().numpy(), labels, classes)


@spoken
def predict(
    net: nn.Module, images: Tensor | np.ndarray, *, batch: int = 256, progress: bool | None = None
) -> Tensor:
    """Return logits, float32 (N, K), of uint8 images (N, C, H, W), or of `models.features`.

    Of an array no more than a batch is copied, so a memory-mapped one may be larger than the
    memory. Every module's training mode is put back afterwards.

    Float pictures lie in [0, 1]. `progress` as of `evaluate`.

    Raises:
        FerError: no pictures, or a net that cannot take them; what the net gives is no row of
            scores per picture. They may be infinite or NaN.
    """
    from fer_utils.data._cache import forget

    check_net(net)
    if not isinstance(images, Tensor | np.ndarray):
        raise FerError(
            f"predict takes pictures (N, C, H, W) as an array or a tensor, not {shown(images)}: "
            "those of a FaceSet are faces.images."
        )
    if isinstance(images, np.ndarray):
        check_array("images", images, images.ndim)
    batch = integer("batch", batch, 1)

    # One block for all answers: kept one by one, they would lie between the blocks that batches
    # take and free, and the C library could not use those again.
    device, dtype, scores = device_of(net), dtype_of(net), torch.empty(0)
    with (
        evaluating(net),
        torch.inference_mode(),
        bar(len(images), "face", progress) as note,
    ):
        for start in range(0, len(images), batch):
            part = images[start : start + batch]
            if isinstance(part, np.ndarray):
                mapped, part = part, torch.from_numpy(np.array(part))
                forget(mapped)
            if part.is_floating_point() and isinstance(net, FaceNet):
                check_range(part)  # here, since a net on a GPU does not look
            logits = ask(net, as_pictures(part.to(device)).to(dtype), finite=False)
            if start == 0:
                shape = (len(images), logits.shape[1])
                scores = torch.empty(shape, dtype=torch.float32, device=logits.device)
            scores[start : start + len(part)] = logits
            note(len(part))
    return scores


def check_faces(faces: object) -> None:
    """Raise a FerError unless these are labelled faces."""
    from fer_utils.data.faceset import FaceSet

    if not isinstance(faces, FaceSet):
        raise FerError(
            f"faces are a FaceSet, as data.load(NAME) gives it, not {shown(faces)}: pictures alone "
            "have no labels, and evaluate.predict(net, pictures) gives their scores."
        )


def labels_for(classes: tuple[str, ...], faces: FaceSet) -> np.ndarray:
    """Return the labels of `faces` as indices into `classes`, matched by name, int64 (N,).

    Raises:
        FerError: faces carry a class that is not in `classes`.
    """
    check_names("classes", classes)
    check_faces(faces)
    unknown = [name for name in faces.classes if name not in classes]
    present = {faces.classes[i] for i in np.unique(faces.labels)}
    missing = [name for name in unknown if name in present]
    if missing:
        raise FerError(
            f"{faces.name} has faces labelled {', '.join(missing)}, which the net does not know; "
            f"its outputs are: {', '.join(classes)}. Leave them out with faces.where(label=...), "
            "or create the net with classes=faces.classes."
        )
    table = np.array([classes.index(n) if n in classes else -1 for n in faces.classes])
    return table[faces.labels]
