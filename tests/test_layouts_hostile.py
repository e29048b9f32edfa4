"""Every data set's reader on small layouts that nobody meant: an error in words, or faces."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from fer_utils import data
from fer_utils.data import FaceSet
from fer_utils.data import _tree as tree
from fer_utils.emotions import FER7, FERPLUS_VOTES
from fer_utils.errors import FerError
from tests import layouts


def fer2013(root):
    """Both csv files; the faces are FER2013's in form only."""
    root = layouts.ckextended(root / "fer2013", per_class=3, name="fer2013.csv")
    lines = (root / "fer2013.csv").read_text().splitlines()
    rows = [line for line in lines if not line.startswith("7,")]
    (root / "fer2013.csv").write_text("\n".join(rows) + "\n")
    votes = [f"Usage,Image name,{','.join(FERPLUS_VOTES)}"]
    for number, row in enumerate(rows[1:]):
        given = np.eye(10, dtype=int)[number % 8] * 10
        votes.append(f"{row.split(',')[2]},fer{number}.png,{','.join(map(str, given))}")
    (root / "fer2013new.csv").write_text("\n".join(votes) + "\n")
    return root


def fer2013_folders(root):
    for part in ("train", "test"):
        for number, word in enumerate(FER7[:3]):
            layouts.save(root / "fer2013" / part / word / f"{part}_{number}.jpg", word, number)
    return root / "fer2013"


def ferplus_folders(root):
    for part in ("Train", "Valid", "Test"):
        folder = root / "fer2013" / f"FER2013{part}"
        for number in range(3):
            layouts.save(folder / f"fer{number}.png", "happy", number)
        lines = [f'fer{n}.png,"(0, 0, 48, 48)",0,10,0,0,0,0,0,0,0,0\n' for n in range(3)]
        (folder / "label.csv").write_text("".join(lines))
    return root / "fer2013"


LAYOUTS = {
    "fer2013": fer2013,
    "fer2013 folders": fer2013_folders,
    "ferplus": fer2013,
    "ferplus folders": ferplus_folders,
    "ckplus csv": lambda root: layouts.ckextended(root, per_class=1),
    "ckplus 48": lambda root: layouts.ckplus48(root, {"anger": 2, "happy": 2}, people=2),
    "ckplus sequences": layouts.ck_sequences,
    "jaffe": lambda root: layouts.jaffe(root, {"AN": 2, "HA": 2}),
    "kdef": lambda root: layouts.kdef(root, people=1),
    "ferg": lambda root: layouts.ferg(root, each=1),
    "rafdb": lambda root: layouts.rafdb(root, train=7, test=2),
    "rafd": layouts.rafd,
    "sfew": lambda root: layouts.sfew(root, each=1),
    "amfed": layouts.amfed,
    "folder": layouts.photos,
}


@pytest.fixture(scope="module", params=LAYOUTS)
def layout(request, tmp_path_factory):
    """The name of a data set, and a small copy of it."""
    name = request.param.split()[0]
    root = tmp_path_factory.mktemp("layout")
    made = LAYOUTS[request.param](root)
    # these three are not looked for in the folders below
    return name, made if name in ("fer2013", "ferplus", "folder") else root


def pictures(root):
    return [path for path in sorted(root.rglob("*")) if path.is_file() and tree.is_picture(path)]


def texts(root):
    return [path for path in sorted(root.rglob("*")) if path.suffix.lower() in (".csv", ".txt")]


def folders(root):
    return [path for path in sorted(root.rglob("*"), reverse=True) if path.is_dir()]


def files(root):
    return [path for path in sorted(root.rglob("*"), reverse=True) if path.is_file()]


def rewrite(change):
    def damage(root):
        for path in texts(root):
            path.write_bytes(change(path.read_bytes()))

    return damage


def every_file_is_empty(root):
    for path in files(root):
        path.write_bytes(b"")


def every_file_is_noise(root):
    for path in files(root):
        path.write_bytes(np.random.default_rng(0).bytes(300))


def every_file_is_gone(root):
    for path in files(root):
        path.unlink()


def every_file_is_a_folder(root):
    for path in files(root):
        path.unlink()
        path.mkdir()


def a_picture_is_a_folder(root):
    for path in pictures(root)[:1]:
        path.unlink()
        path.mkdir()


def every_folder_is_a_file(root):
    for path in [path for path in root.rglob("*") if path.is_dir()]:
        if path.exists():
            shutil.rmtree(path)
            path.touch()


