"""The commands `bench` and `explain`, as they are typed. No test asks how fast anything is."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fer_lab.bench import bound, occlusion, shared, training
from fer_lab.bench.shared import Result
from fer_utils import models
from fer_utils.__main__ import main
from fer_utils.saliency.windows import OcclusionProblem, Windows

CASE = occlusion.Case("mini_xception", 48, 2)


def test_table_has_medians_and_ratios():
    results = [
        Result(CASE, occlusion.DEFAULT, [1.0, 3.0, 2.0], occlusion.Found(0.0, 0.05, 1234)),
        Result(CASE, "captum, 64 per pass", [0.4, 0.5, 0.9], occlusion.Found(1e-7, 0.05, None)),
        Result(CASE, "ours, fused (auto)", [0.1, 0.2, 0.1], occlusion.Found(2e-6, 0.05, 300)),
    ]
    lines = occlusion.BENCH.table(results).splitlines()
    said = [line.split()[-8:] for line in lines[2:5]]
    assert said[0] == ["2000.00", "1000.00", "3000.00", "1.00", "0.25", "50.00", "1,234", "0e+00"]
    assert said[1] == ["500.00", "400.00", "900.00", "4.00", "1.00", "50.00", "nan", "1e-07"]
    assert said[2] == ["100.00", "100.00", "200.00", "20.00", "5.00", "50.00", "300", "2e-06"]
    assert lines[0] == "mini_xception, picture 48 x 48, window 8 x 8, stride 2"
    assert lines[1].split() == [
        "ms",
        "fastest",
        "slowest",
        "x",
        "default",
        "x",
        "best",
        "bound",
        "peak",
        "MB",
        "difference",
    ]
    assert len({len(line) for line in lines[1:5]}) == 1


def test_committed_table_has_the_columns_of_today():
    for bench, name in ((occlusion.BENCH, "occlusion"), (training.BENCH, "training")):
        path = Path(__file__).resolve().parents[1] / "figures" / f"bench_{name}.csv"
        heads = next(line for line in path.read_text().splitlines() if line[0] != "#")
        columns = [column.name for column in bench.columns]
        assert heads.split(",") == [*bench.labels, bench.contender, *columns]


def test_every_architecture_with_faces_of_its_own_size_can_be_measured():
    for case in (*occlusion.CASES, *occlusion.HEAVY):
        case.check()
        assert case.model in (*models.names(), *models.pretrained_names())
    names = {case.model for case in (*occlusion.CASES, *occlusion.HEAVY)}
    assert {"light_vgg", "inception_resnet_v2", "vgg16_gap", "vgg13"} <= names
    assert set(models.pretrained_names()) <= names


def test_bound_counts_what_the_square_changes():
    conv = torch.nn.Conv2d(1, 4, 3)
    net = torch.nn.Sequential(conv, torch.nn.Flatten(), torch.nn.Linear(4 * 14 * 14, 2)).eval()
    windows = Windows((16, 16), (4, 4), (4, 4))
    problem = OcclusionProblem(torch.rand(1, 1, 16, 16), torch.zeros(1), windows)
    # along an axis a window changes as many outputs as see it: 4, 6, 6 and 4 of the 14
    assert bound.multiply_adds(net, problem) == 20**2 * 36 + 20**2 * 4 * 2
    assert bound.matrix_rate(torch.device("cpu")) > 1e6


def test_race_runs_all_in_turn_on_the_same_pictures():
    calls = []
    contenders = {name: lambda x, name=name: calls.append((name, x)) or -x for name in "ab"}
    assert shared.race(contenders, [7, 8, 9]) == {"a": [-7, -8, -9], "b": [-7, -8, -9]}
    assert calls == [("a", 7), ("b", 7), ("a", 8), ("b", 8), ("a", 9), ("b", 9)]


def test_clock_tells_what_work_takes_and_returns(monkeypatch):
    times = iter([10.0, 12.5])
    monkeypatch.setattr(shared, "perf_counter", lambda: next(times))
    assert shared.timed(lambda: "map") == (2.5, "map")


def test_bench_occlusion(capsys, tmp_path):
    words = ["bench", "occlusion", "--model", "mini_xception", "--repeats", "1"]
    words += ["--stride", "8", "--window", "10", "--csv", str(tmp_path / "bench.csv")]
    assert main(words) == 0
    said = capsys.readouterr().out
    written = (tmp_path / "bench.csv").read_text()
    assert "made by: python -m fer_utils bench occlusion --model mini_xception --size 48" in written
    assert str(tmp_path) not in written
    rows = [line for line in written.splitlines() if not line.startswith("#")]
    assert len(rows) == 1 + 4 + len(occlusion.ENGINES["cpu"])
    assert rows[1].startswith(f'mini_xception,48,10,8,"{occlusion.DEFAULT}"')
    assert '"ours, batched"' in rows[5] and "(auto)" in rows[6]
    assert all(float(row.split(",")[-1]) < 1e-4 for row in rows[1:])
    assert "mini_xception, picture 48 x 48, window 10 x 10, stride 8" in said
    assert re.search(r"captum \d.*torch \d.*\d threads", said)


def test_on_a_gpu_both_engines_are_measured(monkeypatch):
    monkeypatch.setattr(occlusion, "ENGINES", {"cpu": occlusion.ENGINES["cuda"]})
    case = occlusion.Case("mini_xception", 16, 8)
    taken = models.create("mini_xception", seed=0, input_size=16).eval()
    refused = models.create("mini_xception", seed=0, input_size=16, stl=True).eval()
    assert occlusion.engines_for(taken, case) == ["batched", "delta"]
    assert occlusion.engines_for(refused, case) == ["batched"]
    assert list(occlusion.make_contenders(taken, case))[-2:] == ["batched", "delta"]


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
        ("--window", "0", "'0' is not a whole number from 1"),
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
