"""A data set of one's own, as CONTRIBUTING.md says: a card, a layout, and `data.register`."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_utils import data
from fer_utils.commands import data as command
from fer_utils.data import catalog
from fer_utils.errors import FerError

MODULE = '''"""Snapshots: ``anna_happy.png`` = who, expression."""

import re
from pathlib import Path

import numpy as np

from fer_utils.data import _tree as tree
from fer_utils.data._index import DatasetIndex
from fer_utils.data.catalog import Card, Dataset
from fer_utils.emotions import FER7

CARD = Card(
    name="snapshots",
    title="Snapshots of our group",
    papers=(),
    citation="Nobody has written about it.",
    licence="For this room only.",
    get="Ask the person beside you.",
    layout="snapshots/\\n└── anna_happy.png       who, expression",
    counts="3 pictures of 2 people.",
    expected={"faces": 3, "subjects": 2, "classes": {"happy": 2, "sad": 1}},
)
NAME = re.compile(r"([a-z]+)_([a-z]+)")


def scan(root: Path) -> DatasetIndex:
    """List the snapshots, with who is shown."""
    files, parts, left_out = tree.named(root, NAME, "anna_happy.png")
    labels = tree.labels(files, parts[:, 1], {name: name for name in FER7}, FER7)
    split = np.full(len(files), "train")
    return DatasetIndex(root, files, labels, FER7, split, subjects=parts[:, 0], left_out=left_out)


DATASET = Dataset(CARD, size=48, scan=scan)
'''

FER_UTILS = Path(data.__file__).parents[1]


@pytest.fixture
def snapshots(tmp_path, monkeypatch):
    """Write the module and three pictures, and register the data set; return its folder."""
    monkeypatch.setattr(catalog, "_ADDED", {})
    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FER_UTILS_DATA", str(tmp_path))
    (tmp_path / "snapshots.py").write_text(MODULE)
    spec = importlib.util.spec_from_file_location("snapshots", tmp_path / "snapshots.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    data.register(module.DATASET)
    folder = tmp_path / "snapshots"
    folder.mkdir()
    for value, name in ((10, "anna_happy"), (20, "anna_sad"), (30, "ben_happy")):
        Image.new("L", (60, 50), value).save(folder / f"{name}.png")
    return folder


def test_it_takes_less_than_40_lines():
    assert len(MODULE.splitlines()) < 40


def test_it_is_loaded_by_its_name(snapshots):
    faces = data.load("snapshots", progress=False)
    assert faces.name == "snapshots" and faces.images.shape == (3, 1, 48, 48)
    assert faces.images[:, 0, 0, 0].tolist() == [10, 20, 30]
    assert [faces.classes[label] for label in faces.labels] == ["happy", "sad", "happy"]
    assert faces.subjects.tolist() == ["anna", "anna", "ben"]
    assert data.load("snapshots", snapshots, size=8, color=True).images.shape == (3, 3, 8, 8)
    assert len(np.unique(data.split(faces, shares=(0.5, 0, 0.5)).split)) == 2


def test_it_is_named_with_the_others(snapshots):
    assert data.names()[-1] == "snapshots" and list(catalog.CARDS)[-1] == "snapshots"
    assert data.places("snapshots")[0] == data.find("snapshots") == snapshots
    data.check("snapshots")
    with pytest.raises(FerError, match="no data set 'snapshot'. Did you mean 'snapshots'"):
        data.load("snapshot")
    with pytest.raises(FerError, match="snapshots has no option 'angle'"):
        data.load("snapshots", angle=3)


def test_doctor_compares_it_with_its_card(snapshots):
    report = data.doctor("snapshots", progress=False)
    assert report.pictures == 3 and report.finding("counts").count == 0
    assert report.counts["all", "subjects"] == report.expected["all", "subjects"] == 2
    (snapshots / "ben_happy.png").unlink()
    assert data.doctor("snapshots", progress=False).finding("counts").count == 1


def test_the_command_shows_its_card(snapshots):
    text = command.card(catalog.CARDS["snapshots"])
    assert text.startswith("snapshots: Snapshots of our group") and "anna_happy.png" in text
    assert str(snapshots) in text.replace("\n" + " " * 15, "")
    lines = command.table().splitlines()
    row = next(line for line in lines if line.startswith("snapshots "))  # whole, on one line
    assert row.split()[1] == "found" and max(map(len, lines[: lines.index("")])) <= 100


def test_the_kits_own_names_are_taken():
    with pytest.raises(FerError, match="There is a data set 'jaffe' already"):
        data.register(catalog.get("jaffe"))


# The same holds for the kit's own: a data set's name is known to its own file alone.


def _defaults(tree):
    """Return the default values of parameters: what somebody uses who does not choose."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arguments):
            yield from filter(None, [*node.defaults, *node.kw_defaults])
        if isinstance(node, ast.keyword) and node.arg == "default":
            yield node.value


def test_no_other_file_asks_for_a_data_set_by_its_name():
    lab = FER_UTILS.parent / "fer_lab" / "reproduce"
    own = (FER_UTILS / "data" / "datasets", FER_UTILS / "papers")
    files = [file for place in (FER_UTILS, lab) for file in sorted(place.rglob("*.py"))]
    assert len(files) > 60
    found = []
    for file in files:
        if any(folder in file.parents for folder in own):
            continue  # papers name the data sets of their claims: that is data
        tree = ast.parse(file.read_text(encoding="utf-8"))
        # a recipe has the name of its paper or of the data set it is for: its key, not a question
        keys = [key for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys]
        spared = {id(node) for node in [*_defaults(tree), *keys]}
        for node in ast.walk(tree):
            named = isinstance(node, ast.Constant) and node.value in data.names()
            if named and id(node) not in spared:
                found.append(f"{file.name}:{node.lineno}: {node.value}")
    assert found == []


def test_no_work_is_done_in_an_assert():
    for package in ("fer_utils", "faces3d", "fer_lab"):
        for file in sorted((FER_UTILS.parent / package).rglob("*.py")):
            nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            assert not any(isinstance(node, ast.Assert) for node in nodes), file


def test_the_cards_are_light():
    code = (
        "import sys; sys.modules['torch'] = None; sys.path.insert(0, sys.argv[1])\n"
        "import types; package = types.ModuleType('fer_utils'); package.__path__ = [sys.argv[2]]\n"
        "sys.modules['fer_utils'] = package\n"  # what the package itself imports is not asked here
        "from fer_utils.commands import data as command\n"
        "print(command.table())\n"
        "heavy = 'cv2 PIL numba llvmlite matplotlib scipy sklearn pandas torchvision'.split()\n"
        "assert not set(heavy) & set(sys.modules), set(heavy) & set(sys.modules)\n"
    )
    arguments = [sys.executable, "-c", code, str(FER_UTILS.parent), str(FER_UTILS)]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "facs3d" in done.stdout


def test_completion_offers_the_public_names():
    assert dir(data) == sorted(data.__all__)
    assert all(hasattr(data, name) for name in data.__all__)
