"""The command `bench startup`. No test asks how fast anything is."""

import csv
import os
from pathlib import Path

import pytest

from fer_lab.bench import startup
from fer_lab.bench.shared import Result
from fer_utils.__main__ import main
from fer_utils.errors import FerError

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "src" / "00_start_here.py"
needs_wait4 = pytest.mark.skipif(not hasattr(os, "wait4"), reason="no os.wait4 on this system")


def test_table_has_medians_ratios_and_memory():
    results = [
        Result("whole programs", startup.PEER, [1.0, 3.0, 2.0], 210.4),
        Result("whole programs", "ours", [5.0, 4.0, 9.0], 300.0),
    ]
    said = [line.split()[-4:] for line in startup.BENCH.table(results).splitlines()[2:4]]
    assert said == [["2.00", "1.00", "210", "3"], ["5.00", "2.50", "300", "3"]]


def test_the_cell_is_that_of_the_notebooks():
    assert startup.SET_UP in NOTEBOOK.read_text(encoding="utf-8")


def test_programs_are_run_in_turn_and_the_first_round_is_not_counted(monkeypatch):
    calls = []

    def start(words):
        calls.append(words)
        return float(len(calls)), 100.0 * len(calls)

    monkeypatch.setattr(startup, "start", start)
    monkeypatch.setattr(startup, "PROGRAMS", {"a": ("1",), "b": ("2",)})
    first, second = startup.measure(2)
    assert calls == [("1",), ("2",)] * 3
    assert (first.values, second.values) == ([3.0, 5.0], [4.0, 6.0])
    assert (first.other, second.other) == (400.0, 500.0)


@needs_wait4
def test_memory_is_the_program_s_own():
    """The process that runs the tests holds torch; a small program is not told to."""
    small, large = (startup.start(("-c", f"x = b'1' * {size}"))[1] for size in (1, 200_000_000))
    assert small < 100 < 200 < large


@needs_wait4
def test_program_that_fails_is_told():
    with pytest.raises(FerError, match="nosuchmodule"):
        startup.start(("-c", "import nosuchmodule"))


@needs_wait4
def test_bench_startup(monkeypatch, capsys, tmp_path):
    quick = {startup.PEER: ("-c", "pass"), "other": ("-c", "print('said to nobody')")}
    monkeypatch.setattr(startup, "PROGRAMS", quick)
    path = tmp_path / "bench_startup.csv"
    assert main(["bench", "startup", "--repeats", "2", "--csv", str(path)]) == 0
    said = capsys.readouterr().out
    assert "2 rounds, interleaved" in said and "said to nobody" not in said
    about = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert about[-1].startswith("# made by: python -m fer_utils bench startup --repeats 2")
    rows = list(csv.DictReader(path.read_text().splitlines()[len(about) :]))
    assert [(row["program"], row["n"]) for row in rows] == [(startup.PEER, "2"), ("other", "2")]
    assert rows[0]["times_as_long_as_import_torch"] == "1.00"
    assert all(float(row["peak_mb"]) > 1 for row in rows)


def test_nothing_to_measure_is_refused(capsys):
    assert main(["bench", "startup", "--repeats", "0"]) == 2
    assert "'0' is not a whole number from 1" in capsys.readouterr().err
