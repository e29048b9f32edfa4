"""The command line, as a user would type it."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from fer_utils import __main__, data, models
from fer_utils.commands import as_command
from fer_utils.commands import evaluate as evaluate_command
from fer_utils.data.faceset import FaceSet
from fer_utils.emotions import FER8, FERPLUS_VOTES
from fer_utils.evaluate import Evaluation
from tests import small_fer2013


def fer_utils(*words: str) -> int:
    return __main__.main(list(words))


def parsed(words: list[str]) -> dict:
    """Return what typed words say."""
    given = vars(__main__.make_parser(words[0]).parse_args(words))
    return {key: value for key, value in given.items() if key not in ("run", "parser", "measure")}


def reparsed(command: str) -> dict:
    """Return what a command that was written down says when it is typed again."""
    assert command.startswith("python -m fer_utils ")
    return parsed(shlex.split(command)[3:])


@pytest.fixture
def few_faces(monkeypatch):
    """The embedded faces, thinned out so that an epoch takes a second."""
    load = data.load

    def thin(name, root=None, *, split=None, **options):
        faces = load(name, root, **options)
        faces = faces.take(np.arange(0, len(faces), 8))
        return faces if split is None else faces.where(split=split)

    monkeypatch.setattr(data, "load", thin)


def test_train_then_evaluate_then_go_on(few_faces, tmp_path, capsys):
    out = tmp_path / "run"
    words = ["train", "--data", "facs3d", "--model", "mini_xception", "--out", str(out)]
    assert fer_utils(*words, "--epochs", "2") == 0
    said = capsys.readouterr().out
    assert "56,951 parameters" in said and "recipe alessi2019, 2 epochs" in said
    assert "best epoch" in said and "accuracy" in said

    card = json.loads((out / "model.json").read_text())
    chosen = "--data facs3d --model mini_xception --variant alessi2019 --recipe alessi2019"
    assert card["command"] == f"python -m fer_utils train {chosen} --epochs 2 --seed 0 --out DIR"
    assert str(tmp_path) not in json.dumps(card)

    weights = str(out / "model.safetensors")
    picture = tmp_path / "confusion.png"
    chosen = ("--model", weights, "--split", "valid", "--out", str(picture))
    assert fer_utils("evaluate", *chosen) == 0
    about, *rows = picture.with_suffix(".csv").read_text().splitlines()
    assert f"trained by: {card['command']}; made by: python -m fer_utils evaluate" in about
    assert "--model DIR/model.safetensors" in about and str(tmp_path) not in about
    assert len(rows) == 8 and picture.stat().st_size > 1000
    said = capsys.readouterr().out
    assert f"{card['scores']['valid']['accuracy']:.3f}" in said
    assert "precision  recall" in said and "label \\ said" in said

    assert fer_utils(*words, "--epochs", "2") == 0  # all epochs are done: nothing is trained
    assert json.loads((out / "model.json").read_text())["sha256"] == card["sha256"]
    assert fer_utils(*words, "--epochs", "2", "--seed", "1") == 2
    error = capsys.readouterr().err
    assert "another run" in error and "--restart" in error


def test_train_takes_the_variants_of_a_net_and_writes_the_command_down(few_faces, tmp_path):
    words = ["--inputs", "gray+laplacian", "--fusion", "parallel", "--stl", "--freeze-base"]
    words += ["--set", "batch=64", "--recipe", "one_cycle", "--set", "shift=0", "balance=weights"]
    words += ["--balance", "weights"]
    out = ["--out", str(tmp_path), "--epochs", "1", "--input-size", "32"]
    assert fer_utils("train", "--model", "mini_xception", *words, *out) == 0
    card = json.loads((tmp_path / "model.json").read_text())
    assert reparsed(card["command"]) == parsed(["train", *words, *out[2:], "--out", "DIR"])
    assert "--set batch=64 shift=0 balance=weights" in card["command"]
    net = models.load_file(tmp_path / "model.safetensors")
    assert models.count(net) > 2 * 56_951 and net.inputs == "gray+laplacian"


def test_train_takes_a_width_and_the_magnitude(few_faces, tmp_path, capsys):
    words = ["--inputs", "gray+magnitude", "--fusion", "parallel", "--width", "0.5"]
    out = ["--out", str(tmp_path), "--epochs", "1", "--input-size", "16"]
    assert fer_utils("train", "--model", "bottleneck_065m", *words, *out) == 0
    card = json.loads((tmp_path / "model.json").read_text())
    assert "--inputs gray+magnitude --input-size 16 --fusion parallel" in card["command"]
    assert "--width 0.5" in card["command"] and card["net"]["width"] == 0.5
    net = models.load_file(tmp_path / "model.safetensors")
    assert net.trunk.streams["magnitude"].blocks[-1].layers[6].out_channels == 128
    assert fer_utils("train", "--width", "0.5", *out) == 2
    assert "one width only" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "variant"),
    [
        ((), "alessi2019"),  # mini_xception by the recipe of its paper
        (("--recipe", "alessi2019"), "alessi2019"),
        (("--recipe", "alessi2019", "--variant", "arriaga"), "arriaga"),
        (("--recipe", "one_cycle"), "arriaga"),
    ],
)
def test_a_papers_recipe_trains_that_papers_net(few_faces, tmp_path, words, variant):
    out = ["--out", str(tmp_path), "--epochs", "1", "--input-size", "16"]
    assert fer_utils("train", *words, *out) == 0
    card = json.loads((tmp_path / "model.json").read_text())
    assert card["net"]["variant"] == variant
    assert models.load_file(tmp_path / "model.safetensors").config["variant"] == variant
    named = "--recipe one_cycle" not in card["command"]
    assert (f"--variant {variant}" in card["command"]) == named


def test_a_report_that_fails_costs_no_training(few_faces, tmp_path, monkeypatch):
    monkeypatch.setattr(Evaluation, "table", lambda result: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fer_utils("train", "--out", str(tmp_path), "--epochs", "1", "--input-size", "16")
    assert models.load_file(tmp_path / "model.safetensors").name == "mini_xception"


def voted_faces(name: str, root=None, *, split: str | None = None, **options) -> FaceSet:
    """Noise on whose expression, one of eight, all ten taggers agree."""
    labels = np.arange(96) % 8
    votes = np.zeros((96, len(FERPLUS_VOTES)), np.uint8)
    votes[np.arange(96), [FERPLUS_VOTES.index(FER8[label]) for label in labels]] = 10
    images = np.random.default_rng(0).integers(0, 256, (96, 1, 16, 16), np.uint8)
    splits = np.repeat(["train", "valid"], 48)
    faces = FaceSet(*(name, images, labels, FER8, splits), votes=votes, vote_names=FERPLUS_VOTES)
    return faces if split is None else faces.where(split=split)


def test_train_on_votes_with_a_label_rule_and_event_files(monkeypatch, tmp_path):
    monkeypatch.setattr(data, "load", voted_faces)
    words = ["--relabel", "majority", "--set", "votes=argmax", "batch=16", "--epochs", "1"]
    words += ["--stream", "--input-size", "16", "--tensorboard", str(tmp_path / "events")]
    assert fer_utils("train", *words, "--out", str(tmp_path)) == 0
    card = json.loads((tmp_path / "model.json").read_text())
    assert "label rule majority" in card["data"]
    assert "--relabel majority" in card["command"] and "tensorboard" not in card["command"]
    assert models.load_file(tmp_path / "model.safetensors").classes == FER8
    assert [path.name.startswith("events.out") for path in (tmp_path / "events").iterdir()]
    said = ["evaluate", "--model", str(tmp_path / "model.safetensors"), "--flip"]
    said += ["--split", "valid"]
    picture = tmp_path / "confusion.png"
    assert fer_utils(*said, "--relabel", "majority", "--out", str(picture)) == 0
    about = picture.with_suffix(".csv").read_text().splitlines()[0]
    again = reparsed(about.split("made by: ")[1])
    assert (again["relabel"], again["flip"], again["split"]) == ("majority", True, "valid")
    assert again["out"].name == "confusion.png" and str(tmp_path) not in about


def test_train_says_what_graphs_need(few_faces, tmp_path, capsys):
    words = ["train", "--device", "cpu", "--graphs", "--out", str(tmp_path)]
    assert fer_utils(*words) == 2
    assert "needs a CUDA GPU" in capsys.readouterr().err


def test_a_mistake_is_one_line_and_status_2(capsys):
    assert fer_utils("evaluate", "--model", "mini_xception_fer") == 2
    said = capsys.readouterr().err
    assert said.startswith("fer_utils evaluate: no weights called 'mini_xception_fer'")
    assert "Did you mean" in said and said.count("\n") == 1
    assert fer_utils("train", "--data", "fer2014", "--out", "nowhere") == 2


LIGHT = """
import sys, types

