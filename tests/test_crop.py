"""Faces cut out of pictures on loading."""

import importlib
import threading

import numpy as np
import pytest
from PIL import Image

import faces3d
from fer_utils.data import _face_crop as crop
from fer_utils.data._index import DatasetIndex
from fer_utils.errors import FerError
from tests import layouts


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def face():
    return faces3d.draw("happy", 3, size=256, color=True)


@pytest.fixture(scope="module")
def scene(face):
    """A wide picture: the face at its right, a smaller one at its left."""
    canvas = np.full((300, 700, 3), 90, np.uint8)
    canvas[20:276, 420:676] = face
    small = Image.fromarray(face).resize((130, 130))
    canvas[60:190, 60:190] = np.asarray(small)
    return canvas


@pytest.fixture
def index(tmp_path, scene):
    """A face, nothing but grey, and a sky that grows darker."""
    Image.fromarray(scene).save(tmp_path / "a_face.png")
    Image.new("RGB", (90, 60), (90, 90, 90)).save(tmp_path / "b_nobody.png")
    Image.linear_gradient("L").save(tmp_path / "c_sky.png")
    files = sorted(tmp_path.glob("*.png"))
    return DatasetIndex(
        tmp_path, files, [0, 1, 1], ("angry", "happy"), ["train"] * 3, subjects=["a", "b", "c"]
    )


def read(index, **options):
    return layouts.read_index(index, size=64, name="mine", progress=False, **options)


def test_the_largest_face(scene, face):
    left, top, side = crop.largest_face(crop.gray(scene.transpose(2, 0, 1)))
    assert left > 400 and left + side < 700 and side > 100
    nose = (420 + 128, 20 + 128)
    assert left < nose[0] < left + side and top < nose[1] < top + side
    assert crop.largest_face(np.full((60, 90), 90, np.uint8)) is None


def test_the_middle():
    assert crop.middle(762, 562) == (0, 100, 562)
    assert crop.middle(4, 9) == (2, 0, 4)


def test_cut_keeps_means_and_sizes():
    picture = 2 * np.arange(64, dtype=np.uint8).reshape(8, 8)
    assert crop.cut(picture, (2, 4, 4), 4).tolist() == picture[4:8, 2:6].tolist()
    assert crop.cut(picture, (0, 0, 8), 4)[0, 0] == np.mean([0, 2, 16, 18])
    assert crop.cut(picture, (0, 0, 8), 16).shape == (16, 16)


def test_pictures_without_a_face_are_kept_whole_and_told(index, capsys):
    faces = read(index, crop="haar", color=True)
    assert faces.columns["face_found"].tolist() == [True, False, False]
    assert faces.left_out == () and len(faces) == 3
    assert "no face found in 2 of 3 pictures" in (said := capsys.readouterr().out)
    assert "the first: b_nobody.png" in said
    whole = read(index, color=True)
    assert "face_found" not in whole.columns and capsys.readouterr().out == ""
    np.testing.assert_array_equal(faces.images[1:], whole.images[1:])


def test_the_crop_shows_the_face(index, scene):
    left, top, side = crop.largest_face(crop.gray(scene.transpose(2, 0, 1)))
    expected = Image.fromarray(scene[top : top + side, left : left + side])
    expected = np.asarray(expected.resize((64, 64), Image.Resampling.BOX)).astype(int)
    found = read(index, crop="haar", color=True).images[0].transpose(1, 2, 0)
    assert np.abs(found - expected).mean() < 2


def test_pictures_without_a_face_are_left_out_when_asked(index, capsys):
    for _ in range(2):  # the second time from the cache
        faces = read(index, crop="haar", no_face="drop")
        assert faces.subjects.tolist() == ["a"] and faces.columns["face_found"].all()
        assert faces.left_out == (
            "b_nobody.png: no face was found in it",
            "c_sky.png: no face was found in it",
        )
        assert "mine: 2 left out; the first: b_nobody.png" in capsys.readouterr().out


def test_pictures_that_come_with_the_labels(tmp_path, face):
    images = np.stack([face.transpose(2, 0, 1), np.full((3, 256, 256), 90, np.uint8)])
    given = DatasetIndex(
        tmp_path, ["a.csv"], [0, 1], ("angry", "happy"), ["train"] * 2, images=images
    )
    assert read(given, crop="haar").columns["face_found"].tolist() == [True, False]
    faces = read(given, crop="haar", no_face="drop")
    assert len(faces) == 1 and faces.left_out == ("row 1: no face was found in it",)
    nobody = DatasetIndex(
        tmp_path, ["a.csv"], [1], ("angry", "happy"), ["train"], images=images[1:]
    )
    with pytest.raises(FerError, match="no face was found in any picture"):
        read(nobody, crop="haar", no_face="drop")


def test_opencv_without_cascades(index, scene, monkeypatch):
    """OpenCV 5 has none: all but crop="haar" works, and that says in one sentence what it needs."""
    monkeypatch.delattr("cv2.CascadeClassifier")
    monkeypatch.delattr("cv2.data", raising=False)
    importlib.reload(crop)
    monkeypatch.setattr(crop, "_OWN", threading.local())
    assert len(read(index)) == 3
    with pytest.raises(FerError, match="no Haar cascades to find faces with: install") as error:
        read(index, crop="haar", on_error="report")
    assert str(error.value).count(". ") == 0
    with pytest.raises(FerError, match="no Haar cascades"):
        crop.largest_face(scene[..., 0])


def test_the_oval_is_the_crop_with_black_around_it(index):
    square = read(index, crop="haar", color=True).images
    oval = read(index, crop="oval", color=True).images
    inside = crop.oval(square.shape[-1]).astype(bool)
    assert not oval[..., ~inside].any() and (oval[..., inside] == square[..., inside]).all()
    assert not inside[0, 0] and inside[len(inside) // 2, len(inside) // 2]
    assert 0.6 < inside.mean() < 0.7
    gray = read(index, crop="oval").images
    assert not gray[..., ~inside].any() and gray.shape[1] == 1
