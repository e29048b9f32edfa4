"""How good a translation is: its distance from the truth, and what networks call it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from fer_utils._arguments import check_array, choice, shown
from fer_utils.errors import FerError
from fer_utils.models.answers import as_pictures, device_of, named_classes
from fer_utils.translate.pair import Pair, check_pair
from fer_utils.translate.similarity import ssim

DRAWS = 2000  # of the bootstrap


@dataclass(frozen=True)
class Score:
    """One number per person, ours and for copying the input.

    Attributes:
        translated: of the translations, (N,).
        copied: of the inputs as they are, (N,).
    """

    translated: np.ndarray
    copied: np.ndarray

    @property
    def gain(self) -> float:
        """Mean of translated - copied."""
        return float((self.translated - self.copied).mean())

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the gain: a bootstrap over people, 2,000 draws."""
        differences = self.translated - self.copied
        random = np.random.default_rng(0)
        means = random.choice(differences, (DRAWS, len(differences))).mean(1)
        low, high = np.percentile(means, (2.5, 97.5))
        return float(low), float(high)

    def as_dict(self) -> dict[str, object]:
        """Return means and interval, rounded for a card."""
        return {
            "translated": round(float(self.translated.mean()), 4),
            "copied": round(float(self.copied.mean()), 4),
            "gain": round(self.gain, 4),
            "interval_95": [round(bound, 4) for bound in self.interval],
            "people": len(self.copied),
        }


def l1_distance(images: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the mean absolute difference of each pair of uint8 pictures, as a share of white."""
    return np.abs(images.astype(np.float64) - truth).mean((1, 2, 3)) / 255


def ssim_of(images: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the SSIM of each pair of uint8 pictures (N, C, H, W): float (N,)."""
    x, y = (torch.from_numpy(np.array(part)).double() / 255 for part in (images, truth))
    return ssim(x, y).numpy()


def against_truth(
    pair: Pair, images: np.ndarray, truth: np.ndarray, to: str | None = None
) -> dict[str, Score]:
    """Return how near the translations are to what they should be: "l1" and "ssim".

    Args:
        pair: of generators.
        images: uint8 (N, C, H, W).
        truth: the same people with the other expression.
        to: the class to draw; the second unless named.

    Raises:
        FerError: pictures that do not fit, or not as many of both.
    """
    check_pair(pair)
    for name, value in (("images", images), ("truth", truth)):
        check_array(name, value, 4, kinds="u")
    if truth.shape != images.shape:
        raise FerError("images and truth have other shapes: give the same people in both.")
    if not len(images):
        raise FerError("there are no pictures to score.")
    translated = pair.apply(images, to)
    return {
        name: Score(distance(translated, truth), distance(images, truth))
        for name, distance in (("l1", l1_distance), ("ssim", ssim_of))
    }


def shares_called(
    images: np.ndarray, label: str, nets: Mapping[str, torch.nn.Module]
) -> dict[str, float]:
    """Return the share of pictures that each network calls by a class, by the network's name."""
    check_array("images", images, 4, kinds="u")
    if not isinstance(nets, Mapping):
        raise FerError(f"nets={shown(nets)}: expected networks by name.")
    shares = {}
    for name, net in nets.items():
        classes = named_classes(net)
        index = classes.index(choice("label", label, classes))
        pictures = as_pictures(torch.from_numpy(np.array(images))).to(device_of(net))
        with torch.inference_mode():
            said = torch.cat([net(part).argmax(1) for part in pictures.split(256)])
        shares[name] = float((said == index).float().mean())
    return shares
