"""The commands `bench` and `explain`, as they are typed. No test asks how fast anything is."""

import re

import numpy as np
import pytest
from PIL import Image

from fer_utils import models
from fer_utils.__main__ import main
from fer_utils.commands import bench


def test_table_has_medians_and_ratios():
    times = {
        bench.DEFAULT: [1.0, 3.0, 2.0],
        "captum, 64 per pass": [0.4, 0.5, 0.9],
        bench.OURS: [0.1, 0.2, 0.1],
    }
    rows = [line.split()[-5:] for line in bench.table(times).splitlines()[1:4]]
    assert rows[0] == ["2000.0", "1000.0", "3000.0", "1.00", "0.25"]
    assert rows[1] == ["500.0", "400.0", "900.0", "4.00", "1.00"]
    assert rows[2] == ["100.0", "100.0", "200.0", "20.00", "5.00"]


def test_race_runs_all_in_turn():
    calls = []
    contenders = {name: lambda name=name: calls.append(name) or name for name in "ab"}
    maps, times = bench.race(contenders, 2)
    assert calls == ["a", "b"] * 3
    assert maps == {"a": "a", "b": "b"}
    assert {name: len(each) for name, each in times.items()} == {"a": 2, "b": 2}


def test_bench_occlusion(capsys, tmp_path):
    words = ["bench", "occlusion", "--repeats", "1", "--stride", "8", "--window", "10"]
    assert main([*words, "--csv", str(tmp_path / "bench.csv")]) == 0
    said = capsys.readouterr().out
    written = (tmp_path / "bench.csv").read_text()
    assert "# made by: python -m fer_utils bench occlusion --model mini_xception" in written
    rows = [line for line in written.splitlines() if not line.startswith("#")]
    assert len(rows) == 1 + 6 and rows[1].startswith(f'"{bench.DEFAULT}"')
    assert rows[1].endswith(",1.00")
    assert "window 10, stride 8: 36 positions" in said
    assert re.search(r"captum \d.*torch \d.*\d threads", said)
    difference = float(re.search(r"largest difference between the maps: (\S+)", said)[1])
    assert difference < 1e-5


@pytest.fixture
def typed(tmp_path):
    models.save(models.create("mini_xception", seed=0), tmp_path / "net.safetensors")
    image = np.random.default_rng(0).integers(0, 256, (60, 50), np.uint8)
    Image.fromarray(image).save(tmp_path / "face.png")
    return [
        "explain",
        *("--model", str(tmp_path / "net.safetensors")),
        *("--image", str(tmp_path / "face.png")),
        *("--out", str(tmp_path / "map.png")),
    ]


def test_explain_says_what_it_saw(typed, tmp_path, capsys):
    assert main(typed) == 0
    said = capsys.readouterr().out
    assert "picture: 60 x 50 pixels" in said
    assert "square: 8 x 8 pixels, stride 2 x 2, black; 594 positions" in said
    prediction = re.search(r"prediction: (\w+) \(\1 0\.\d{3}", said)
    assert prediction[1] in models.create("mini_xception").classes
    assert re.search(r"label changes at \d+ of 594 positions", said)
    assert f"wrote {tmp_path / 'map.png'}" in said
    assert Image.open(tmp_path / "map.png").width > 500


def test_explain_takes_its_options(typed, capsys):
    options = ["--window", "12", "--stride", "6", "--fill", "0.5", "--target", "fear"]
    assert main([*typed, *options]) == 0
    said = capsys.readouterr().out
    assert "square: 12 x 12 pixels, stride 6 x 6, 0.5; 72 positions" in said
    assert re.search(r"most important for fear: rows \d+-\d+, columns \d+-\d+", said)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--image", "missing.png", "no picture file missing.png"),
        ("--model", "nobody", "nobody"),
        ("--out", "map.xyz", "map.xyz must end in"),
        ("--window", "51", "does not fit"),
        ("--window", "0", "1 pixel or more"),
        ("--stride", "9", "gaps"),
        ("--fill", "pink", "fill='pink'"),
        ("--target", "joy-ish", "joy-ish"),
    ],
)
def test_explain_refuses_in_one_line(typed, tmp_path, capsys, option, value, message):
    assert main([*typed, option, value]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not (tmp_path / "map.png").exists()
