"""The README says what the files say."""

import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def test_links_and_pictures_exist():
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(targets) > 10
    missing = [target for target in targets if not (ROOT / target).exists()]
    assert not missing


def test_every_notebook_is_listed():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        assert f"notebooks/{path.name}" in README


TABLES = sorted((ROOT / "figures").glob("*_confusion.csv"))


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_scores_are_those_of_the_tables(path):
    with open(path, newline="") as file:
        about = file.readline()
        rows = list(csv.reader(file))[1:]
    correct, count = map(int, re.search(r"\((\d+) of (\d+);", about).groups())
    matrix = [[int(n) for n in row[1 : 1 + len(rows)]] for row in rows]
    assert sum(matrix[i][i] for i in range(len(rows))) == correct
    assert sum(map(sum, matrix)) == count
    line = next(line for line in README.splitlines() if f"figures/{path.name}" in line)
    assert f"{correct:,} of {count:,}" in line
    assert f"{100 * correct / count:.1f} %" in line


def test_bench_numbers_are_those_of_the_table():
    rows = {}
    for line in (ROOT / "figures" / "bench_occlusion.csv").read_text().splitlines():
        if line.startswith('"'):
            name, numbers = line[1:].split('",')
            rows[name] = [float(n) for n in numbers.split(",")]
    line = next(line for line in README.splitlines() if "bench_occlusion.csv" in line)
    best = min(each[0] for name, each in rows.items() if name.startswith("captum"))
    assert f"{rows['fer_utils, all classes'][0]:.1f} ms" in line
    assert f"{rows['captum, default (1 per pass)'][0]:.0f} ms" in line and f"{best:.0f} ms" in line
