"""From a DatasetIndex to a FaceSet: pictures of every kind, damaged ones, the cache, and memory."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import pytest
from PIL import Image

from fer_utils import data, pictures
from fer_utils.data import _cache as cache
from fer_utils.data import _decoding as decoding
from fer_utils.data import _reading as reading
from fer_utils.data._index import DatasetIndex
from fer_utils.emotions import FER7, FER8
from fer_utils.errors import FerError
from tests import layouts


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    return folder


def index(root, files=None, **changes):
    files = sorted(root.rglob("*.*")) if files is None else files
    n = len(files)
    values = {
        "files": tuple(files),
        "labels": np.arange(n) % 2,
        "classes": ("angry", "happy"),
        "split": np.full(n, "train"),
    }
    return DatasetIndex(root=root, **(values | changes))


def read(root, size=4, files=None, **options):
    return layouts.read_index(index(root, files), size=size, progress=False, **options)


def flat(root, count, size=(6, 6), first=0):
    """Save pictures of one grey each: the number of the picture."""
    for number in range(first, first + count):
        Image.new("L", size, number).save(root / f"{number:03}.png")


def values(faces):
    return faces.images[:, 0, 0, 0].tolist()


# What a FaceSet gets from its DatasetIndex


def test_everything_known_is_carried_along(root):
    flat(root, 3)
    given = index(
        root,
        subjects=["ann", "bob", "ann"],
        split=["train", "test", "train"],
        columns={"angle": np.array([0, 45, 90])},
        paper_split=["test", "", "train"],
        left_out=("a note",),
    )
    faces = layouts.read_index(given, size=4, name="mine", progress=False)
    assert faces.images.shape == (3, 1, 4, 4) and values(faces) == [0, 1, 2]
    assert faces.name == "mine" and faces.classes == ("angry", "happy")
    assert faces.labels.tolist() == [0, 1, 0]
    assert faces.subjects.tolist() == ["ann", "bob", "ann"]
    assert faces.rows.tolist() == ["000.png", "001.png", "002.png"]
    assert faces.left_out == ("a note",)
    test = faces.where(split="test")
    assert test.columns["angle"].tolist() == [45]
    assert faces.columns["paper_split"].tolist() == ["test", "", "train"]


def test_pictures_left_out_take_their_columns_with_them(root):
    flat(root, 4)
    (root / "001.png").write_bytes(b"")
    given = index(root, columns={"number": np.arange(4)}, subjects=list("abcd"))
    faces = layouts.read_index(given, size=4, on_error="report", progress=False)
    assert values(faces) == faces.columns["number"].tolist() == [0, 2, 3]
    assert faces.subjects.tolist() == ["a", "c", "d"] and faces.labels.tolist() == [0, 0, 1]


def test_many_pictures_keep_their_order(root):
    flat(root, 200)
    assert values(read(root)) == list(range(200))


def test_pictures_that_come_with_the_labels(root):
    images = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((1, 6, 6), np.uint8)
    given = index(root, [root / "a.csv"] * 3, images=images, rows=np.array([5, 6, 7]))
    faces = layouts.read_index(given, size=3, color=True, progress=False)
    assert faces.images.shape == (3, 3, 3, 3) and values(faces) == [0, 1, 2]
    assert faces.rows.tolist() == [5, 6, 7]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [0, 1]}, "2 labels but 3 split"),
        ({"labels": [0, 2, 0]}, "labels must be 0 to 1, found 0 to 2"),
        ({"split": ["train", "dev", "train"]}, "split is one of .*found 'dev'"),
        ({"paper_split": ["", "x", ""]}, "paper_split is one of .*found 'x'"),
        ({"columns": {"angle": [1, 2]}}, "3 labels but 2 angle"),
        ({"images": np.zeros((3, 6, 6), np.uint8)}, "images must be uint8"),
        ({"labels": [], "files": ()}, "holds no labelled pictures"),
    ],
)
def test_a_listing_that_does_not_fit_is_refused(root, change, message):
    flat(root, 3)
    with pytest.raises(FerError, match=message):
        index(root, **change)


# The form


def test_the_middle_square_is_taken_and_nothing_is_squashed(root):
    wide = np.zeros((4, 8), np.uint8)
    wide[:, 2:6] = 200
    Image.fromarray(wide).save(root / "a.png")
    Image.fromarray(wide.T).save(root / "b.png")
    assert (read(root, size=4).images == 200).all()
    assert (read(root, size=2).images == 200).all()


def test_a_smaller_picture_is_the_mean_of_areas(root):
    fine = np.array([[0, 100], [200, 100]], np.uint8)
    Image.fromarray(np.tile(fine, (8, 8))).save(root / "a.png")
    assert (read(root, size=8).images == 100).all()


def test_color_and_grey(root):
    Image.new("RGB", (6, 6), (200, 100, 50)).save(root / "color.png")
    Image.new("L", (6, 6), 70).save(root / "grey.png")
    assert read(root, color=True).images[:, :, 0, 0].tolist() == [[200, 100, 50], [70] * 3]
    luma = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    assert values(read(root)) == [luma, 70]


def test_kinds_of_pictures(root):
    red = Image.new("RGB", (6, 6), (250, 0, 0))
    deep = np.full((6, 6), 100 * 257, np.uint16)
    Image.fromarray(deep).save(root / "1_deep.png")
    assert cv2.imwrite(str(root / "2_deep.png"), np.dstack([deep * 0, deep * 0, deep]))
    Image.new("CMYK", (6, 6), (0, 255, 255, 0)).save(root / "3_cmyk.jpg", quality=100)
    Image.merge("RGBA", [*red.split(), Image.new("L", (6, 6), 0)]).save(root / "4_clear.png")
    red.quantize(4).save(root / "5_palette.gif")
    turned = Image.fromarray(np.repeat(np.array([[10], [240]], np.uint8), 6, 0).repeat(12, 1))
    exif = turned.getexif()
    exif[0x0112] = 3  # upside down
    turned.save(root / "6_turned.png", exif=exif)
    faces = read(root, size=6, color=True)
    first = faces.images[:5, :, 0, 0].astype(int)
    expected = [[100] * 3, [100, 0, 0], [255, 0, 0], [255] * 3, [250, 0, 0]]
    np.testing.assert_allclose(first, expected, atol=2)
    assert faces.images[5, 0, [0, -1], 0].tolist() == [240, 10]


def test_names_that_are_not_ascii(root):
    folder = root / "glücklich 日本"
    folder.mkdir()
    Image.new("L", (6, 6), 9).save(folder / "é.png")
    for _ in range(2):
        assert read(root).rows.tolist() == ["glücklich 日本/é.png"]


def test_exact_size(root):
    flat(root, 1, size=(8, 6))
    with pytest.raises(FerError, match="000.png: the picture is 8x6, expected 6x6"):
        options = reading.ReadOptions(progress=False)
        reading.read_pictures(
            sorted(root.iterdir()), root, decoding.Form(6, exact=True), options, name="x"
        )


# Files that cannot be read


def empty(file):
    file.write_bytes(b"")


def text(file):
    file.write_text("not a picture")


def truncated(file):
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])


def missing(file):
    file.unlink()


def circle(file):
    file.unlink()
    file.symlink_to(file)


def folder(file):
    file.unlink()
    file.mkdir()


def second_page(file):
    """A TIFF that announces a second page and has none: Pillow raises a TypeError."""
    Image.new("L", (6, 6)).save(file, "TIFF")
    content = bytearray(file.read_bytes())
    start = int.from_bytes(content[4:8], "little")
    tags = int.from_bytes(content[start : start + 2], "little")
    content[start + 2 + 12 * tags] = 1
    file.write_bytes(content)


def huge(file):
    Image.new("1", (300, 300)).save(file)


BROKEN = {
    empty: r"the file is empty \(0 bytes\), expected a picture",
    text: "not a readable picture",
    truncated: r"not a readable picture \(image file is truncated",
    missing: "no such file, expected a picture",
    circle: "a symbolic link that leads in a circle",
    folder: "no such file, expected a picture",
    second_page: r"not a readable picture \(",
    huge: "the picture has 300 x 300 pixels: cut out the face first",
}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("damage", BROKEN, ids=lambda damage: damage.__name__)
def test_a_broken_file_is_named_or_reported(root, damage, monkeypatch, capsys):
    monkeypatch.setattr(pictures, "MOST_PIXELS", 10_000)
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 40), np.uint8)
    for number, picture in enumerate(noise):
        Image.fromarray(picture).save(root / f"{number:03}.png")
    files = sorted(root.iterdir())
    damage(files[20])
    empty(files[30])
    with pytest.raises(FerError, match=f"made/020.png: {BROKEN[damage]}.*on_error"):
        read(root, files=files)
    faces = read(root, files=files, on_error="report")
    assert len(faces) == 38 and "020.png" not in faces.rows
    assert len(faces.left_out) == 2 and faces.left_out[0].startswith("020.png: ")
    assert "made: 2 left out; the first: 020.png" in capsys.readouterr().out


def test_nothing_readable_is_an_error_even_when_reporting(root):
    text(root / "a.png")
    with pytest.raises(FerError, match="no picture that can be used.*a.png: not a readable"):
        read(root, on_error="report")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"size": 0}, "size is a number of pixels from 1 to 4096, not 0"),
        ({"size": "big"}, "not 'big'"),
        ({"crop": "har"}, "crop='har' is not possible. Did you mean 'haar'"),
        ({"no_face": "skip"}, "no_face='skip' is not possible. Did you mean 'keep'"),
        ({"on_error": "ignore"}, "on_error='ignore' is not possible"),
    ],
)
def test_options_that_do_not_exist(root, option, message):
    flat(root, 1)
    with pytest.raises(FerError, match=message):
        read(root, **option)


# The cache


def kept_files():
    return sorted(path.suffix for path in cache.folder().iterdir() if path.suffix != ".lock")


@pytest.fixture
def undecoded(monkeypatch):
    """Return a function after which no picture can be decoded any more."""

    def refuse(path):
        raise FerError(f"{path} was decoded again")

    return lambda: monkeypatch.setattr(pictures, "read_picture", refuse)


def test_the_second_time_nothing_is_decoded(root, undecoded):
    flat(root, 5)
    empty(root / "003.png")
    first = read(root, on_error="report")
    undecoded()
    second = read(root, on_error="report")
    np.testing.assert_array_equal(first.images, second.images)
    assert second.left_out == first.left_out and values(second) == [0, 1, 2, 4]
    assert second.rows.tolist() == first.rows.tolist()
    with pytest.raises(FerError, match="decoded again"):
        read(root, size=3, on_error="report")


def test_the_same_folder_by_another_path(root, undecoded, monkeypatch):
    flat(root, 3)
    read(root)
    undecoded()
    monkeypatch.chdir(root.parent)
    assert values(read(Path("made"))) == [0, 1, 2]


@pytest.mark.parametrize("change", ["content", "name", "one more"])
def test_changed_files_are_read_again_and_replace_what_was_kept(root, change):
    flat(root, 3)
    before = read(root)
    if change == "content":
        file = root / "001.png"
        stat = file.stat()
        Image.new("L", (6, 6), 77).save(file)
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    elif change == "name":
        (root / "001.png").rename(root / "009.png")
    else:
        flat(root, 1, first=7)
    expected = {"content": [0, 77, 2], "name": [0, 2, 1], "one more": [0, 1, 2, 7]}
    assert values(read(root)) == expected[change]
    assert kept_files() == [".npy", ".npz"]
    assert values(before) == [0, 1, 2]  # an array that is in use stays what it was


def test_what_was_kept_at_another_size_stays(root, undecoded):
    flat(root, 3)
    read(root, size=4)
    read(root, size=5, color=True)
    assert kept_files() == [".npy", ".npy", ".npz", ".npz"]
    undecoded()
    assert read(root, size=4).images.shape == (3, 1, 4, 4)
    assert read(root, size=5, color=True).images.shape == (3, 3, 5, 5)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("damage", [empty, truncated, missing, text])
def test_a_damaged_cache_is_made_again(root, suffix, damage):
    flat(root, 40)
    read(root)
    damage(next(cache.folder().glob(f"*{suffix}")))
    assert values(read(root)) == list(range(40))


# not the zip format's time of change and the like, which nobody reads
PLACES = {".npy": (3, 10, 100, -1, -30), ".npz": (3, 100, -30)}


@pytest.mark.parametrize(("suffix", "place"), [(s, p) for s in PLACES for p in PLACES[s]])
def test_a_cache_with_changed_bytes_is_told_and_made_again(root, suffix, place, capsys):
    flat(root, 40)
    read(root)
    file = next(cache.folder().glob(f"*{suffix}"))
    stat, content = file.stat(), bytearray(file.read_bytes())
    content[place] ^= 0xFF
    file.write_bytes(content)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as a failing disk would
    assert values(read(root)) == list(range(40))
    said = capsys.readouterr().out
    assert said.startswith(f"{file} is damaged (") and said.count("\n") == 1


def test_kept_rows_that_somebody_wrote_to_are_not_trusted_wherever_it_was(root, monkeypatch):
    monkeypatch.setattr(cache, "_BLOCKS", 2)  # the first and the last
    monkeypatch.setattr(cache, "_BLOCK_BYTES", 128)
    flat(root, 40)
    read(root)
    file = next(cache.folder().glob("*.npy"))
    with open(file, "r+b") as kept:
        kept.seek(400)
        kept.write(b"new")
    assert values(read(root)) == list(range(40))


def test_files_changed_behind_their_size_and_time_are_noticed(root):
    flat(root, 3)
    before = cache.fingerprint(sorted(root.iterdir()))
    stat, content = (root / "001.png").stat(), bytearray((root / "001.png").read_bytes())
    content[-1] ^= 1
    (root / "001.png").write_bytes(content)
    os.utime(root / "001.png", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert cache.fingerprint(sorted(root.iterdir())) != before


def test_two_programs_decode_the_same_pictures_once(root, capsys):
    flat(root, 40)
    began, opened = threading.Event(), []
    real = pictures.read_picture

    def slow(path):
        began.set()
        opened.append(path)
        time.sleep(0.01)
        return real(path)

    with mock.patch.object(pictures, "read_picture", slow), ThreadPoolExecutor() as pool:
        first = pool.submit(read, root)
        began.wait()
        assert values(read(root)) == values(first.result()) == list(range(40))
    assert len(opened) == 40
    assert "waiting for process" in capsys.readouterr().out


def test_without_a_cache(root, tmp_path, monkeypatch):
    flat(root, 3)
    assert values(read(root, cache=False)) == [0, 1, 2]
    assert not cache.folder().exists()
    (tmp_path / "file").touch()
    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "file" / "cache"))
    assert values(read(root)) == [0, 1, 2]


@pytest.mark.parametrize("keep", [True, False], ids=["cache", "no cache"])
def test_a_full_disk_is_said_in_words_and_leaves_nothing(root, keep):
    flat(root, 40)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(FerError, match="do not fit into .*FER_UTILS_CACHE"):
            read(root, size=64, cache=keep)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not keep or kept_files() == []


def test_ctrl_c_leaves_nothing_half_written(root, monkeypatch):
    flat(root, 250)
    real = pictures.read_picture

    def interrupted(path):
        if path.name == "100.png":
            signal.raise_signal(signal.SIGINT)
        return real(path)

    monkeypatch.setattr(pictures, "read_picture", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job may ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            read(root)
    finally:
        signal.signal(signal.SIGINT, before)
    assert kept_files() == []
    monkeypatch.setattr(pictures, "read_picture", real)
    assert values(read(root)) == list(range(250))


def test_what_a_killed_program_left_is_cleared_away(root):
    flat(root, 2)
    read(root)
    npy = next(cache.folder().glob("*.npy"))
    old, new = (npy.with_name(f"{npy.name.split('.')[0]}.{word}.part") for word in ("old", "new"))
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    flat(root, 3)
    read(root)
    assert not old.exists() and new.exists()


# Memory


@pytest.fixture
def large(root, monkeypatch):
    """400 pictures that come to 20 MB, and two threads."""
    monkeypatch.setattr(decoding, "_MOST_THREADS", 2)
    flat(root, 1, size=(32, 32))
    for number in range(1, 400):
        os.link(root / "000.png", root / f"{number:03}.png")
    return root


def peak(work):
    """Return how many MB Python and numpy had allocated at most, and what work() returned."""
    tracemalloc.start()
    try:
        found = work()
        return tracemalloc.get_traced_memory()[1] / 2**20, found
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("keep", [True, False], ids=["cache", "no cache"])
def test_pictures_go_to_the_disk_a_few_at_a_time(large, keep):
    used, faces = peak(lambda: read(large, size=128, color=True, cache=keep))
    assert faces.images.nbytes / 2**20 > 18
    assert used < 9
    assert isinstance(faces.images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        faces.images[0] = 1


def test_from_the_cache_and_through_a_faceset_nothing_is_copied(large, monkeypatch):
    monkeypatch.setattr(cache, "MOST_IN_MEMORY", 2**20)
    monkeypatch.setattr(cache, "CHUNK_BYTES", 2**20)
    read(large, size=128, color=True).table()  # loads pandas, whose memory is not asked for

    def use():
        faces = read(large, size=128, color=True)
        faces.table()
        repr(faces)
        return faces.where(split="train"), faces.where(label="angry"), faces.take(slice(5, 300))

    used, (all_of_it, angry, some) = peak(use)
    assert used < 4
    assert len(all_of_it) == 400 and len(angry) == 200 and len(some) == 295
    assert isinstance(angry.images, np.memmap)


def test_memory_let_go_is_read_again_and_nothing_written_is_lost(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(100_000, dtype=np.uint8))
    read_only = np.load(tmp_path / "a.npy", mmap_mode="r")
    changed = np.load(tmp_path / "a.npy", mmap_mode="c")
    changed[:] = 7
    for rows in (read_only, read_only[5:], changed, np.zeros(3)):
        before = rows.tolist()
        cache.forget(rows)
        assert rows.tolist() == before


# Videos


def test_frames_of_a_video(root):
    file = root / "a.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 10, (32, 32))
    for number in range(20):
        writer.write(np.full((32, 32, 3), 12 * number, np.uint8))
    writer.release()
    moments = np.array([0.0, 0.5, 1.9, 1.0])
    given = index(root, [file] * 4, seconds=moments)
    faces = layouts.read_index(given, size=8, color=True, progress=False)
    np.testing.assert_allclose(values(faces), [0, 60, 228, 120], atol=3)
    assert faces.rows.tolist() == [f"a.avi at {second:.2f} s" for second in moments]
    given = index(root, [file] * 3, seconds=np.array([0.0, 9.0, 0.1]))
    with pytest.raises(FerError, match="a.avi: the video ends after 2.00 s, before 9.00 s"):
        layouts.read_index(given, size=8, progress=False)
    faces = layouts.read_index(given, size=8, on_error="report", progress=False)
    np.testing.assert_allclose(values(faces), [0, 12], atol=3)
    text(file)
    with pytest.raises(FerError, match="a.avi: not a readable video"):
        layouts.read_index(given, size=8, progress=False)


# load


@pytest.fixture
def photos(tmp_path):
    for number, word in enumerate(["Happy", "sadness", "Anger"]):
        place = tmp_path / "photos" / word
        place.mkdir(parents=True)
        Image.new("RGB", (60, 80), (number, 0, 0)).save(place / "me.jpg")
    return tmp_path / "photos"


def test_load_a_folder_of_ones_own_photos(photos):
    faces = data.load("folder", photos, progress=False)
    assert faces.images.shape == (3, 1, 48, 48) and faces.name == "folder"
    assert sorted(faces.classes[label] for label in faces.labels) == ["angry", "happy", "sad"]
    colored = data.load("folder", photos, size=20, color=True, split="train", progress=False)
    assert colored.images.shape == (3, 3, 20, 20)
    with pytest.raises(FerError, match="There are no test faces in .*photos"):
        data.load("folder", photos, split="test", progress=False)


def test_load_refuses_what_a_data_set_does_not_have(photos):
    with pytest.raises(FerError, match="folder has no option 'angel'"):
        data.load("folder", photos, angel=30)
    with pytest.raises(FerError, match="facs3d has no option 'contmpt'. Did you mean 'contempt'"):
        data.load("facs3d", contmpt=True)
    with pytest.raises(FerError, match="facs3d is 48x48 and grey as it is published"):
        data.load("facs3d", size=64)
    with pytest.raises(FerError, match="folder: give the folder of your photos"):
        data.load("folder")


def test_every_data_set_has_a_layout():
    for name in set(data.names()) - {"facs3d", "fer2013", "ferplus"}:
        with pytest.raises(FerError, match="does not exist|not a folder"):
            data.load(name, "nowhere")


def test_ferplus_is_fer2013_with_the_votes_labels(tmp_path, monkeypatch, capsys):
    root = tmp_path / "sets" / "fer2013"
    root.mkdir(parents=True)
    pixels = " ".join(["7"] * 48 * 48)
    (root / "fer2013.csv").write_text(
        f"emotion,pixels,Usage\n0,{pixels},Training\n3,{pixels},PublicTest\n"
    )
    monkeypatch.setenv("FER_UTILS_DATA", str(root.parent))
    with pytest.raises(FerError, match="no votes.*fer2013new.csv"):
        data.load("ferplus", progress=False)
    names = "neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    rows = "Training,a.png,0,0,0,0,0,0,0,10,0,0\nPublicTest,b.png,0,5,5,0,0,0,0,0,0,0\n"
    (root / "fer2013new.csv").write_text(f"Usage,Image name,{names}\n{rows}")
    data.check("ferplus")
    assert data.places("ferplus") == data.places("fer2013")
    faces = data.load("ferplus", progress=False)
    assert faces.name == "ferplus" and faces.label_rule == "majority" and faces.classes == FER8
    assert [faces.classes[label] for label in faces.labels] == ["contempt"]  # the other is a tie
    assert len(data.load("ferplus", rule="argmax", progress=False)) == 2
    assert data.load("fer2013", size=48, progress=False).classes == FER7


def test_kept_rows_are_written_without_assertions(tmp_path):
    """Python's -O leaves out assert statements with whatever work they do."""
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from fer_utils.data import _cache\n"
        "rows = np.arange(20, dtype=np.uint8).reshape(5, 1, 2, 2)\n"
        "file = _cache.rows_file('made', Path(sys.argv[1]), 'stamp')\n"
        "print(_cache.map_rows([rows[:2], rows[2:]], (1, 2, 2), file).shape)\n"
        "print(np.array_equal(_cache.read_rows(file), rows))\n"
    )
    arguments = [sys.executable, "-O", "-c", code, str(tmp_path)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["(5, 1, 2, 2)", "True"]
