"""Augmentation: each change by itself on a picture where its effect can be seen."""

import pytest
import torch

from fer_utils.augment import Augmentation, affine_matrices, augment
from fer_utils.errors import FerError


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def dot() -> torch.Tensor:
    """A bright square left of the middle, in every picture of a batch."""
    pictures = torch.zeros(64, 1, 40, 40)
    pictures[..., 18:22, 8:12] = 1
    return pictures


def centre_x(pictures: torch.Tensor) -> torch.Tensor:
    mass = pictures.sum((1, 2, 3))
    return (pictures.sum((1, 2)) * (torch.arange(40) + 0.5)).sum(1) / mass


def test_no_change_is_the_identity(dot):
    assert torch.equal(augment(dot, Augmentation(), generator()), dot)


def test_flip_mirrors_about_half_of_them(dot):
    centres = centre_x(augment(dot, Augmentation(flip=True), generator()))
    mirrored = (centres - 30).abs() < 1e-3
    assert (mirrored | ((centres - 10).abs() < 1e-3)).all()
    assert 16 < mirrored.sum() < 48


def test_shift_stays_within_its_limit_and_differs_per_picture(dot):
    moved = centre_x(augment(dot, Augmentation(shift=0.1), generator())) - 10
    assert moved.abs().max() <= 4 + 1e-3
    assert moved.abs().max() > 3
    assert len(moved.unique()) == 64


def test_zoom_changes_the_area_within_its_limits(dot):
    area = augment(dot, Augmentation(zoom=0.2), generator()).sum((1, 2, 3)) / 16
    assert area.min() > 0.8**2 - 0.05 and area.max() < 1.2**2 + 0.05
    assert area.max() > 1.2 and area.min() < 0.8


def test_rotation_stays_within_its_limit():
    theta = affine_matrices(500, Augmentation(rotation=10), generator())
    degrees = torch.rad2deg(torch.atan2(theta[:, 1, 0], theta[:, 0, 0]))
    assert degrees.abs().max() <= 10 and degrees.abs().max() > 9
    assert torch.allclose(theta[:, 0, :2].norm(dim=1), torch.ones(500))


def test_erase_paints_one_rectangle_on_its_share_of_the_pictures():
    grey = torch.full((400, 1, 40, 40), 0.5)
    changed = (augment(grey, Augmentation(erase=0.5), generator()) != 0.5).float().mean((1, 2, 3))
    assert 0.4 < (changed > 0).float().mean() < 0.6
    assert changed.max() < 0.25


def test_the_same_seed_gives_the_same_pictures(dot):
    how = Augmentation(rotation=10, shift=0.1, zoom=0.1, flip=True, erase=0.5)
    first, again = augment(dot, how, generator(1)), augment(dot, how, generator(1))
    assert torch.equal(first, again)
    assert not torch.equal(first, augment(dot, how, generator(2)))
    assert str(Augmentation(flip=True, shift=0.1)) == "shift 0.1, flip True"


@pytest.mark.parametrize("wrong", [{"zoom": 1.0}, {"erase": 2.0}])
def test_impossible_ranges_are_refused(wrong):
    with pytest.raises(FerError, match="expected"):
        Augmentation(**wrong)
