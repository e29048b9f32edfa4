"""Whatever a command or a public function is given: a result, or one sentence; no traceback.

Arguments are derived from the parsers and the signatures, so that a new option or function is
tested as it is. Long work ends early: few faces, one epoch, and stand-ins behind the checks for
rounds of benches, runs of experiments and downloads. `make fuzz` goes on for minutes.
"""

import argparse
import contextlib
import importlib
import inspect
import io
import os
import pkgutil
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from PIL import Image

import faces3d
import fer_lab.bench
import fer_lab.experiment
import fer_lab.experiments
import fer_lab.reproduce.command
from faces3d import dataset as drawn
from fer_lab.bench.shared import Bench
from fer_utils import data, evaluate, models, papers, plots, saliency, train, translate
from fer_utils.__main__ import COMMANDS, main, make_parser
from fer_utils.data import _download
from fer_utils.data.datasets import facs3d
from fer_utils.data.faceset import FaceSet
from fer_utils.detect import drawn_film
from fer_utils.emotions import FER7
from fer_utils.errors import FerError
from fer_utils.ranges import Range
from fer_utils.saliency import scores
from fer_utils.translate.settings import STEPS
from tests.test_arguments import Net

# Together in `make test`; without an end, and with other seeds each time, in `make fuzz`.
COMMAND_EXAMPLES, FUNCTION_EXAMPLES = 120, 180
MINUTES = float(os.environ.get("FUZZ_MINUTES", "10"))
QUIET = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}

ROOMS = {
    room.__name__.split(".")[-1]: room for room in (data, models, train, saliency, plots, translate)
}
ROOMS["evaluate"] = importlib.import_module("fer_utils.evaluate")
PROGRAMS = {
    f"experiments {module.name}": importlib.import_module(f"fer_lab.experiments.{module.name}")
    for module in pkgutil.iter_modules(fer_lab.experiments.__path__)
}

SMALL = ("mini_xception", "deep_emotion", "small_resnet", "bottleneck_065m")
FILES = ("face.png", "model.safetensors", "model.json", "last.pt", "table.csv", "noise.bin", "run")
FILES += ("empty", "photos", "new", "new.png", "new.csv", "new/deep/er.png", ".", "nowhere/", "")
ODD = ("", " ", "-", "--", "None", "nan", "inf", "-1", "0", "1e400", "9" * 25, "0x10", "1_0", "½")
ODD += ("hapy", "ünïcode\u2028", "a\nb", "\udcff", "a" * 300, "a=b", "=", "1/0", "%s", "{}")
KEYS = tuple(claim.key for claim in papers.CLAIMS)[::9]
#: What the options that take any text are meant to be given.
WORDS = {
    "model": (*SMALL, "mini_xception_facs3d", *FILES),
    "data": ("facs3d", "fer2013", "ferplus", "folder", "ckplus", *FILES),
    "name": ("facs3d", "fer2013", "folder", *SMALL),
    "recipe": tuple(train.RECIPES),
    "set": ("batch=2", "mixup=1", "decay=0.5", "steps=1", "batch=3.5", "rotation=9", "average=2"),
    "method": tuple(saliency.METHODS),
    "fill": (*saliency.FILLS, "0.5"),
    "target": (*FER7, "3"),
    "device": ("cpu", "cuda", "cuda:9", "gpu", "mps", "meta"),
    "variant": ("arriaga", "alessi2019", "narrow", "wide", "deep"),
    "relabel": ("majority", "plurality", ""),
    "base_weights": ("imagenet", *FILES),
    "key": (*KEYS, KEYS[0].split(":")[0]),
    **dict.fromkeys(("first", "second", "to"), ("neutral", "disgust", "bored")),
    "pair": ("change_facs3d", *FILES),
    "share": ("1/1", "1/2", "2/2", "3/2", "0/0"),
    "face": ("0", "1", "13"),
    "source": ("drawn", "0", *FILES),
    "detector": ("haar", "blazeface", "ssd"),
}
NUMBERS = (-1, 0, 0.5, 1, 2, 3, 1.5, 10**25, -(10**25))


