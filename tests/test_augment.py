"""Augmentation: each change by itself on a picture where its effect can be seen."""

import dataclasses

import pytest
import torch

from fer_utils.errors import FerError
from fer_utils.train.augment import Augmentation, affine_matrices, augment, draw_mix, mixup


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


def test_skew_shears_by_up_to_its_limit_in_both_directions():
    theta = affine_matrices(500, Augmentation(skew=0.05), generator())
    across, down = theta[:, 0, 1], theta[:, 1, 0]
    for shear in (across, down):
        assert 0.045 < shear.abs().max() <= 0.05
        assert (shear > 0).any() and (shear < 0).any()
    # a shear along x times a shear along y keeps every area and has 1 in the lower corner
    assert torch.allclose(torch.linalg.det(theta[:, :, :2]), torch.ones(500), atol=1e-5)
    assert torch.equal(theta[:, 1, 1], torch.ones(500))
    assert not theta[:, :, 2].any()


def test_skew_leans_an_upright_line():
    line = torch.zeros(64, 1, 40, 40)
    line[..., 19:21] = 1
    leaning = augment(line, Augmentation(skew=0.2), generator())
    columns = torch.arange(40) + 0.5
    at = (leaning[:, 0] * columns).sum(2) / leaning[:, 0].sum(2)  # where each row is bright
    lean = (at[:, 30] - at[:, 10]) / 20
    assert 0.15 < lean.abs().max() < 0.21
    assert torch.allclose(at[:, 10] + at[:, 30], torch.full((64,), 40.0), atol=0.5)


def test_switching_skew_on_leaves_the_other_draws_as_they_were():
    how = Augmentation(rotation=10, shift=0.1, zoom=0.1, flip=True)
    plain = affine_matrices(8, how, generator())
    skewed = affine_matrices(8, dataclasses.replace(how, skew=0.05), generator())
    assert torch.equal(plain[:, :, 2], skewed[:, :, 2])
    assert torch.allclose(
        torch.linalg.det(plain[:, :, :2]), torch.linalg.det(skewed[:, :, :2]), atol=1e-5
    )


def test_blur_spreads_a_point_and_keeps_its_light():
    point = torch.zeros(64, 2, 40, 40)
    point[..., 20, 20] = 1
    soft = augment(point, Augmentation(blur=2.0), generator())
    assert torch.allclose(soft.sum((2, 3)), torch.ones(64, 2), atol=1e-5)
    assert torch.equal(soft[:, 0], soft[:, 1])
    distance = torch.arange(40) - 20.0
    sigma = (soft[:, 0].sum(1) * distance.square()).sum(1).sqrt()
    assert 1.8 < sigma.max() <= 2.0 and sigma.min() < 0.2


def test_noise_has_a_strength_per_picture_and_stays_in_range():
    grey = torch.full((64, 1, 40, 40), 0.5)
    strength = augment(grey, Augmentation(noise=0.1), generator()).std((1, 2, 3))
    assert 0.09 < strength.max() < 0.11 and strength.min() < 0.01
    white = augment(torch.ones(8, 1, 40, 40), Augmentation(noise=0.5), generator())
    assert white.max() == 1 and 0 <= white.min() < 1


def test_the_same_seed_gives_the_same_pictures(dot):
    how = Augmentation(10, 0.1, 0.1, flip=True, erase=0.5, skew=0.05, blur=1.0, noise=0.1)
    first, again = augment(dot, how, generator(1)), augment(dot, how, generator(1))
    assert torch.equal(first, again)
    assert not torch.equal(first, augment(dot, how, generator(2)))
    assert str(Augmentation(flip=True, shift=0.1)) == "shift 0.1, flip True"


@pytest.mark.parametrize("wrong", [{"zoom": 1.0}, {"erase": 2.0}, {"skew": 1.0}, {"flip": 1}])
def test_impossible_ranges_are_refused(wrong):
    with pytest.raises(FerError, match="expected"):
        Augmentation(**wrong)


def test_mixup_mixes_pictures_and_targets_with_the_same_share():
    torch.manual_seed(0)
    pictures = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 1, 8, 8)
    targets = torch.eye(6)  # picture n shows nothing but n, and its target is n
    share, other = draw_mix(6, 1.0, torch.device("cpu"))
    assert sorted(other.tolist()) == list(range(6))
    mixed, shares = mixup(pictures, targets, share, other)
    expected = share * torch.arange(6.0) + (1 - share) * other
    assert torch.allclose(mixed, expected.view(6, 1, 1, 1).expand_as(pictures))
    assert torch.allclose(shares.sum(1), torch.ones(6))
    assert torch.allclose(shares @ torch.arange(6.0), expected)


def test_mixup_draws_its_share_from_a_beta_distribution():
    """Beta(a, a) has mean 1/2 and variance 1 / (8 a + 4)."""
    torch.manual_seed(0)
    for alpha in (0.2, 2.0):
        drawn = torch.stack([draw_mix(2, alpha, torch.device("cpu"))[0] for _ in range(1000)])
        assert drawn.mean() == pytest.approx(0.5, abs=0.05)
        assert drawn.var() == pytest.approx(1 / (8 * alpha + 4), rel=0.1)


def test_mixup_follows_the_seed():
    def draw(seed: int) -> tuple:
        torch.manual_seed(seed)
        share, other = draw_mix(32, 0.4, torch.device("cpu"))
        return share.item(), other.tolist()

    assert draw(1) == draw(1) != draw(2)
