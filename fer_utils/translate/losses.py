"""The losses of mazen2021's CycleGAN, term by term; pictures are float (N, C, H, W) from -1 to 1.

The numbers in brackets are the paper's equations. It weighs the identity loss by 2 and the cycle
losses by 5 (`settings.Weights`).
"""

from torch import Tensor

from fer_utils.translate.similarity import structural_similarity, unit


def adversarial(judged: Tensor, target: Tensor | float) -> Tensor:
    """(1) Mean squared distance of a discriminator's judgments from a target: LSGAN.

    The target is 1 for real and 0 for generated, to the generator always what real is.
    """
    return (judged - target).square().mean()


def identity(same: Tensor, picture: Tensor) -> Tensor:
    """(2) L1 distance of a picture that shows the target already from what becomes of it."""
    return l1(same, picture)


def l1(back: Tensor, picture: Tensor) -> Tensor:
    """Mean absolute difference."""
    return (back - picture).abs().mean()


def l2(back: Tensor, picture: Tensor) -> Tensor:
    """Mean squared difference."""
    return (back - picture).square().mean()


def ssim_loss(back: Tensor, picture: Tensor) -> Tensor:
    """(5) 1 - SSIM, of the pictures mapped to [0, 1]."""
    return 1 - structural_similarity(unit(back), unit(picture)).mean()


def cycle(back: Tensor, picture: Tensor) -> Tensor:
    """(3), (4) A third of L1 + L2 + SSIM loss: a picture, and what came back of it."""
    return (l1(back, picture) + l2(back, picture) + ssim_loss(back, picture)) / 3