def typed(action):
    """Return a strategy for one word that an option is given."""
    meant = WORDS.get(action.dest)
    if action.choices is not None:
        meant = [str(choice) for choice in action.choices]
    elif isinstance(action.type, Range):
        low, high = action.type.low, action.type.high  # more would take its time and memory
        meant = [str(n) for n in (low, low + 1, low + 2, low + 40, (low + high) / 2) if n <= 100]
    elif meant is None:
        meant = FILES if action.type is Path else ("1", "2", *FILES)
    odd = st.sampled_from((*ODD, *map(str, NUMBERS))) | st.text("aZ0.-=,:é \n", max_size=9)
    return _mostly(meant, odd)


def _mostly(meant, odd):
    return st.integers(0, 5).flatmap(lambda n: st.sampled_from(list(meant)) if n else odd)


# What takes a compiler, or more than it could be cut to.
LEFT_OUT = {"compile"}


@st.composite
def words_of(draw, parser):
    """Return words for a parser: some of its options, in any order, some twice."""
    actions = [one for one in parser._actions if one.dest not in LEFT_OUT]
    named = [one for one in actions if one.option_strings and one.dest != "help"]
    first = [one for one in actions if not one.option_strings]
    chosen = draw(st.lists(st.sampled_from(named), max_size=5)) if named else []
    chosen += [one for one in named if one.required and draw(st.integers(0, 9))]
    words = []
    for one in [*first, *chosen]:
        if isinstance(one, argparse._SubParsersAction):
            name = draw(_mostly(list(one.choices), st.sampled_from(ODD)))
            if name not in one.choices:
                return [name]
            return [name, *draw(words_of(one.choices[name]))]
        if one.option_strings:
            words.append(draw(st.sampled_from(one.option_strings)))
        count = {0: 0, None: 1, "?": 1, "+": 2, "*": 2}.get(one.nargs, one.nargs)
        words += [draw(typed(one)) for _ in range(count)]
    if draw(st.integers(0, 19)) == 0:
        words += draw(st.lists(st.sampled_from((*ODD, "--help", "--no", "@file")), max_size=2))
    return words


class Caught(Exception):
    """Carries the parser of a program out of it."""