kit = types.ModuleType("fer_utils")  # in its place: what the package itself loads is not asked here
kit.__path__ = [sys.argv.pop(1)]
sys.modules["fer_utils"] = kit
from fer_utils.__main__ import main

try:
    main(sys.argv[1:])
except SystemExit:
    heavy = {"torch", "numpy", "matplotlib", "PIL", "fer_lab"} & set(sys.modules)
    sys.exit(f"loaded: {heavy}" if heavy else 0)
"""


@pytest.mark.parametrize("words", [["--help"], ["models", "--help"]], ids=" ".join)
def test_help_is_quick_because_it_loads_nothing_heavy(words):
    folder = str(Path(__main__.__file__).parent)
    command = [sys.executable, "-c", LIGHT, folder, *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "usage: python -m fer_utils" in done.stdout


def test_nothing_in_the_kit_imports_the_laboratory():
    """But `__main__`, by name, when one of its commands is typed."""
    for path in Path(__main__.__file__).parent.rglob("*.py"):
        assert not re.search(r"(import|from) fer_lab", path.read_text(encoding="utf-8")), path


# Every word that `python -m fer_utils` takes, with a value that is not its default.
TYPED = {
    "train": "--data fer2013 --root R --relabel majority --split-by random --shares 0.6 0.1 0.3 "
    "--split-seed 2 --crop haar --color --size 64 --balance cyclegan --model vgg13 "
    "--generator G --labels n.csv "
    "--inputs gray+sobel --input-size 32 --fusion parallel --stl --variant arriaga --width 0.7 "
    "--stream --base-weights imagenet --freeze-base --recipe one_cycle "
    "--set batch=64 learning_rate=5e-4 --epochs 3 --seed 4 "
    "--device cpu --threads 2 --precision bfloat16 --compile --no-graphs --tensorboard E "
    "--out 'a folder' --restart",
    "evaluate": "--data ferplus --root R --relabel majority --split-by random --shares 0.6 0.1 0.3 "
    "--split-seed 2 --crop haar --no-color --size 64 --split valid --model 'my net' --flip "
    "--device cpu --out c.png",
    "look": "photo.jpg --model vgg13 --detector ssd --detector-file folder --margin 1.2 "
    "--out s.png --csv f.csv --map",
    "explain": "--model vgg13 --face 3 --person 2 --whole --detector yunet "
    "--detector-file y.onnx --out m.png --method gradient --window 9 --stride 3 "
    "--fill mean --target fear --seed 2 --force --scores",
    "data": "fer2013 --root R --clean --out b.csv",
    "relabel": "fer2013 --root R --relabel majority --split-by random --shares 0.6 0.1 0.3 "
    "--split-seed 2 --crop haar --color --size 64 --split valid --model vgg13 --recipe one_cycle "
    "--epochs 3 --folds 4 --rule distribution --seed 4 --device cpu --threads 2 --out n.csv",
    "models": "deep_emotion",
    "reproduce": "'pandey2019:IV:base model' --data R --runs 4 --seeds 2 3 --epochs 5 --faces 20 "
    "--precision bfloat16 --device cpu --out O --share 2/3 --threads 2 --scheduler tcp://a:1 "
    "--base-weights W "
    "--list --table --figures F",
    "bench occlusion": "--model vgg13 --heavy --size 64 --window 9 --stride 3 --repeats 2 "
    "--device cuda --threads 2 --csv c.csv",
    "bench training": "--model vgg13 --size 64 --batch 32 --device cpu --precision bfloat16 "
    "--compile --workers 1 --steps 2 --root R --repeats 2 --threads 2 --csv c.csv",
    "bench startup": "--repeats 2 --threads 2 --csv c.csv",
}


@pytest.mark.parametrize("name", TYPED)
def test_command_that_is_written_down_is_the_one_that_was_typed(name):
    words = [*name.split(), *shlex.split(TYPED[name])]
    args = __main__.make_parser(words[0]).parse_args(words)
    written = as_command(args.parser, args)
    assert reparsed(written) == parsed(words)
    pairs = [(action, vars(args)[action.dest]) for action in args.parser._actions[1:]]
    left = {action.dest for action, value in pairs if value == action.default}
    # excluded by what is typed
    elsewhere = {"explain": {"image"}, "data": {"doctor", "download"}, "evaluate": {"test"}}
    assert left == elsewhere.get(name, set()), "a new argument: type it above"
    bare = [word for word in written.split() if word.startswith("--")]
    assert len(bare) == len(set(bare))


def test_what_belongs_to_this_machine_is_hidden_and_defaults_are_not_said():
    args = __main__.make_parser("train").parse_args(["train", "--out", "/home/me", "--root", "/r"])
    assert as_command(args.parser, args, hide=("root", "out")) == (
        "python -m fer_utils train --out DIR"
    )
    args.parser.add_argument("--new", type=float, default=1.0)
    args.new = 0.5  # an argument that nobody thought of when the text was written
    assert "--new 0.5" in as_command(args.parser, args)


def test_help_names_every_command():
    words = [sys.executable, "-m", "fer_utils", "--help"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    for name in __main__.COMMANDS:
        assert name in said


def test_confusion_as_text():
    probabilities = np.eye(2, dtype=np.float32)[[0, 0, 1]]
    found = evaluate_command.Evaluation(probabilities, np.array([0, 1, 1]), ("yes", "no"))
    lines = evaluate_command.confusion_text(found).splitlines()
    assert lines[0].split() == ["label", "\\", "said", "yes", "no"]
    assert lines[1].split() == ["yes", "1", "(100%)", "0", "(0%)"]
    assert lines[2].split() == ["no", "1", "(50%)", "1", "(50%)"]


def test_data_lists_shows_and_examines(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FER_UTILS_DATA", str(tmp_path))
    monkeypatch.setenv("FER_UTILS_CACHE", str(tmp_path / "cache"))
    small_fer2013.write(tmp_path / "fer2013")
    assert fer_utils("data") == 0
    assert "fer2013   found" in capsys.readouterr().out
    assert fer_utils("data", "ckplus") == 0
    assert "S010_004_00000017.png" in capsys.readouterr().out
    assert fer_utils("data", "fer2013", "--doctor") == 0
    said = capsys.readouterr().out
    assert said.startswith("fer2013: 48 pictures that can be read") and "test: 0 of 3,589" in said
    assert fer_utils("data", "rafd", "--doctor", "--root", str(tmp_path / "nowhere")) == 2
    assert "does not exist" in capsys.readouterr().err
    assert fer_utils("data", "fer2013", "--doctor", "--download") == 2


WRONG = {
    "train": [
        *("--epochs 0", "--epochs -1", "--epochs 1.5", "--seed -1", "--seed " + "9" * 20),
        *("--threads 0", "--input-size 100000", "--device gpu", "--device ''", "--device cuda:99"),
        *(f"--set {word}" for word in ("average=2", "decay=-1", "rotation=-5", "mixup=nan")),
        *("--set label_smoothing=-1", "--set batch=1e3", "--recipe alessi", "--nonsense"),
    ],
    "evaluate": ["--device gpu", "--device ''", "--out c.xyz", "--out nowhere/c.png", "--out ."],
    "explain": [
        *("--seed -1", "--seed " + "9" * 20, "--window 0", "--stride -3", "--out nowhere/c.png"),
        *("--face one", "--out .", "--person 0"),
    ],
    "look": ["--margin 0.1", "--margin wide", "--out .", "--out nowhere/s.png", "--csv nowhere/f"],
    "reproduce": [
        *("--runs 0", "--seeds 0 -1", "--epochs 0", "--faces 0", "--threads -1", "--share 2/1"),
        *("--device gpu", "--out file", "--figures file"),
    ],
    "bench occlusion": [
        *("--window 0", "--window 100", "--stride 9", "--size -5", "--size 100000", "--repeats 0"),
        *("--threads -2", "--csv nowhere/x.csv", "--csv .", "--device gpu"),
    ],
    "bench training": [
        *("--batch 1", "--steps 0", "--workers -1", "--repeats 0", "--size 0", "--device gpu"),
        "--csv nowhere/x.csv",
    ],
    "bench startup": ["--repeats -1", "--threads 0", "--csv nowhere/x.csv"],
}
NEEDED = {
    "train": "--out run",
    "evaluate": "--model mini_xception_facs3d",
    "explain": "--out map.png --face 0",
    "look": "photo.jpg",
    "reproduce": "alessi2019 --data data",
    "bench occlusion": "--model mini_xception",
    "bench training": "--model mini_xception",
    "bench startup": "",
}


@pytest.mark.parametrize(("name", "words"), [(n, words) for n in WRONG for words in WRONG[n]])
def test_a_wrong_argument_is_one_line_before_the_work(name, words, tmp_path, monkeypatch, capsys):
    def work(*_, **__):
        raise AssertionError("the work has begun")

    for module, function in ((data, "load"), (models, "load")):
        monkeypatch.setattr(module, function, work)
    monkeypatch.setattr("fer_lab.reproduce.command.trainable", lambda claims, root: claims)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert fer_utils(*name.split(), *shlex.split(NEEDED[name]), *shlex.split(words)) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert said.err.startswith(f"fer_utils {name.split()[0]}: ")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def breaking(monkeypatch, error: BaseException) -> int:
    """Return the status of a command in which an error is raised."""

    def fail(*_):
        raise error

    monkeypatch.setattr("fer_utils.commands.models.run", fail)
    return fer_utils("models")


NO_MEMORY = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to"


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 2, "the memory is not enough: take a smaller picture size"),
        (RuntimeError(NO_MEMORY), 2, "the memory is not enough"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), 2, "the memory is not enough"),
        (PermissionError(13, "Permission denied", "a.csv"), 2, "a.csv: permission denied."),
        (OSError("gone"), 2, "the system says: gone."),
    ],
)
def test_what_breaks_a_command_is_one_line(monkeypatch, capsys, error, status, message):
    assert breaking(monkeypatch, error) == status
    said = capsys.readouterr()
    assert said.err.startswith(f"fer_utils models: {message}") and said.err.count("\n") == 1


def test_a_fault_of_the_kit_leaves_its_traceback_in_a_file(monkeypatch, capsys, tmp_path):
    with pytest.raises(KeyError):  # as the tests see it
        breaking(monkeypatch, KeyError("colour"))
    monkeypatch.delenv("FER_UTILS_DEBUG")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert breaking(monkeypatch, KeyError("colour")) == 1
    (report,) = tmp_path.iterdir()
    said = capsys.readouterr().err
    assert said == (
        "fer_utils models: a fault of the kit itself (KeyError: 'colour'); "
        f"please report {report}.\n"
    )
    assert "Traceback" in report.read_text() and "in fail" in report.read_text()


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_output_can_be_redirected_in_any_encoding(encoding, monkeypatch, tmp_path):
    monkeypatch.setenv("FER_UTILS_DATA", str(tmp_path))
    sheet = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(sheet, encoding=encoding))
    assert fer_utils("data", "fer2013") == 0
    said = sheet.getvalue().decode(encoding)
    tree = "└── angry/" if encoding == "utf-8" else "`-- angry/"
    assert tree in said and "?" not in said


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise there")
@pytest.mark.parametrize("words", [["--help"], ["data"]], ids=" ".join)
def test_nobody_reads_to_the_end(words):
    command = [sys.executable, "-m", "fer_utils", *words]
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    program = subprocess.Popen(command, env=environment, **pipes)
    program.stdout.close()  # as `head` does when it has enough
    assert program.stderr.read() == b""
    assert program.wait() == 128 + 13  # as a shell tells of a program that SIGPIPE has ended


def test_without_words_it_says_how_it_is_used(capsys):
    assert fer_utils() == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: python -m fer_utils") and "None" not in error


@pytest.mark.parametrize(
    "words",
    [
        *(["train", "--out", "out", name, ""] for name in ("--out", "--data", "--tensorboard")),
        ["train", "--out", "out", "--data", "jaffe", "--root", ""],
        *(
            ["evaluate", "--model", "mini_xception_facs3d", name, ""]
            for name in ("--out", "--data")
        ),
        ["data", "jaffe", "--root", ""],
    ],
    ids=" ".join,
)
def test_an_empty_name_is_refused(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert fer_utils(*words) == 2
    error = capsys.readouterr().err
    assert "''" in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_training_s_folder_is_a_model(tmp_path):
    net = models.create("mini_xception", seed=0)
    models.save(net, tmp_path / "model.safetensors", {"command": "train it"})
    assert evaluate_command.model_name(str(tmp_path)) == "DIR/model.safetensors"
    assert models.card(tmp_path)["command"] == "train it"
