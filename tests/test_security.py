"""What SECURITY.md promises: nothing read is run, text is never a page, archives stay packed."""

import ast
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import ipywidgets as ui
import numpy as np
import pytest
import torch
from torch import nn

import fer_utils
from fer_utils import evaluate, models, widgets
from fer_utils.data.catalog import Download
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.train.history import History
from fer_utils.train.recipes import Recipe
from fer_utils.widgets.pickers import Choice

ROOT = Path(fer_utils.__file__).parents[1]
FILES = [
    path
    for package in ("fer_utils", "fer_lab", "faces3d", "scripts")
    for path in sorted((ROOT / package).rglob("*.py"))
]
MARKUP = "<b>x"

# Nothing that is read may be run

# Modules that rebuild objects from a file by running what it says.
RUNS_FILES = {"pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
RUNS_TEXT = {"eval", "exec", "compile", "__import__"}
NEVER = {
    "os.system", "os.popen", "yaml.load", "pandas.read_pickle", "pd.read_pickle", "ET.parse",
    "subprocess.getoutput", "subprocess.getstatusoutput",
}  # fmt: skip
UNPACKS = {"extractall", "unpack_archive", "_extract_member"}


def faults(source: str) -> list[str]:
    """Return what of a program could run or unpack what it reads."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module).partition(".")[0]]
        found += [f"import {name}" for name in names if name in RUNS_FILES]
        if isinstance(node, ast.Call):
            found += _call(node)
    # the exception that torch's restricted loader raises is only named
    used = {text for text in re.findall(r"\bpickle\.(\w+)", source)}
    return [f for f in found if f != "import pickle" or used != {"UnpicklingError"}]


def _call(node: ast.Call) -> list[str]:
    name = ast.unparse(node.func)
    options = {word.arg: ast.unparse(word.value) for word in node.keywords}
    last = name.rpartition(".")[2]
    wrong = [
        name in RUNS_TEXT or name in NEVER or last in UNPACKS,
        name == "torch.load" and options.get("weights_only") != "True",
        last in ("load_state_dict_from_url", "get_state_dict")
        and options.get("weights_only") != "True",
        name == "np.load" and options.get("allow_pickle") != "False",
        options.get("allow_pickle", "False") != "False",
        options.get("shell", "False") != "False",
    ]
    return [ast.unparse(node)] if any(wrong) else []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_that_is_read_is_run(path):
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "program",
    [
        "import pickle; pickle.load(file)", "from joblib import load", "torch.load(path)",
        "torch.load(path, weights_only=False)", "np.load(path)", "np.load(p, allow_pickle=True)",
        "eval(text)", "exec(text)", "yaml.load(text)", "subprocess.run(text, shell=True)",
        "os.system(text)", "zipfile.ZipFile(path).extractall()", "shutil.unpack_archive(path)",
        "weights.get_state_dict(check_hash=True)",
    ],
)  # fmt: skip
def test_what_would_run_it_is_seen(program):
    assert faults(program)


def test_the_downloader_is_optional():
    code = (
        "import sys; sys.modules['kagglehub'] = None\n"
        "from fer_utils import data\n"
        "from fer_utils.data._download import download\n"
        "from fer_utils.errors import FerError\n"
        "data.catalog.CARDS['fer2013'], len(data.load('facs3d', split='test'))\n"
        "try: download('fer2013', 'nowhere')\n"
        "except FerError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("This needs the library kagglehub: python -m pip install")


@pytest.mark.parametrize("name", ["../x.csv", "/x.csv", "a/x.csv", "..\\x.csv", "C:x.csv"])
def test_a_download_stays_in_its_folder(name):
    with pytest.raises(FerError, match="expected a file's own name, without folders"):
        Download("kagglehub", "dataset", "me/faces", {name: "0" * 32}, "")


# Text is never a page

PAGES = {"HTML", "Markdown", "Javascript", "SVG", "IFrame", "Latex"}  # of IPython.display
REPRS = re.compile(r"_repr_(markdown|javascript|svg|latex)_")
#: What `_html` puts into pages unescaped: its own styles and numbers, and what it has escaped.
OWN = {"''.join(parts)", "''.join(rows)", "cells", "_FIGURE", "data", "width", "height", "bar"}
OWN |= {"100 * share", "style", "font", "linked"}
TAG = re.compile(r"</?[a-zA-Z]")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_text_goes_into_a_page_escaped(path):
    """Every f-string with a tag takes texts through `escape`."""
    if "scripts" in path.relative_to(ROOT).parts:  # pages of this repository's own texts
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            assert not REPRS.fullmatch(node.name)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("IPython"):
            assert not PAGES & {alias.name for alias in node.names}
        if isinstance(node, ast.JoinedStr) and any(
            isinstance(part, ast.Constant) and TAG.search(part.value) for part in node.values
        ):
            parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
            bare = [ast.unparse(part) for part in parts]
            own = {"role", "start", "waiting", "forms['image/png']", "size['width']"}
            own |= OWN if path.name == "_html.py" else set()
            assert [
                part for part in bare if not part.startswith("escape(") and part not in own
            ] == []


@pytest.mark.parametrize("path", sorted((ROOT / "fer_utils").rglob("*.js")), ids=lambda p: p.name)
def test_the_pages_own_programs_write_text_only(path):
    writes = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|srcdoc|\beval\(|"
        r"new Function|createContextualFragment|setAttribute\(\s*[\"'](on|href|src)|javascript:"
    )
    assert not writes.search(path.read_text(encoding="utf-8"))


def everything(widget: ui.Widget) -> list[ui.Widget]:
    return [
        widget,
        *(below for child in getattr(widget, "children", ()) for below in everything(child)),
    ]


def check(widget: ui.Widget) -> None:
    """Markup is in no page as it is; nothing offers a page of its own."""
    for part in everything(widget):
        if isinstance(part, ui.HTML):
            assert MARKUP not in part.value
        assert not getattr(part, "description_allow_html", False)
        assert not isinstance(part, ui.HTMLMath | ui.Output)
    forms = widget._repr_mimebundle_()
    forms = forms[0] if isinstance(forms, tuple) else forms
    assert set(forms) <= {"text/plain", "image/png", "application/vnd.jupyter.widget-view+json"}


class Net(nn.Module):
    classes = (MARKUP, "happy")

    def forward(self, pictures):
        mean = pictures.mean((1, 2, 3))
        return torch.stack([1 - mean, mean], 1)


class Broken(nn.Module):
    classes = (MARKUP, "happy")

    def forward(self, pictures):
        raise FerError(f"out of order: {MARKUP}")


def faces():
    images = np.random.default_rng(0).integers(0, 256, (4, 1, 16, 16), np.uint8)
    return FaceSet(
        MARKUP, images, np.array([0, 1, 1, 0]), Net.classes, np.array(["test"] * 4),
        rows=np.array([f"{MARKUP}{n}.png" for n in range(4)]), left_out=(MARKUP,),
    )  # fmt: skip


def upload(source, content):
    about = {"name": f"{MARKUP}.png", "type": "image/png", "size": len(content)}
    about["last_modified"] = datetime(2026, 1, 1, tzinfo=UTC)
    source.upload.value = ({**about, "content": content},)


def test_names_in_the_explorer_are_text():
    explorer = widgets.occlusion_explorer(faces(), {MARKUP: Net(), "broken": Broken()})
    upload(explorer.source, b"no picture")
    explorer.wait()
    assert "&lt;b&gt;x" in explorer.source.message.value
    check(explorer)
    explorer.model.value = "broken"
    explorer.wait()
    assert "&lt;b&gt;x" in explorer.message.value
    check(explorer)


def test_names_in_the_matrix_are_text(monkeypatch):
    found = evaluate.Evaluation(np.full((4, 2), 0.5), np.array([0, 1, 1, 0]), Net.classes)
    explorer = widgets.confusion_explorer(faces(), {MARKUP: found, "other": found})
    check(explorer)

    def refuse():
        raise FerError(MARKUP)

    monkeypatch.setattr(explorer, "_draw", refuse)
    explorer.who.value = "other"
    assert "&lt;b&gt;x" in explorer.message.value
    check(explorer)


def test_names_in_trainer_and_curves_are_text(monkeypatch):
    trainer = widgets.trainer()

    def refuse(choice, on_epoch):
        raise FerError(MARKUP)

    monkeypatch.setattr(Choice, "train", refuse)
    trainer.start.click()
    trainer.wait()
    assert "&lt;b&gt;x" in trainer.message.value
    check(trainer)
    live = widgets.live_history(MARKUP)
    assert "&lt;b&gt;x" in live.message.value
    check(live)


def test_objects_show_texts_as_texts():
    found = evaluate.Evaluation(np.full((4, 2), 0.5), np.array([0, 1, 1, 0]), Net.classes)
    row = {"valid_accuracy": 0.5, "valid_loss": 1.0, MARKUP: MARKUP}
    answer = models.wrap(Net(), Net.classes, channels=1).ask(faces()[0])
    card = replace(fer_utils.data.catalog.CARDS["fer2013"], title=MARKUP)
    for shown in (faces(), found, card, History([row], MARKUP), Recipe(MARKUP), answer):
        page = shown._repr_html_()
        assert MARKUP not in page and escape(MARKUP) in page
        assert not [name for name in dir(shown) if REPRS.fullmatch(name)]