def parser_of(program):
    """Return the parser that a program makes for itself."""

    def caught(self, *_):
        raise Caught(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", caught)
        with pytest.raises(Caught) as found:
            program()
    return found.value.args[0]


def start_of(name):
    """Return what starts a command or a program with words, and its parser."""
    if name in COMMANDS:
        return main, make_parser(name)._subparsers._group_actions[0].choices[name]
    work = facs3d.main if name == "facs3d" else lambda: PROGRAMS[name].EXPERIMENT.main("about")

    def start(words):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", [name, *words])
            return work()

    return start, parser_of(work)


STARTS = {name: start_of(name) for name in (*COMMANDS, *PROGRAMS, "facs3d")}
CALLS = st.sampled_from([*list(COMMANDS) * 4, *PROGRAMS, "facs3d"]).flatmap(
    lambda name: st.tuples(st.just(name), words_of(STARTS[name][1]))
)


def few(faces, each=4):
    """Return some faces of every class in every part of a data set."""
    rows = [
        row
        for split in data.SPLITS
        for label in range(len(faces.classes))
        for row in np.flatnonzero((faces.split == split) & (faces.labels == label))[:each]
    ]
    return faces.take(np.array(sorted(rows)))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Stand in a folder with small files of every kind; all long work ends early."""
    folder = tmp_path_factory.mktemp("place")
    random = np.random.default_rng(0)
    faces = few(facs3d._read(facs3d.PACKED))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("FER_UTILS_DATA", str(folder))
        patch.setattr(facs3d, "_read", lambda path: faces)
        patch.setenv("FER_UTILS_CACHE", str(folder / "cache"))
        patch.setattr(torch, "set_num_threads", lambda number: None)
        patch.setattr(faces3d, "draw", lambda *_, size: np.zeros((size, size), np.uint8))
        translated = translate.fit
        patch.setattr(
            translate, "fit", lambda *words, **options: translated(*words, **_one_step(options))
        )
        short = {name: replace(one, epochs=1) for name, one in train.RECIPES.items()}
        for name, one in short.items():
            patch.setitem(train.RECIPES, name, one)
        fit = train.fit
        for room in (train, train.relabelling):
            patch.setattr(
                room,
                "fit",
                lambda *words, **options: fit(*words, **_one_epoch(options), progress=False),
            )
        for module in (fer_lab.experiment, fer_lab.reproduce.command):
            failed = lambda runs, _: ((run, FerError("a stand-in")) for run in runs)  # noqa: E731
            patch.setattr(module, "outcomes", failed)
        patch.setattr(fer_lab.experiment, "ROOT", folder)
        patch.setattr(_download, "_library", _no_library)
        patch.setattr(drawn, "pack", lambda out, seed: out.write_bytes(b"") or "0" * 64)
        patch.setattr(fer_lab.bench.cyclegan, "race", lambda *_: {})
        for name in ("occlusion", "architectures", "startup", "live"):
            patch.setattr(fer_lab.bench.BENCHES[name][0], "measure", lambda *_: [])
        patch.setattr(fer_lab.bench.training, "race", lambda *_: {})
        patch.setattr(Bench, "table", lambda *_: "")
        patch.setattr(drawn_film, "SECONDS", 0.1)
        patch.setattr(scores, "score", lambda *_, **__: None)
        patch.setattr(scores, "report", lambda _: "")
        audit = models.audit()
        patch.setattr(models, "audit", lambda: audit)
        Image.fromarray(random.integers(0, 256, (40, 36), np.uint8)).save("face.png")
        models.save(models.create("mini_xception", seed=0), "model.safetensors", {"data": "x"})
        for name in ("noise.bin", "last.pt"):
            Path(name).write_bytes(random.bytes(999))
        Path("table.csv").write_text("emotion,pixels,Usage\n0,1 2 3,Training\nx\n")
        for name in ("empty", "photos/happy", "run"):
            Path(name).mkdir(parents=True)
        Path("photos/happy/a.png").write_bytes(Path("face.png").read_bytes())
        Path("photos/happy/b.png").write_bytes(random.bytes(99))
        main(["train", "--out", "run", "--epochs", "1"])
        yield folder


def _one_epoch(options):
    options.pop("progress", None)
    epochs = options.get("epochs")
    return {**options, "epochs": 1 if epochs is None or epochs in Range(1, whole=True) else epochs}


def _one_step(options):
    return {**options, "steps": 1 if options["steps"] in STEPS else options["steps"]}


def _no_library(source):
    raise FerError("nothing is fetched here")


def check_command(call):
    name, words = call
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = STARTS[name][0]([name, *words] if name in COMMANDS else words)
        except SystemExit as end:  # --help
            status = end.code
    bar = "[00:"
    lines = [line for line in err.getvalue().splitlines() if line.strip() and bar not in line]
    assert status in (0, 2), (status, err.getvalue())
    assert len(lines) <= 3 and "Traceback" not in err.getvalue(), err.getvalue()
    assert status == 0 or lines or "failed: " in out.getvalue(), out.getvalue()


# Public functions


def public():
    """Return every public function and class of the rooms, by name."""
    found = {}
    for room, module in ROOMS.items():
        for name in module.__all__:
            value = getattr(module, name)
            wrong = inspect.isclass(value) and issubclass(value, BaseException | plots.Picture)
            if callable(value) and not wrong:
                found[f"{room}.{name}"] = value
    return found


PUBLIC = public()
IMAGES = np.random.default_rng(0).integers(0, 256, (14, 1, 24, 24), np.uint8)
FACES = FaceSet("made", IMAGES, np.arange(14) % 7, FER7, np.array(["train", "test"])[[0, 1] * 7])
NET = Net().eval()
KIT_NET = models.create("mini_xception", seed=0).eval()
HEAT = np.random.default_rng(0).random((24, 24)).astype(np.float32)
OMAP = saliency.occlusion(NET, IMAGES[0], window=12, stride=12)
ATTRIBUTION = saliency.attribute(NET, IMAGES[0], "gradient")
EVALUATION = evaluate.evaluate(NET, FACES)
RECIPE = train.Recipe("made", epochs=1, batch=2)
HISTORY = train.History(
    [
        {
            "epoch": 1,
            "train_loss": 1.0,
            "valid_loss": 1.0,
            "valid_accuracy": 0.5,
            "seconds": 1.0,
            "train_accuracy": 0.5,
        }
    ]
)
TINY = translate.Settings(filters=2, blocks=1)
PAIR = translate.fit(IMAGES, IMAGES, TINY, steps=1, device="cpu")
NAN = float("nan")
THINGS = (NET, KIT_NET, IMAGES[0], HEAT, FACES, EVALUATION, OMAP, ATTRIBUTION, RECIPE, HISTORY)
ODD_VALUES = (
    *(
        None,
        True,
        False,
        NAN,
        float("inf"),
        -1,
        0,
        1,
        2.5,
        10**25,
        8,
        1j,
        "",
        "happy",
        "a\nb",
        "a\0b",
    ),
    *("face.png", "nowhere", b"x", [], (), {}, set(), [1], (1, 2), ["a"], [None], [[]], object()),
    *({"a": 1}, {"a": [1.0, 2.0]}, {1: None}, int, len, np.float32(1), np.array([]), np.nan),
    *(np.zeros((2, 3)), np.array(["a"]), np.array([None]), torch.zeros(()), torch.zeros(2, 0)),
    *(torch.zeros(1, 1, 24, 24), torch.full((1, 24, 24), NAN), range(3), *THINGS),
)
MEANT = {
    "net": (NET, KIT_NET),
    "nets": (KIT_NET, [KIT_NET, KIT_NET]),
    "image": (IMAGES[0], IMAGES[0] / 255.0, torch.from_numpy(IMAGES[1])),
    "images": (IMAGES, FACES, list(IMAGES)),
    "picture": (torch.rand(1, 24, 24),),
    "inputs": (torch.rand(2, 1, 24, 24), "gray"),
    **dict.fromkeys(("faces", "faceset", "train", "valid"), (FACES, FACES.where(split="test"))),
    "evaluation": (EVALUATION,),
    "omap": (OMAP,),
    "attribution": (ATTRIBUTION,),
    "attributions": ([ATTRIBUTION, ATTRIBUTION],),
    "heat": (HEAT, OMAP),
    "maps": ([HEAT],),
    "map": (HEAT,),
    "history": (HISTORY,),
    "recipe": (RECIPE, "one_cycle"),
    "figure": (plots.faces(FACES),),
    "split": (FACES.split, "test", "train", None),
    "labels": (FACES.labels,),
    "classes": (FER7, 7, ("a", "b")),
    "probabilities": (np.full((14, 7), 1 / 7, np.float32), np.full(7, 1 / 7)),
    "name": (*SMALL, "facs3d", "one_cycle", "mini_xception_facs3d", "made", "folder"),
    "root": ("photos", "empty", None),
    "path": ("new.png", "model.safetensors", "table.csv", "new.safetensors"),
    "out": ("new-run", None),
    "folder": ("new",),
    "method": tuple(saliency.METHODS),
    "fill": (*saliency.FILLS, 0.5),
    "engine": saliency.ENGINES,
    "target": (0, "happy", None),
    "window": (8, 12, (6, 8)),
    "stride": (6, 8, (6, 6)),
    "sliding_window_shapes": ((1, 12, 12),),
    "strides": ((1, 6, 6), 6),
    "size": (24, 48, (24, 24)),
    "true": FER7,
    "predicted": FER7,
    "key": KEYS[:2],
    "rows": ({"a": [1.0, 2.0]}, {"a": evaluate.Accuracy(1, 2)}, []),
    "scores": ({"a": [1.0, 2.0], "b": [3.0]},),
    "counts": ({"a": dict.fromkeys(FER7, 3)},),
    "label": ("accuracy",),
    "xlabel": ("accuracy",),
    "titles": (["a"], None),
    "correct": (1, 0),
    "n": (2, 1),
    **dict.fromkeys(("first", "second"), (IMAGES, "happy", "disgust")),
    "settings": (TINY,),
    "steps": (1,),
    "pair": (PAIR,),
    "truth": (IMAGES,),
    "to": ("first", None),
    "expression": ("happy",),
    "identities": ([3], range(2)),
    "generator": ("change",),
    "generators": (PAIR.generators,),
    "card": (PAIR.card, None),
    **dict.fromkeys(("x", "y"), (torch.rand(2, 1, 24, 24),)),
    "device": ("cpu", None, "cuda"),
    "precision": train.PRECISIONS,
    "epochs": (1,),
    "batch": (2, 8),
    "source": ("made",),
    "by": ("subject", "random", "published"),
    "shares": ((0.5, 0.25, 0.25), (1, 0, 0)),
    "compile": (False,),
    "input_size": (None, 48),
    "paths": ([["a"], ["b"]],),
    "before": (["a"],),
    "after": (["a"],),
    "join": ("add",),
    "create": (lambda: Net(),),
    "generate": (lambda images: 255 - images,),
    **dict.fromkeys(("first", "second"), (FACES,)),
}


CALLED = ("progress", "on_epoch", "on_picture", "create", "generate")


@st.composite
def given_to(draw, name):
    """Return arguments for a function: most as they are meant, some left out."""
    words = {}
    for one in inspect.signature(PUBLIC[name]).parameters.values():
        if one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL):
            continue
        needed = one.default is one.empty
        if one.name not in ("epochs", "steps", "settings") and not needed and draw(st.booleans()):
            continue
        if needed and not draw(st.integers(0, 60)):
            continue
        meant = MEANT.get(one.name, ODD_VALUES if needed else (one.default,))
        # a callable that fails on what it is told is its author's
        odd = st.sampled_from(
            [
                value
                for value in ODD_VALUES
                if not (one.name in LEFT_OUT and value is True)
                and not (one.name in CALLED and callable(value))
            ]
        )
        words[one.name] = draw(_mostly(meant, odd))
    return words


FUNCTION_CALLS = st.sampled_from(sorted(PUBLIC)).flatmap(
    lambda name: st.tuples(st.just(name), given_to(name))
)


def check_function(call):
    name, words = call
    function = PUBLIC[name]
    try:
        inspect.signature(function).bind(**words)
    except TypeError:
        return  # Python says itself what is missing
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            result = function(**words)
            repr(result)
            if inspect.isgenerator(result):
                next(result, None)
        except FerError as error:
            assert len(str(error).splitlines()) <= 3


@settings(max_examples=COMMAND_EXAMPLES, derandomize=True, **QUIET)
@given(CALLS)
def test_commands_end_in_a_result_or_a_sentence(place, call):
    check_command(call)


@settings(max_examples=FUNCTION_EXAMPLES, derandomize=True, **QUIET)
@given(FUNCTION_CALLS)
def test_functions_return_or_say_what_is_wrong(place, call):
    check_function(call)


@pytest.mark.fuzz
@pytest.mark.parametrize("kind", ["commands", "functions"])
def test_for_minutes(place, kind):
    check, calls = {
        "commands": (check_command, CALLS),
        "functions": (check_function, FUNCTION_CALLS),
    }[kind]
    count, end = 0, time.monotonic() + 60 * MINUTES / 2
    start = int(os.environ.get("FUZZ_SEED", "0"))
    while time.monotonic() < end:

        @seed(start + count)
        @settings(max_examples=100, **QUIET)
        @given(calls)
        def some(call):
            nonlocal count
            count += 1
            check(call)

        some()
    print(f"{count} examples of {kind}")
