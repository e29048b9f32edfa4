"""The derivative channels against OpenCV, and against hand-made pictures."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_utils import inputs
from fer_utils.errors import FerError

OPENCV = {
    "sobel_x": lambda p: cv2.Sobel(p, cv2.CV_32F, 1, 0),
    "sobel_y": lambda p: cv2.Sobel(p, cv2.CV_32F, 0, 1),
    "laplacian": lambda p: cv2.Laplacian(p, cv2.CV_32F),
    "gradient_magnitude": lambda p: cv2.magnitude(
        cv2.Sobel(p, cv2.CV_32F, 1, 0), cv2.Sobel(p, cv2.CV_32F, 0, 1)
    ),
}


def as_batch(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture)[None, None]


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(2, 40),
    width=st.integers(2, 40),
    seed=st.integers(0, 2**31),
    kind=st.sampled_from(["uint8", "float32"]),
)
def test_equal_to_opencv_borders_too(height, width, seed, kind):
    picture = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    picture = picture if kind == "uint8" else picture.astype(np.float32) / 255
    for name, peer in OPENCV.items():
        ours = getattr(inputs, name)(as_batch(picture))[0, 0].numpy()
        theirs = peer(picture)
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6 * max(1, picture.max()))


@pytest.mark.parametrize("ksize", [1, 3])
def test_laplacian_kernel_sizes(ksize):
    picture = np.random.default_rng(0).integers(0, 256, (17, 12)).astype(np.uint8)
    ours = inputs.laplacian(as_batch(picture), ksize=ksize)[0, 0].numpy()
    np.testing.assert_array_equal(ours, cv2.Laplacian(picture, cv2.CV_32F, ksize=ksize))


def test_an_edge_by_hand():
    edge = torch.zeros(1, 1, 4, 4)
    edge[..., 2:] = 1
    assert inputs.sobel_x(edge)[0, 0].tolist() == [[0, 4, 4, 0]] * 4
    assert inputs.sobel_y(edge).abs().max() == 0
    assert inputs.laplacian(edge)[0, 0].tolist() == [[0, 1, -1, 0]] * 4


def test_gray_as_opencv_and_other_channel_counts_refused():
    picture = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    ours = inputs.to_gray(torch.from_numpy(picture).permute(2, 0, 1)[None])[0, 0].numpy()
    assert np.abs(ours - cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)).max() <= 0.51
    with pytest.raises(FerError, match="2 channels"):
        inputs.to_gray(torch.zeros(1, 2, 8, 8))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *(("gray", 1), ("gray+laplacian", 2), ("gray+sobel", 3), ("gray+sobel+laplacian", 4)),
        *(("gray+magnitude", 2), ("gray+magnitude+laplacian", 3)),
    ],
)
def test_channels_hold_what_their_name_says(name, count):
    gray = torch.rand(2, 1, 10, 10)
    layer = inputs.Channels(name)
    out = layer(gray)
    assert layer.count == inputs.channel_count(name) == out.shape[1] == count
    assert torch.equal(out[:, :1], gray)
    if "laplacian" in name:
        assert torch.equal(out[:, -1:], inputs.laplacian(gray))
    if "sobel" in name:
        assert torch.equal(out[:, 1:2], inputs.sobel_x(gray))
    if "magnitude" in name:
        assert torch.equal(out[:, 1:2], inputs.gradient_magnitude(gray))


def test_magnitude_has_a_gradient_at_every_pixel():
    """A flat picture, where the length has a tip, and one with an edge in the middle."""
    flat = torch.full((1, 1, 6, 6), 0.5, requires_grad=True)
    inputs.gradient_magnitude(flat).sum().backward()
    assert torch.equal(flat.grad, torch.zeros_like(flat))
    edge = torch.zeros(1, 1, 6, 6)
    edge[..., 3:] = 1
    edge.requires_grad_()
    inputs.gradient_magnitude(edge).sum().backward()
    # 4 |right - left| in two columns of neighbours: the bright side raises it, the dark side lowers
    assert edge.grad.isfinite().all()
    torch.testing.assert_close(edge.grad.sum((0, 1, 2)), 24.0 * torch.tensor([0, -1, -1, 1, 1, 0]))
    picture = torch.rand(1, 1, 5, 6, requires_grad=True)
    weights = torch.rand(1, 1, 5, 6)
    squares = inputs.sobel_x(picture).square() + inputs.sobel_y(picture).square()
    # in the corners, where the picture is its own mirror image, both directions are 0
    rounded = (weights * (squares + 1e-30).sqrt()).sum()
    expected = torch.autograd.grad(rounded, picture)[0]
    found = torch.autograd.grad((weights * inputs.gradient_magnitude(picture)).sum(), picture)[0]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_bad_choices_are_explained():
    with pytest.raises(FerError, match=r"gray\+laplacian"):
        inputs.Channels("laplacian")
    with pytest.raises(FerError, match="1 and 3"):
        inputs.laplacian(torch.rand(1, 1, 5, 5), ksize=5)
    with pytest.raises(FerError, match="2x2"):
        inputs.sobel_x(torch.rand(1, 1, 1, 5))
