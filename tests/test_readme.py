"""The README says what the files say."""

import csv
import re
from pathlib import Path

import pytest

from fer_utils import data, models

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


@pytest.mark.parametrize("name", data.names())
def test_every_data_set_has_a_command_that_trains_it(name):
    line = next(line for line in README.splitlines() if f"train --data {name} " in line)
    assert line.startswith("python -m fer_utils train") and " --out runs/" in line


NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
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


MIRRORED = "valid, with the mirror image"
NAMES = [name for name in models.pretrained_names() if MIRRORED in models.card(name)["scores"]]


@pytest.mark.parametrize("name", NAMES)
def test_scores_with_the_mirror_image_are_those_of_the_cards(name):
    share = models.card(name)["scores"][MIRRORED]["accuracy"]
    line = next(line for line in README.splitlines() if f"figures/{name}_confusion.csv" in line)
    assert f"| {100 * share:.1f} % |" in line


@pytest.mark.parametrize("name", NAMES)
def test_scores_on_privatetest_are_those_of_the_cards(name):
    card = models.card(name)
    plain, mirrored = (card["scores"][key] for key in ("test", "test, with the mirror image"))
    n = plain["n"]
    correct, other = (round(score["accuracy"] * n) for score in (plain, mirrored))
    line = next(line for line in README.splitlines() if f"figures/{name}_confusion.csv" in line)
    assert f"| {100 * correct / n:.1f} % ({correct:,} of {n:,}), {100 * other / n:.1f} % |" in line
    assert "PrivateTest was scored once, after the weights were frozen" in card["note"]


@pytest.mark.parametrize("name", models.pretrained_names())
def test_every_network_is_listed(name):
    assert f"| `{name}` |" in README
    assert (ROOT / "figures" / f"{name}_confusion.csv").exists()


def test_accuracies_of_all_architectures_are_those_of_the_table():
    text = (ROOT / "figures" / "architectures.csv").read_text()
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    line = next(line for line in README.splitlines() if "figures/architectures.csv" in line)
    _, what, measured, command, _ = line.split("|")
    shares = [f"{100 * int(row['correct']) / int(row['n']):.1f}" for row in rows]
    assert sorted(re.findall(r"\d+\.\d(?= |,|%)", measured)) == sorted(shares)
    nets = {row["arm"].partition(",")[0] for row in rows}
    assert f"{NUMBERS[len(nets)]} of the {NUMBERS[len(models.names())]} architectures" in what
    assert command.split("`")[1] in text


def bench_lines():
    """Return a line for each case of the benchmark, as the README's table has it."""
    text = (ROOT / "figures" / "bench_occlusion.csv").read_text()
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    for ours in (row for row in rows if row["engine"].endswith("(auto)")):
        case = [row for row in rows if all(row[key] == ours[key] for key in list(row)[:4])]
        peers = [float(row["median_ms"]) for row in case if row["engine"].startswith("captum")]
        engine, ms = ours["engine"].split()[1], float(ours["median_ms"])
        yield (
            f"| `{ours['model']}`, {ours['size']} x {ours['size']}, stride {ours['stride']} "
            f"| {engine} | {ms:.1f} ms | {peers[0]:,.0f} ms: {peers[0] / ms:.0f} x "
            f"| {min(peers):,.0f} ms: {min(peers) / ms:.0f} x | {ours['largest_difference']} |"
        )


def test_bench_numbers_are_those_of_the_table():
    lines = list(bench_lines())
    assert len(lines) == 7
    for line in lines:
        assert line in README
