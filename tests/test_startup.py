"""What each way into the kit loads, and what stays unloaded until it is used."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fer_utils as fer
from fer_utils import _progress

COMMANDS_WITH_TORCH = (
    *("train", "relabel", "evaluate", "explain", "translate", "look", "export", "live"),
    *("reproduce", "bench"),
)
ROOT = Path(fer.__file__).parents[1]
SETUP_CELL = (
    "from fer_utils import data, evaluate, inputs, models, plots, saliency, setup, train, widgets"
)
# Each of these is needed by one function or two, which import it themselves.
FOR_ONE_FUNCTION = {
    *("captum", "cv2", "llvmlite", "numba", "pandas", "scipy", "seaborn", "sklearn"),
    *("torchvision", "torch._dynamo"),
}
HEAVY = FOR_ONE_FUNCTION | {
    "anywidget",
    "ipywidgets",
    "matplotlib",
    "numpy",
    "safetensors",
    "torch",
}


def loaded_after_each(*pieces: str) -> list[set[str]]:
    """Run pieces of code one after the other in a fresh interpreter.

    Returns which heavy modules are loaded after each; what is loaded stays loaded. One process for
    many pieces: to start torch takes seconds.
    """
    note = f"\nseen.append([m for m in {sorted(HEAVY)} if m in sys.modules])\n"
    code = "import json, sys; seen = []\n" + "".join(piece + note for piece in pieces)
    code += "print(json.dumps(seen))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [set(names) for names in json.loads(done.stdout.splitlines()[-1])]


def loaded(code: str) -> set[str]:
    """Return which heavy modules a fresh interpreter has loaded after running `code`."""
    return loaded_after_each(code)[0]


def command(*arguments: str) -> str:
    """Return code that runs `python -m fer_utils` with arguments that end in --help."""
    return (
        f"import sys; sys.argv = {['fer_utils', *arguments]}\n"
        "from fer_utils.__main__ import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code"
    )


def test_the_sign_at_the_door_loads_nothing():
    assert loaded("import fer_utils") == set()
    assert loaded("import fer_utils; dir(fer_utils), fer_utils.FerError, fer_utils.setup") == set()


@pytest.mark.parametrize(
    "arguments, may",
    [((), set()), (("data",), {"numpy"}), (("models",), set())],  # a FaceSet is made of arrays
    ids=["fer_utils", "data", "models"],
)
def test_help_loads_nothing_heavy(arguments, may):
    assert loaded(command(*arguments, "--help")) <= may


def test_help_of_every_command_loads_no_package_for_one_function():
    after = loaded_after_each(*(command(name, "--help") for name in COMMANDS_WITH_TORCH))
    for name, there in zip(COMMANDS_WITH_TORCH, after, strict=True):
        assert there & FOR_ONE_FUNCTION == set(), name


def test_the_setup_cell_loads_no_package_for_one_function():
    there = loaded(f"{SETUP_CELL}\nsetup('facs3d')")
    assert there & FOR_ONE_FUNCTION == set()
    assert not there & {"ipywidgets", "anywidget"}  # a widget that is shown loads them


# A shell and a stream as a kernel has them; what is written, and which widgets it has loaded.
IN_A_KERNEL = f"""
import io, sys, types
import IPython
IPython.get_ipython = lambda: types.SimpleNamespace(config={{"IPKernelApp": {{}}}})
out = sys.stdout
sys.stdout = type("OutStream", (io.StringIO,), {{"__module__": "ipykernel.iostream"}})()
{SETUP_CELL}
setup("facs3d")
print(*(name for name in ("ipywidgets", "tqdm.auto") if name in sys.modules))
out.write(sys.stdout.getvalue())
"""


def test_in_a_notebook_the_setup_cell_says_what_it_waits_for():
    done = subprocess.run(
        [sys.executable, "-c", IN_A_KERNEL],
        capture_output=True,
        check=True,
        env={**os.environ, "TQDM_DISABLE": "0", "FER_UTILS_DATASET": ""},
    )
    *before, last = done.stdout.decode().split("\r")
    assert last.splitlines() == [f"fer_utils {fer.__version__} on facs3d, seed 0", ""]
    words = [text.strip() for text in before]
    assert words == ["loading torch, a few seconds ...", ""]


def test_bars_obey_the_environment_and_are_made_in_one_place(monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    with _progress.tqdm(total=1, disable=False) as bar:
        assert bar.disable
    monkeypatch.setenv("TQDM_DISABLE", "0")
    with _progress.tqdm(total=1, disable=False) as bar:
        assert not bar.disable
    owners = [
        path.name
        for path in (ROOT / "fer_utils").rglob("*.py")
        if re.search(r"^\s*(from tqdm\S* import tqdm|import tqdm)", path.read_text("utf-8"), re.M)
    ]
    assert owners == []


@pytest.mark.parametrize("name", ["emotions", "errors", "papers", "translate"])
def test_a_room_of_words_loads_nothing(name):
    assert loaded(f"import fer_utils.{name}") == set()


def test_the_room_of_detectors_loads_no_network():
    assert loaded("import fer_utils.detect") <= {"numpy"}


def test_a_room_of_arrays_loads_no_more_than_it_needs():
    names = ("inputs", "pictures", "models", "evaluate")
    after = loaded_after_each(*(f"import fer_utils.{name}" for name in names))
    for name, there in zip(names, after, strict=True):
        assert there <= {"numpy", "torch"}, name


def test_faces_are_named_without_their_renderer():
    assert loaded("import faces3d; faces3d.PARTS, faces3d.CARRIERS, faces3d.draw") == {"numpy"}


def test_rooms_open_when_they_are_named():
    code = "import fer_utils as fer; assert len(fer.data.load('facs3d')) and fer.models.names()"
    assert "torch" in loaded(code)


def test_tab_completion_shows_the_public_names_alone():
    assert dir(fer) == sorted(fer.__all__)
    assert {"data", "models", "saliency", "setup", "FerError"} <= set(dir(fer))


@pytest.mark.parametrize(
    "name", ["detect", "models", "papers", "evaluate", "inputs", "emotions", "translate"]
)
def test_tab_completion_of_a_room_shows_its_public_names_alone(name):
    room = getattr(fer, name)
    assert dir(room) == sorted(room.__all__)
    assert all(hasattr(room, public) for public in room.__all__)


def test_faces3d_shows_its_public_names_alone():
    import faces3d

    assert dir(faces3d) == sorted(faces3d.__all__)
    assert faces3d.action_units.PROTOTYPES["happy"]


def test_a_mistyped_room_gets_a_suggestion_once():
    with pytest.raises(AttributeError, match="no attribute 'modls'.*Did you mean 'models'"):
        fer.modls  # noqa: B018
    done = subprocess.run(
        [sys.executable, "-c", "import fer_utils; fer_utils.modls"], capture_output=True, text=True
    )
    assert done.stderr.count("Did you mean") == 1
    assert not hasattr(fer, "__path_of_nothing__")


def test_annotations_are_announced_to_type_checkers():
    for package in ("fer_utils", "faces3d", "fer_lab"):
        assert (ROOT / package / "py.typed").is_file()


def test_no_work_is_done_inside_an_assert():
    """`python -O` leaves asserts out, and what they call with them."""
    asserts = [
        f"{path}:{node.lineno}"
        for folder in ("fer_utils", "faces3d", "fer_lab", "scripts")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assert)
    ]
    assert not asserts
