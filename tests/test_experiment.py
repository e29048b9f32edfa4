"""The frame of the experiments: runs are kept, found again, and shared among programs."""

import json
import pickle
import runpy
import sys
from argparse import Namespace
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

from fer_lab import experiment as frame
from fer_lab.experiment import ArmRun, Experiment
from fer_lab.experiments import (
    architectures,
    deep_parts,
    first_layers,
    leakage,
    recipe_parts,
    table_one,
    training_parts,
)
from fer_lab.run import RunLock, TakenOverError, differences, do
from fer_utils import train
from fer_utils.errors import FerError
from fer_utils.files import read_json
from fer_utils.locks import LOCK
from tests.test_locks import another_program
from tests.test_train import QUICK, small_net, stripes

SCRIPTS = (
    architectures,
    deep_parts,
    first_layers,
    leakage,
    recipe_parts,
    table_one,
    training_parts,
)
EXPERIMENTS = [script.EXPERIMENT for script in SCRIPTS]
of_each = pytest.mark.parametrize("each", EXPERIMENTS, ids=lambda each: each.name)


@dataclass(frozen=True)
class Arm:
    name: str


ARMS = (Arm("one, small"), Arm("two"))


def settings(arm):
    return [{"name": arm.name}, "bfloat16"]


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(frame, "ROOT", tmp_path)
    (tmp_path / "figures").mkdir()
    return tmp_path


@pytest.fixture
def done():
    """Collect the runs that the experiment below does."""
    return []


@pytest.fixture
def small(root, done):
    def run(arm, seed, fit):
        done.append((arm.name, seed))
        return {}

    def table_of(rows):
        return "".join(f"{row['arm']} {row['seed']}\n" for row in rows)

    return Experiment("small", ARMS, (0, 1), settings, run, table_of, lambda rows: Figure())


def call(experiment, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["small.py", *words])
    return experiment.main("a small one")


def test_all_runs_then_table_and_figure(small, done, root, monkeypatch, capsys):
    assert call(small, monkeypatch) == 0
    assert done == [("one, small", 0), ("two", 0), ("one, small", 1), ("two", 1)]
    assert small.table.read_text() == "one, small 0\none, small 1\ntwo 0\ntwo 1\n"
    assert (root / "figures" / "small.png").stat().st_size > 1000
    assert capsys.readouterr().out == f"wrote {Path('figures/small.csv')} and small.png\n"
    assert call(small, monkeypatch) == 0
    assert len(done) == 4  # all are found again


def test_a_part_of_the_runs_waits_for_the_others(small, done, monkeypatch, capsys):
    assert call(small, monkeypatch, "--seeds", "1") == 0
    assert "2 of 4 runs are there; the table waits for the others" in capsys.readouterr().out
    assert not small.table.exists()
    assert call(small, monkeypatch, "--seeds", "0") == 0
    assert done == [("one, small", 1), ("two", 1), ("one, small", 0), ("two", 0)]
    assert small.table.exists()


def test_programs_share_the_runs_without_doing_one_twice(small, done, monkeypatch, capsys):
    assert call(small, monkeypatch, "--share", "2/3") == 0
    assert done == [("two", 0)]
    assert call(small, monkeypatch, "--share", "3/3") == 0
    assert call(small, monkeypatch, "--share", "1/3") == 0
    assert done == [("two", 0), ("one, small", 1), ("one, small", 0), ("two", 1)]
    assert small.table.exists()
    for wrong in ("0/2", "3/2", "half"):
        assert call(small, monkeypatch, "--share", wrong) == 2
    assert "'half' is not K/N" in capsys.readouterr().err


def test_a_run_kept_under_an_old_name_of_a_setting_is_found(small, done, monkeypatch):
    small = replace(small, settings=lambda arm: [train.recipe("one_cycle")])
    assert call(small, monkeypatch) == 0
    for run in small.runs((0,)):
        old = json.loads(run.file.read_text().replace("optimizer", "optimiser"))
        del old["checksum"]  # from before there was one
        run.file.write_text(json.dumps(old))
    assert call(small, monkeypatch) == 0
    assert len(done) == 4


