"""What people upload: faces, and all that is none."""

import warnings
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import faces3d
from fer_utils.data._face_crop import largest_face
from fer_utils.errors import FerError
from fer_utils.widgets import NoFace, read_upload


def file(picture, kind="PNG", **options):
    written = BytesIO()
    picture.save(written, kind, **options)
    return written.getvalue()


@pytest.fixture(scope="module")
def face():
    return faces3d.draw("happy", 3, size=256, color=True)


@pytest.fixture(scope="module")
def scene(face):
    """A wide picture, the face at its right."""
    canvas = np.full((300, 700, 3), 90, np.uint8)
    canvas[20:276, 420:676] = face
    return Image.fromarray(canvas)


def test_the_face_is_cut_out(scene, face):
    found, done = read_upload(file(scene), "photo.png")
    assert found.shape == (1, 48, 48) and found.dtype == np.uint8
    assert done.startswith("photo.png: a face of ")
    left, top, side = largest_face(np.asarray(scene.convert("L")))
    assert left > 400 and left + side < 700 and side > 100
    nose = (420 + 128, 20 + 128)
    assert left < nose[0] < left + side and top < nose[1] < top + side


def test_the_largest_of_two_faces(scene, face):
    canvas = scene.copy()
    canvas.paste(Image.fromarray(face).resize((130, 130)), (60, 60))
    left, _, _ = largest_face(np.asarray(canvas.convert("L")))
    assert left > 400
    alone, done = read_upload(file(scene), "one.png")
    assert "smaller" not in done
    found, done = read_upload(file(canvas), "two.png")
    np.testing.assert_array_equal(found, alone)
    assert done.endswith("; 1 smaller one is left out.")


def test_a_picture_on_its_side_is_turned(scene):
    upright, _ = read_upload(file(scene), "photo.png")
    found, done = read_upload(file(scene.rotate(90, expand=True)), "lying.png")
    np.testing.assert_array_equal(found, upright)
    assert "turned by 270 degrees" in done


def test_small_face_crops_are_enough(face):
    small = Image.fromarray(face).convert("L").resize((64, 64), Image.Resampling.BOX)
    found, _ = read_upload(file(small), "small.png")
    assert found.shape == (1, 48, 48) and found.std() > 20


@pytest.mark.parametrize("mode", ["RGBA", "CMYK", "L", "P", "1"])
def test_modes(scene, mode):
    picture = scene.convert("L").convert("RGB").convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.new("L", scene.size, 200))
    content = file(picture, "TIFF" if mode == "CMYK" else "PNG")
    found, done = read_upload(content, "photo", middle=True)
    assert found.shape == (1, 48, 48)
    note = {"RGBA": "transparent is now white", "CMYK": "CMYK colours were converted"}
    assert note.get(mode, "") in done


def test_what_is_transparent_is_white():
    clear = Image.new("RGBA", (80, 80), (0, 0, 0, 0))
    found, done = read_upload(file(clear), "clear.png", middle=True)
    assert (found == 255).all()
    assert "no face was found in it: the middle is taken" in done


def test_a_phones_two_pictures_in_one_file(scene):
    written = file(scene, "MPO", save_all=True, append_images=[Image.new("RGB", scene.size)])
    found, done = read_upload(written, "IMG_0001.jpg")
    assert found.std() > 20 and "a face of" in done


@pytest.mark.parametrize("name", ["../../face.png", "/etc/face.png", "C:\\a\\..\\face.png"])
def test_a_name_is_no_path_and_nothing_is_written(face, name, monkeypatch):
    monkeypatch.setattr("builtins.open", None)
    monkeypatch.setattr("io.open", None)
    _, done = read_upload(file(Image.fromarray(face)), name)
    assert done.startswith("face.png: a face of")


def test_no_face():
    with pytest.raises(NoFace, match="no face was found in wall.png.*Tick the box"):
        read_upload(file(Image.new("L", (300, 200), 128)), "wall.png")


def frames():
    pictures = [Image.new("L", (60, 60), shade) for shade in (0, 80, 160)]
    return file(pictures[0], "GIF", save_all=True, append_images=pictures[1:])


BAD = {
    "empty": (b"", "is not a picture"),
    "text": (b"hello", "is not a picture"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a picture"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a picture"),
    "cut off": (file(Image.effect_noise((200, 200), 50))[:5000], "damaged"),
    "animated": (frames(), "3 frames"),
    "wide": (file(Image.new("1", (20_000, 40))), "20000 x 40 pixels"),
    "bomb": (file(Image.new("1", (9_999, 9_999))), "9999 x 9999 pixels"),
    "heavy": (bytes(8_000_001), "8 MB is the most"),
}


@pytest.mark.parametrize(("content", "said"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_used_is_refused_in_words(content, said):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(FerError, match=said) as caught:
            read_upload(content, "some/folder/bad.png", middle=True)
    assert str(caught.value).startswith("bad.png")
