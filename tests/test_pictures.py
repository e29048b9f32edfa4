"""Pictures from files of every kind, and what is not a picture."""

import warnings
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from fer_utils import pictures
from fer_utils.errors import FerError
from fer_utils.pictures import read_picture

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (9, 13), np.uint8)
COLOR = RNG.integers(0, 256, (9, 13, 3), np.uint8)


def test_gray_and_color(tmp_path):
    Image.fromarray(GRAY).save(tmp_path / "gray.png")
    Image.fromarray(COLOR).save(tmp_path / "color.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "gray.png"), GRAY[None])
    np.testing.assert_array_equal(read_picture(tmp_path / "color.png"), COLOR.transpose(2, 0, 1))


def test_what_is_transparent_becomes_white(tmp_path):
    alpha = np.zeros((9, 13), np.uint8)
    alpha[0] = 255
    Image.fromarray(np.dstack([COLOR, alpha])).save(tmp_path / "rgba.png")
    Image.merge("LA", [Image.fromarray(GRAY), Image.fromarray(alpha)]).save(tmp_path / "la.png")
    found = read_picture(tmp_path / "rgba.png")
    np.testing.assert_array_equal(found[:, 0], COLOR[0].T)
    assert (found[:, 1:] == 255).all()
    found = read_picture(tmp_path / "la.png")
    assert found.shape == (1, 9, 13)
    np.testing.assert_array_equal(found[0, 0], GRAY[0])
    assert (found[0, 1:] == 255).all()


def test_palette_with_a_transparent_color(tmp_path):
    picture = Image.new("P", (5, 4))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putpixel((0, 0), 1)
    picture.save(tmp_path / "p.png")
    assert read_picture(tmp_path / "p.png")[:, 0, :2].tolist() == [[200, 10], [100, 20], [50, 30]]
    picture.save(tmp_path / "t.png", transparency=0)
    found = read_picture(tmp_path / "t.png")
    assert found[:, 0, :2].tolist() == [[200, 255], [100, 255], [50, 255]]


def test_cmyk_becomes_rgb(tmp_path):
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(tmp_path / "cmyk.tiff")
    assert read_picture(tmp_path / "cmyk.tiff")[:, 0, 0].tolist() == [255, 0, 0]


def test_sixteen_bits_become_eight(tmp_path):
    deep = np.array([[0, 257, 65535], [32896, 128, 129]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert read_picture(tmp_path / "deep.png").tolist() == [[[0, 1, 255], [128, 0, 1]]]


def test_float_pictures(tmp_path):
    Image.fromarray(np.array([[0, 0.5, 1]], np.float32)).save(tmp_path / "unit.tiff")
    assert read_picture(tmp_path / "unit.tiff").tolist() == [[[0, 128, 255]]]
    Image.fromarray(np.array([[0, 127, 255]], np.float32)).save(tmp_path / "byte.tiff")
    assert read_picture(tmp_path / "byte.tiff").tolist() == [[[0, 127, 255]]]
    for bad in (-3, 1e6, np.nan):
        Image.fromarray(np.array([[0, bad]], np.float32)).save(tmp_path / "bad.tiff")
        with pytest.raises(FerError, match="no intensities"):
            read_picture(tmp_path / "bad.tiff")


def test_black_and_white(tmp_path):
    Image.fromarray(GRAY > 127).save(tmp_path / "one.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "one.png")[0], (GRAY > 127) * 255)


def test_turned_as_the_camera_says(tmp_path):
    picture = Image.fromarray(GRAY)
    exif = picture.getexif()
    exif[0x0112] = 6  # to be turned clockwise
    picture.save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_picture(tmp_path / "turned.png")[0], np.rot90(GRAY, -1))


def test_animations_are_refused(tmp_path):
    frames = [Image.fromarray(GRAY), Image.fromarray(255 - GRAY)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(FerError, match="moving.gif has 2 frames"):
        read_picture(tmp_path / "moving.gif")


def jpeg(kind="JPEG", **options):
    """A dark picture; where there are more in the file, they are bright."""
    dark, bright = (Image.new("RGB", (24, 16), (shade,) * 3) for shade in (40, 200))
    written = BytesIO()
    more = {"save_all": True, "append_images": [bright]} if kind == "MPO" else {}
    dark.save(written, kind, **more, **options)
    return written.getvalue()


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def with_gain_map():
    """Ultra HDR: two pictures in the file, and a note in the first that the second is a map."""
    note = b'http://ns.adobe.com/xap/1.0/\0<rdf:Description hdrgm:Version="1.0"/>'
    whole = jpeg("MPO")
    return whole[:2] + b"\xff\xe1" + (len(note) + 2).to_bytes(2, "big") + note + whole[2:]


def with_broken_list():
    """The list of the pictures in the file is zeros."""
    whole = jpeg("MPO")
    place = whole.index(b"MPF\0") + 8
    return whole[:place] + bytes(40) + whole[place + 40 :]


FILM = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(500)
PHONES = {
    "two pictures (MPO)": jpeg("MPO"),
    "two pictures, lying": jpeg("MPO", exif=turned()),
    "a gain map": with_gain_map(),
    "a broken list": with_broken_list(),
    "a film behind it": jpeg() + FILM,
    "a PNG inside": jpeg("PNG"),
    "a WebP inside": jpeg("WEBP"),
    "an AVIF inside": jpeg("AVIF"),
}


@pytest.mark.parametrize("content", PHONES.values(), ids=PHONES.keys())
def test_a_phones_picture_is_the_first_in_its_file(tmp_path, content):
    (tmp_path / "IMG_0001.jpg").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = read_picture(tmp_path / "IMG_0001.jpg")
    lying = content == PHONES["two pictures, lying"]
    assert found.shape == ((3, 24, 16) if lying else (3, 16, 24))
    assert abs(found.astype(int) - 40).max() <= 3


# The first bytes of a HEIC file; the decoder is not ours to have.
HEIC = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(99)
REFUSED = {
    "HEIC": (HEIC, "IMG.jpg is a HEIC picture, which cannot be read here: save it as JPEG"),
    "film": (FILM, "IMG.jpg is a film"),
}


@pytest.mark.parametrize(("content", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_phones_make_and_nobody_reads_says_how_to_convert_it(tmp_path, content, said):
    (tmp_path / "IMG.jpg").write_bytes(content)
    with pytest.raises(FerError, match=said):
        read_picture(tmp_path / "IMG.jpg")


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "PNG"])
def test_a_moving_picture_is_refused_whatever_its_form(tmp_path, kind):
    frames = [Image.fromarray(COLOR), Image.fromarray(255 - COLOR)]
    frames[0].save(tmp_path / "sticker", kind, save_all=True, append_images=frames[1:])
    with pytest.raises(FerError, match="sticker has 2 frames: save the one you want"):
        read_picture(tmp_path / "sticker")


def test_no_other_program_is_asked_to_read_a_picture(tmp_path):
    """Pillow hands PostScript to Ghostscript, whatever the file is called."""
    (tmp_path / "face.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n")
    with pytest.raises(FerError, match="face.jpg is not a picture that can be read"):
        read_picture(tmp_path / "face.jpg")


def test_a_bomb_is_one_sentence_without_a_warning(tmp_path, monkeypatch):
    Image.new("1", (300, 300)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(pictures, "MOST_PIXELS", 80_000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 80_000)  # Pillow warns, and refuses above twice
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(FerError, match="300 x 300 pixels: cut out the face first"):
            read_picture(tmp_path / "bomb.png")


def test_huge_pictures_are_refused_unread(tmp_path, monkeypatch):
    Image.fromarray(GRAY).save(tmp_path / "big.png")
    monkeypatch.setattr(pictures, "MOST_PIXELS", 100)
    with pytest.raises(FerError, match="13 x 9 pixels"):
        read_picture(tmp_path / "big.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # Pillow's own limit
    with pytest.raises(FerError, match="too large"):
        read_picture(tmp_path / "big.png")


def test_what_is_no_picture_is_refused(tmp_path):
    with pytest.raises(FerError, match="no picture file"):
        read_picture(tmp_path / "missing.png")
    with pytest.raises(FerError, match="no picture file"):
        read_picture(tmp_path)
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").write_bytes(b"")
    for name in ("text.png", "empty.png"):
        with pytest.raises(FerError, match=f"{name} is not a picture"):
            read_picture(tmp_path / name)
    noise = Image.fromarray(RNG.integers(0, 256, (99, 99, 3), np.uint8))
    for ending in ("png", "jpg"):
        noise.save(tmp_path / f"whole.{ending}")
        cut = (tmp_path / f"whole.{ending}").read_bytes()[:2000]
        (tmp_path / f"cut.{ending}").write_bytes(cut)
        with pytest.raises(FerError, match="damaged"):
            read_picture(tmp_path / f"cut.{ending}")


@pytest.mark.parametrize("kind", [2, 5, 7, 12])
def test_a_tiff_whose_tags_have_another_type_is_damaged(tmp_path, kind):
    path = tmp_path / "face.tiff"
    Image.fromarray(np.arange(117, dtype=np.uint8).reshape(9, 13)).save(path)
    content = bytearray(path.read_bytes())
    content[72] = kind  # samples per pixel: text, a fraction, bytes, a float
    path.write_bytes(content)
    with pytest.raises(FerError, match="damaged"):
        read_picture(path)


def test_numbers_of_8_bits_in_a_16_bit_picture_are_no_black_face(tmp_path):
    values = np.arange(48 * 48).reshape(48, 48) % 256
    Image.fromarray(values.astype(np.uint16)).save(tmp_path / "dark.png")
    assert (pictures.read_picture(tmp_path / "dark.png")[0] == values).all()
