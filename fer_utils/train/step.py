"""One batch: from the numbers of its faces to the gradients of the weights."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils.train.augment import augment, mixup
from fer_utils.train.optim import penalised_weights
from fer_utils.train.recipes import Recipe


class Step:
    """Forward and backward for one batch; what is not its work: the optimiser.

    It reads and writes tensors on the device alone and never waits for their values, so that
    a GPU can be given step after step, and the kernels of a step can be recorded.

    Attributes:
        net: what learns.
        images: uint8 (N, C, H, W), all faces.
        labels: int64 (N,).
        targets: what is to be learned, labels (N,) or shares of the classes (N, K).
        generator: random numbers of the augmentation.
        loss_sum: of all faces since `start`.
        right: how many of them were told right, as augmented and while the weights changed.
        said: what the net said last of every face, as shares (N, K), its target before that;
            None where the recipe does not distil.
        trust: the share of the target that `said` makes up.
    """

    def __init__(
        self,
        net: nn.Module,
        images: Tensor,
        labels: Tensor,
        targets: Tensor,
        recipe: Recipe,
        generator: torch.Generator,
        precision: str,
        compile: bool,
    ):
        self.net, self.recipe, self.generator = net, recipe, generator
        self.compiled = torch.compile(net) if compile else net
        self.images, self.labels, self.targets = images, labels, targets
        self.penalised = penalised_weights(net, recipe.l2_on) if recipe.l2 else []
        self.half = torch.autocast(
            images.device.type, torch.bfloat16, enabled=precision == "bfloat16"
        )
        self.loss_sum = torch.zeros((), device=images.device)
        self.right = torch.zeros((), device=images.device, dtype=torch.long)
        self.said = targets.clone() if recipe.distil else None
        self.trust = torch.zeros((), device=images.device)

    def start(self, progress: float) -> None:
        """Begin an epoch: nothing is added up yet. `progress` reaches 1 in the last one."""
        self.loss_sum.zero_()
        self.right.zero_()
        self.trust.fill_(self.recipe.distil * progress)

    def __call__(
        self, rows: Tensor, mix: tuple[Tensor, Tensor] | None, plain: bool, steady: bool
    ) -> None:
        """Leave the gradients of a batch in the weights, and add up its loss.

        Args:
            rows: int64 (B,), which faces.
            mix: as drawn by `augment.draw_mix`; None mixes nothing.
            plain: leave augmentation out.
            steady: a whole batch, and the net's settings change no more from step to step (the
                momenta of batch norm do at first): a compiled net is used, where there is one.
        """
        pictures, targets = self.images[rows].float() / 255, self.targets[rows]
        if self.said is not None:
            targets = torch.lerp(targets, self.said[rows], self.trust)
        if not plain:
            pictures = augment(pictures, self.recipe.augmentation, self.generator)
        if mix is not None:
            pictures, targets = mixup(pictures, targets, *mix)
        with self.half:
            net = self.compiled if steady else self.net
            logits = net(pictures.contiguous(memory_format=torch.channels_last))
        logits = logits.float()
        if self.said is not None:
            self.said[rows] = logits.detach().softmax(1)
        loss = F.cross_entropy(logits, targets, label_smoothing=self.recipe.label_smoothing)
        penalty = sum((w.square().sum() for w in self.penalised), torch.zeros_like(loss))
        self.net.zero_grad(set_to_none=True)
        (loss + self.recipe.l2 * penalty).backward()
        self.loss_sum += loss.detach() * len(rows)
        self.right += (logits.detach().argmax(1) == self.labels[rows]).sum()
