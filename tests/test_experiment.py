"""The frame of the experiments: runs are kept, found again, and shared among programs."""

import json
import runpy
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure

from fer_lab.experiments import experiment as frame
from fer_lab.experiments import first_layers, leakage, recipe_parts, training_parts
from fer_lab.experiments.experiment import Experiment

SCRIPTS = (first_layers, leakage, recipe_parts, training_parts)
EXPERIMENTS = [script.EXPERIMENT for script in SCRIPTS]
of_each = pytest.mark.parametrize("each", EXPERIMENTS, ids=lambda each: each.name)


@dataclass(frozen=True)
class Arm:
    name: str


ARMS = (Arm("one, small"), Arm("two"))


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
    def run(arm, seed):
        done.append((arm.name, seed))
        return {"arm": arm.name, "seed": seed}

    def table_of(rows):
        return "".join(f"{row['arm']} {row['seed']}\n" for row in rows)

    return Experiment("small", ARMS, (0, 1), repr, run, table_of, lambda rows: Figure())


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
        with pytest.raises(SystemExit):
            call(small, monkeypatch, "--share", wrong)
    assert "invalid share_of value: 'half'" in capsys.readouterr().err


def test_a_run_kept_under_an_old_name_of_a_setting_is_found(small, done, monkeypatch):
    small = replace(small, settings=lambda arm: '{"optimizer": "adam"}')
    assert call(small, monkeypatch) == 0
    for arm in ARMS:
        path = small.path_of(arm, 0)
        path.write_text(path.read_text().replace("optimizer", "optimiser"))
    assert call(small, monkeypatch) == 0
    assert len(done) == 4


def test_interrupted_run_leaves_nothing_and_the_finished_ones_stay(small, monkeypatch, capsys):
    stops = replace(small, run=lambda *one: None if one == (ARMS[1], 0) else small.run(*one))
    assert call(stops, monkeypatch) == 130
    assert capsys.readouterr().out == (
        "interrupted; finished runs are kept. Go on with: python -m fer_lab.experiments.small\n"
    )
    kept = [small.finished(arm, seed) is not None for seed in (0, 1) for arm in ARMS]
    assert kept == [True, False, False, False]


def test_run_that_another_program_has_done_meanwhile_is_not_done_again(small):
    ours = []

    def run(arm, seed):
        ours.append((arm.name, seed))
        small.run_missing((0,))  # the other program, which does all
        return {"arm": arm.name, "seed": seed}

    assert replace(small, run=run).run_missing((0,))
    assert ours == [("one, small", 0)]


def test_threads_are_set(small, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    call(small, monkeypatch)
    call(small, monkeypatch, "--threads", "3")
    assert asked == [3]


def test_finished_run_says_its_settings_first(small, root):
    assert small.run_missing((0,))
    row = json.loads((root / "runs" / "small" / "one_small_0.json").read_text())
    assert list(row.items()) == [("settings", repr(ARMS[0])), ("arm", "one, small"), ("seed", 0)]


@of_each
def test_runs_of_other_settings_are_not_reused(each, root):
    arm, other = each.arms[0], each.arms[2]
    row = {"settings": each.settings(arm), "correct": 1}
    path = each.path_of(arm, 0)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(row))
    assert each.finished(arm, 0) == row
    assert each.finished(arm, 1) is None
    path.write_text(json.dumps({**row, "settings": each.settings(other)}))
    assert each.finished(arm, 0) is None


@of_each
def test_every_run_has_a_file_of_its_own(each):
    paths = [each.path_of(arm, seed) for arm in each.arms for seed in each.seeds]
    assert len(set(paths)) == len(paths)


@of_each
def test_script_runs_as_a_program(each, monkeypatch, capsys):
    module = each.command.removeprefix("python -m ")
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    monkeypatch.delitem(sys.modules, module)
    with pytest.raises(SystemExit, match="0"):
        runpy.run_module(module, run_name="__main__")
    assert "--seeds" in capsys.readouterr().out
