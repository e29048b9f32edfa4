"""One batch: from the numbers of its faces to the gradients of the weights."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils.data.faceset import FaceSet
from fer_utils.emotions import FER8
from fer_utils.errors import FerError
from fer_utils.evaluate import labels_for
from fer_utils.models.answers import (
    as_pictures,
    call,
    check_logits,
    classes_of,
    dtype_of,
    named_classes,
)
from fer_utils.train import parallel
from fer_utils.train.augment import Mix, augment, mixup
from fer_utils.train.balance import class_weights
from fer_utils.train.optim import penalized_weights
from fer_utils.train.recipes import Recipe
from fer_utils.train.stream import Streamed


class TrainingData(NamedTuple):
    """The training faces on the device.

    Attributes:
        images: uint8 (N, C, H, W), or features; a batch becomes float when it is its turn, so that
            the whole data set takes a quarter of the memory. Where even that is too much, images
            are streamed.
        labels: int64 (N,).
        targets: what is to be learned: the labels again, or soft labels, i.e. probabilities of
            the classes, float (N, K).
    """

    images: Tensor | Streamed
    labels: Tensor
    targets: Tensor


class Step:
    """Forward and backward pass for one batch; the optimizer's step is left to the loop.

    It reads and writes tensors on the device alone and never asks for their values (`.item()`
    waits until the GPU has caught up). So a GPU can be given step after step without a pause,
    and the kernels of a step can be recorded as a CUDA graph.

    Attributes:
        net: what learns.
        data: all training faces.
        generator: random numbers of the augmentation.
        loss_sum: of all faces since `start_epoch`.
        correct: how many of them were predicted right, augmented and while the weights changed.
        soft_targets: for self-distillation, the net's last prediction for every face as
            probabilities (N, K), its target before that; None where the recipe does not distil.
        dtype: of the pictures: the precision of the weights.
        alpha: the share of the target that `soft_targets` makes up.
        class_weights: how much a face of each class counts in the loss, float (K,), or None.
    """

    def __init__(
        self,
        net: nn.Module,
        data: TrainingData,
        recipe: Recipe,
        generator: torch.Generator,
        precision: str = "float32",
        compile: bool = False,
    ):
        self.net, self.data, self.recipe, self.generator = net, data, recipe, generator
        self.dtype = dtype_of(net)
        self.eager = parallel.averaging_gradients(net)
        self.compiled = torch.compile(net) if compile else self.eager
        self.penalized = penalized_weights(net, recipe.l2_on) if recipe.l2 else []
        device = data.images.device
        self.autocast = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
        # These are tensors and are changed in place: a CUDA graph knows addresses, not names.
        self.loss_sum = torch.zeros((), device=device)
        self.correct = torch.zeros((), device=device, dtype=torch.long)
        self.soft_targets = data.targets.clone() if recipe.distil else None
        self.alpha = torch.zeros((), device=device)
        self.class_weights = None
        if recipe.balance == "weights":
            self.class_weights = class_weights(data.labels, len(named_classes(net)))

    def start_epoch(self, progress: float) -> None:
        """Add up from nothing again. `progress` reaches 1 in the last epoch."""
        self.loss_sum.zero_()
        self.correct.zero_()
        # At first the net knows nothing, so its predictions are hardly trusted.
        self.alpha.fill_(self.recipe.distil * progress)

    def __call__(self, rows: Tensor, mix: Mix | None, augmented: bool, capturable: bool) -> None:
        """Leave the gradients of a batch in the weights, and add up its loss.

        Args:
            rows: int64 (B,), which faces.
            mix: as drawn by `augment.draw_mix`; None mixes nothing.
            augmented: change the pictures at random.
            capturable: a whole batch, and no setting of the net changes any more from step to step
                (the momenta of batch norm do at first): a compiled net is used where there is one.
        """
        # Batch: the faces by their numbers, pictures in [0, 1].
        pictures, targets = as_pictures(self.data.images[rows]), self.data.targets[rows]
        if self.soft_targets is not None:
            targets = torch.lerp(targets, self.soft_targets[rows], self.alpha)
        if augmented:
            pictures = augment(pictures, self.recipe.augmentation, self.generator)
        if mix is not None:
            pictures, targets = mixup(pictures, targets, *mix)
        # With torchrun, each process learns its part of the batch; all have drawn the same changes.
        part = parallel.part_of(len(rows))
        share = self.weight_of(targets[part]) / self.weight_of(targets)  # 1 in one process
        count = len(rows) * share
        pictures, targets, rows = pictures[part], targets[part], rows[part]

        # Forward. In channels_last memory the channels of a pixel lie side by side, as the fast
        # convolutions of oneDNN and cuDNN want them; otherwise every layer would copy first.
        memory = torch.channels_last if pictures.ndim == 4 else torch.contiguous_format
        with self.autocast:
            net = self.compiled if capturable else self.eager
            logits = call(net, pictures.to(self.dtype).contiguous(memory_format=memory))
        logits = check_logits(logits, len(pictures), finite=False)
        classes_of(self.net, logits.shape[1])  # refuses another number of scores
        logits = logits.float()  # softmax and loss in bfloat16 would lose too many digits
        if self.soft_targets is not None:
            # Self-distillation: this prediction is part of the face's target in the next epoch.
            self.soft_targets[rows] = logits.detach().softmax(1)

        # Loss. `cross_entropy` takes labels and soft labels alike; label smoothing then moves its
        # share of either towards 1 / K for every class.
        loss = F.cross_entropy(
            logits, targets, self.class_weights, label_smoothing=self.recipe.label_smoothing
        )
        # L2 as the papers write it, a term of the loss; adamw's weight decay is something else.
        penalty = sum((w.square().sum() for w in self.penalized), torch.zeros_like(loss))

        # Backward. Gradients are dropped rather than set to zero, so that backward writes them
        # instead of adding to them.
        self.net.zero_grad(set_to_none=True)
        (share * parallel.size() * loss + self.recipe.l2 * penalty).backward()

        # What is reported leaves the L2 penalty out: it compares with the validation loss.
        self.loss_sum += loss.detach() * count
        self.correct += (logits.detach().argmax(1) == self.data.labels[rows]).sum()

    def weight_of(self, targets: Tensor) -> float | Tensor:
        """Return by what `cross_entropy` divides the sum over these targets for their mean."""
        if self.class_weights is None or targets.ndim > 1:
            return float(len(targets))
        return self.class_weights[targets].sum()

    def means(self, count: int) -> tuple[float, float]:
        """Return loss and accuracy per face of the `count` since `start_epoch`; waits for a GPU."""
        loss_sum, correct = parallel.summed(self.loss_sum), parallel.summed(self.correct)
        return loss_sum.item() / count, correct.item() / count


def on_device(
    net: nn.Module, faces: FaceSet, device: torch.device, stream: bool = False
) -> tuple[Tensor | np.ndarray, Tensor]:
    """Return images, uint8 (N, C, H, W), or features, and labels (N,), on the device.

    Images that are to be streamed are returned as the array that they are.
    """
    images = faces.images if stream else torch.from_numpy(np.array(faces.images)).to(device)
    return images, torch.from_numpy(labels_for(named_classes(net), faces)).to(device)


def make_targets(net: nn.Module, faces: FaceSet, labels: Tensor, recipe: Recipe) -> Tensor:
    """Return what is to be learned: labels int64 (N,), or soft labels float (N, K).

    Where no vote of a face is left, its label counts.

    Raises:
        FerError: the recipe wants votes, and the faces have none, or for classes the net lacks.
    """
    if not (recipe.votes or recipe.mixup or recipe.distil):
        return labels
    classes = named_classes(net)
    # mixup and distillation need targets that can be averaged: one-hot where there are no votes
    shares = F.one_hot(labels, len(classes)).float()
    if recipe.votes:
        voted = torch.from_numpy(faces.vote_distribution(recipe.votes)).float().to(labels.device)
        if classes != FER8:
            raise FerError(
                f"votes={recipe.votes!r} needs a net with the classes of the votes "
                f"({', '.join(FER8)}): relabel the faces first, e.g. faces.relabel('majority')."
            )
        known = voted.sum(1) > 0
        shares[known] = voted[known]
    return shares