def test_interrupted_run_leaves_nothing_and_the_finished_ones_stay(small, monkeypatch, capsys):
    def run(arm, seed, fit):
        if (arm, seed) == (ARMS[1], 0):
            raise KeyboardInterrupt
        return small.run(arm, seed, fit)

    stops = replace(small, run=run)
    assert call(stops, monkeypatch) == 130
    expected = (
        "interrupted; finished runs are kept. Go on with: python -m fer_lab.experiments.small\n"
    )
    assert capsys.readouterr().out == expected
    kept = [run.finished() is not None for run in small.runs((0, 1))]
    assert kept == [True, False, False, False]


OPTIONS = Namespace(seeds=(0,), share="1/1", threads=None, scheduler=None)


def test_run_that_another_program_has_done_meanwhile_is_not_done_again(small):
    ours = []

    def run(arm, seed, fit):
        ours.append((arm.name, seed))
        assert small.run_missing(OPTIONS) == []  # the other program, which does all
        return {"seed": "ours"}

    assert replace(small, run=run).run_missing(OPTIONS) == []
    assert ours == [("one, small", 0)]
    assert [run.finished()["seed"] for run in small.runs((0,))] == [0, 0]


def test_threads_are_set(small, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    call(small, monkeypatch, "--seeds", "0")
    assert asked == []
    call(small, monkeypatch, "--threads", "3")
    assert asked == [3, 3]  # once for each run


def test_finished_run_says_its_settings_first(small, root):
    small.run_missing(OPTIONS)
    row = read_json(root / "runs" / "small" / "one_small_0.json")
    assert list(row.items()) == [
        ("settings", json.dumps(settings(ARMS[0]))),
        ("arm", "one, small"),
        ("seed", 0),
    ]


def test_nothing_but_the_record_is_left(small, root):
    small.run_missing(OPTIONS)
    names = {path.name for path in (root / "runs" / "small").iterdir()}
    assert names == {"one_small_0.json", "two_0.json"}


def test_run_of_other_settings_is_done_again_and_says_what_differs(small, done, capsys):
    small.run_missing(OPTIONS)
    other = replace(small, settings=lambda arm: [{"name": arm.name}, "float32"])
    assert other.run_missing(OPTIONS) == []
    assert len(done) == 4
    said = capsys.readouterr().out
    expected = '(setting 2 "bfloat16" there, "float32" asked)'
    assert f"one, small, seed 0: done again, since its settings have changed {expected}" in said


def test_an_arm_that_another_program_is_at_is_told_and_the_others_go_on(
    small, done, monkeypatch, capsys
):
    (run,) = small.runs((0,))[:1]
    run.folder.mkdir(parents=True)
    with another_program(run.folder / LOCK) as other:
        assert call(small, monkeypatch) == 2
    said = capsys.readouterr().out
    assert f"failed: {run.folder} is in use by process {other.pid} on" in said
    assert "3 of 4 runs are there" in said
    assert call(small, monkeypatch) == 0 and len(done) == 4


def test_runs_that_learned_from_other_faces_are_done_again(striped, monkeypatch, capsys):
    striped = replace(striped, data="mine")
    now = {"train": stripes(48, 0, "train"), "valid": stripes(16, 1, "valid")}
    monkeypatch.setattr(frame, "parts", lambda name: now)
    (run,) = striped.runs((0,))
    first = do(run)
    assert run.finished() == json.loads(json.dumps(first))
    now["train"] = stripes(48, 7, "train")
    assert run.finished() is None
    now.clear()  # the data set is not here: the record is all there is
    monkeypatch.setattr(frame, "parts", lambda name: frame.data.load("folder", "nowhere"))
    assert run.finished() is not None


def test_failed_run_is_told_and_the_others_go_on(small, done, monkeypatch, capsys):
    def run(arm, seed, fit):
        if arm == ARMS[0]:
            raise FerError("no number")
        return small.run(arm, seed, fit)

    assert call(replace(small, run=run), monkeypatch) == 2
    said = capsys.readouterr().out
    assert said.count("failed: no number\n") == 2 and "2 of 4 runs are there" in said


def test_runs_are_sent_to_a_cluster_where_one_is_named(small, done, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert call(small, monkeypatch, "--scheduler", "tcp://127.0.0.1:1") == 2
    assert "failed: a cluster needs Dask" in capsys.readouterr().out and done == []


@pytest.fixture
def striped(root):
    """An experiment that trains: a tiny net, three epochs."""
    recipe = replace(QUICK, epochs=3)

    def run(arm, seed, fit):
        net = small_net(seed)
        faces = {"train": stripes(48, 0, "train"), "valid": stripes(16, 1, "valid")}
        history = fit(net, faces, recipe, device="cpu")
        keep = ("train_loss", "valid_accuracy")
        return {"epochs": [[row[key] for key in keep] for row in history.epochs]}

    return Experiment("striped", ARMS[1:], (0,), settings, run, str, lambda rows: Figure())


def test_interrupted_run_goes_on_to_the_same_numbers(striped, root, monkeypatch):
    (run,) = striped.runs((0,))
    whole = do(run)
    assert len(whole["epochs"]) == 3 and not run.folder.exists()
    run.file.unlink()
    check = RunLock.check

    def interrupt(lock, history=None):
        check(lock, history)
        if history and len(history.epochs) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(RunLock, "check", interrupt)
        with pytest.raises(KeyboardInterrupt):
            do(run)
    assert run.finished() is None and (run.folder / "last.pt").is_file()
    left = json.loads((run.folder / "history.json").read_text())["epochs"]
    assert len(left) == 2
    assert do(run) == whole
    assert not run.folder.exists()


def test_training_that_another_program_takes_over_stops_at_the_end_of_its_epoch(
    striped, monkeypatch
):
    (run,) = striped.runs((0,))
    check, epochs = RunLock.check, []

    def taken(lock, history=None):
        epochs.append(history)
        if len(epochs) == 2:
            RunLock(run.folder)
        check(lock, history)

    monkeypatch.setattr(RunLock, "check", taken)
    with pytest.raises(TakenOverError, match="taken over"):
        do(run)
    assert len(epochs) == 2 and run.finished() is None


@of_each
def test_runs_of_other_settings_are_not_reused(each, root):
    run, other = ArmRun(each, 0, 0), ArmRun(each, 2, 0)
    row = {"settings": json.dumps(run.config()), "correct": 1}
    run.file.parent.mkdir(parents=True)
    run.file.write_text(json.dumps(row))
    assert run.finished() == row
    assert replace(run, seed=1).finished() is None
    run.file.write_text(json.dumps({**row, "settings": json.dumps(other.config())}))
    assert run.finished() is None


@of_each
def test_every_run_has_a_file_of_its_own(each):
    paths = [run.file for run in each.runs(each.seeds)]
    assert len(set(paths)) == len(paths)


@of_each
def test_run_travels_to_another_machine(each):
    run = ArmRun(each, 1, 2, threads=3)
    there = pickle.loads(pickle.dumps(run))
    assert there == run and there.experiment.run is each.run


@of_each
def test_script_runs_as_a_program(each, monkeypatch, capsys):
    module = each.command.removeprefix("python -m ")
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    monkeypatch.delitem(sys.modules, module)
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module(module, run_name="__main__")
    assert "--seeds" in capsys.readouterr().out


def test_no_recipe_hides_another():
    first = train.recipe("one_cycle").as_dict()
    second = {**first, "batch": 999}
    assert differences([first, first], [first, first]) == ""
    assert "batch" in differences([first, first], [first, second])


@pytest.mark.parametrize("damage", ["", "{}", '{"settings": "no JSON"}', "[1]"])
def test_a_damaged_record_is_done_again(small, done, monkeypatch, damage):
    assert call(small, monkeypatch) == 0
    small.runs((0,))[0].file.write_text(damage)
    assert call(small, monkeypatch) == 0
    assert len(done) == 5