def links_in_a_circle(root):
    for number, folder in enumerate([root, *folders(root)]):
        (folder / f"up{number}").symlink_to(root, target_is_directory=True)
        (folder / f"self{number}.png").symlink_to(f"self{number}.png")
        (folder / f"nowhere{number}.csv").symlink_to("gone")
    for path in (pictures(root) + texts(root))[:1]:
        path.unlink()
        path.symlink_to(path.name)


def a_line_ends_in_every_name(root):
    for path in files(root) + folders(root):
        path.rename(path.with_name(f"{path.stem}\n\x1b[31m{path.suffix}"))


def a_file_beside_has_such_a_name(root):
    for folder in [root, *folders(root)]:
        (folder / "a\nb.png").touch()
        (folder / "c\x1b[31md").mkdir()
        os.close(os.open(os.path.join(os.fsencode(folder), b"bad\xff.png"), os.O_CREAT))


def other_capitals(root):
    for path in files(root) + folders(root):
        path.rename(path.with_name(path.name.swapcase()))


def strange_folders(root):
    for folder in [root, *folders(root)]:
        (folder / "zzz").mkdir()
        (folder / "zzz" / "a.png").write_text("<html>")


def strange_files(root):
    for folder in [root, *folders(root)]:
        Image.new("L", (1, 1)).save(folder / "zzz.png")
        (folder / "Thumbs.db").touch()
        (folder / "fifo.jpg").unlink(missing_ok=True)
        os.mkfifo(folder / "fifo.jpg")


def one_pixel(root):
    for path in pictures(root):
        Image.new("L", (1, 1)).save(path, "PNG")


DAMAGES = {
    damage.__name__: damage
    for damage in (
        every_file_is_empty, every_file_is_noise, every_file_is_gone, every_file_is_a_folder,
        a_picture_is_a_folder, every_folder_is_a_file, links_in_a_circle, one_pixel,
        a_line_ends_in_every_name, a_file_beside_has_such_a_name, other_capitals, strange_folders,
        strange_files,
    )
} | {
    "labels_are_words": rewrite(lambda text: text.replace(b"0", b"zero")),
    "labels_are_huge": rewrite(lambda text: text.replace(b"1", b"9" * 400)),
    "labels_are_negative": rewrite(lambda text: text.replace(b" ", b" -").replace(b",", b",-")),
    "labels_are_not_finite": rewrite(lambda text: text.replace(b"1", b"nan").replace(b"0", b"inf")),
    "labels_are_superscripts": rewrite(lambda text: text.replace(b"5", "\u00b2".encode())),
    "first_column_only": rewrite(lambda text: b"".join(
        line.replace(b" ", b",").split(b",")[0] + b"\n" for line in text.splitlines())),
    "without_first_column": rewrite(lambda text: b"".join(
        line.partition(b"," if b"," in line else b" ")[2] + b"\n" for line in text.splitlines())),
    "without_first_line": rewrite(lambda text: text.partition(b"\n")[2]),
    "first_line_only": rewrite(lambda text: text.partition(b"\n")[0]),
    "half": rewrite(lambda text: text[: len(text) // 2]),
    "zeros": rewrite(lambda text: bytes(300)),
    "zeros_between": rewrite(lambda text: text.replace(b"0", b"\0")),
    "an_open_quote": rewrite(lambda text: text.replace(b",", b',"', 1)),
    "a_web_page": rewrite(lambda text: b"<!DOCTYPE html>\n<html><body>404</body></html>\n"),
    "other_paths": rewrite(lambda text: text.replace(b"fer1", b"../f").replace(b"train_", b"../")),
    "twice": rewrite(lambda text: text + text),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_sentence_or_faces(layout, damage, tmp_path, capsys):
    name, whole = layout
    root = tmp_path / "set"
    shutil.copytree(whole, root)
    DAMAGES[damage](root)
    for options in ({}, {"on_error": "report"}):
        try:
            found = data.load(name, root, cache=False, progress=False, **options)
        except FerError as error:
            assert not set(str(error)) & {"\n", "\x1b"}
        else:
            assert isinstance(found, FaceSet) and len(found)
        assert "\x1b" not in capsys.readouterr().out


def test_the_layouts_are_read_as_they_are(layout):
    name, root = layout
    assert len(data.load(name, root, cache=False, progress=False)) >= 3
