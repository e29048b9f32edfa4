"""The command `explain` with its methods and scores, as it is typed; see also test_bench.py."""

import re
from importlib import import_module

import numpy as np
import pytest
from PIL import Image

from fer_utils import data, models, saliency
from fer_utils.__main__ import main
from fer_utils.saliency import scores


@pytest.fixture
def typed(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (50, 44), np.uint8)
    Image.fromarray(image).save(tmp_path / "face.png")
    return ["explain", "--out", str(tmp_path / "map.png")]


@pytest.mark.parametrize("method", ["integrated_gradients", "grad_cam", "part_ablation"])
def test_explain_writes_the_map_of_any_method(typed, tmp_path, capsys, method):
    words = ["--image", str(tmp_path / "face.png"), "--method", method, "--target", "fear"]
    assert main([*typed, *words]) == 0
    said = capsys.readouterr().out
    assert "picture: 50 x 44 pixels" in said
    assert f"method: {saliency.METHODS[method].title} (" in said
    assert "explains: logit of fear" in said
    assert ("worth most: cell" in said) == (method == "part_ablation")
    assert Image.open(tmp_path / "map.png").width > 500


def test_a_face_of_facs3d_is_scored_against_its_truth(typed, capsys):
    faces = data.load("facs3d", split="test")
    net = models.pretrained("mini_xception_facs3d")
    words = ["--face", "0", "--method", "gradient", "--scores"]
    assert main([*typed, *words]) == 0
    said = capsys.readouterr().out
    truth = scores.truth(faces, 0)
    assert f"face 0 of facs3d: {truth.expression}, carried by {', '.join(truth.parts)}" in said
    found = saliency.attribute(net, faces.images[0], "gradient")
    inside = scores.energy_inside(found.map, truth.mask)
    assert re.search(rf"energy inside +{inside.value:.3f} +{inside.chance:.3f} +higher", said)
    assert re.search(r"\ndeletion +\d\.\d{3} +\d\.\d{3} +lower\n", said)
    assert re.search(r"\nrandomization +-?\d\.\d{3} +0.000 +lower\n", said)


def test_the_action_units_on_which_the_map_lies_are_named(typed, capsys):
    assert main([*typed, "--face", "0", "--method", "gradient"]) == 0
    said = capsys.readouterr().out
    assert re.search(
        r"energy by action unit \(share of the area\): AU\d+ [a-z ]+ 0\.\d\d \(0\.", said
    )


def test_all_methods_on_one_sheet(typed, tmp_path, capsys, monkeypatch):
    few = {name: saliency.METHODS[name] for name in ("gradient", "lime", "guided_backprop")}
    monkeypatch.setattr(saliency, "METHODS", few)
    net = models.create("mini_xception", variant="alessi2019", seed=0)  # rectifies by a function
    models.save(net, tmp_path / "net.safetensors")
    words = ["--face", "0", "--method", "all", "--model", str(tmp_path / "net.safetensors")]
    assert main([*typed, *words, "--target", "fear"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"energy inside +randomization +seconds\ngradient .*\nLIME +", said)
    assert "left out: guided_backprop does not suit this net" in said
    assert Image.open(tmp_path / "map.png").width > 500
    assert main([*typed, *words, "--window", "5"]) == 2
    assert "--window is for one method" in capsys.readouterr().err


def test_known_parts_are_named(typed, capsys):
    assert main([*typed, "--face", "0", "--method", "part_ablation"]) == 0
    assert re.search(r"worth most: [a-z]+ -?\d+\.\d+, [a-z]+ ", capsys.readouterr().out)


def test_scores_that_do_not_apply_say_why(typed, tmp_path, capsys):
    words = ["--image", str(tmp_path / "face.png"), "--window", "20", "--stride", "10"]
    assert main([*typed, *words, "--scores"]) == 0
    said = capsys.readouterr().out
    assert "square: 20 x 20 pixels, stride 10 x 10, black; 16 positions" in said
    assert re.search("energy inside +not applicable: the truth is not known for this", said)
    assert re.search(r"\ninsertion +\d\.\d{3}", said)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--face", "0", "--method", "gradiant"], "Did you mean 'gradient'"),
        (["--face", "0", "--method", "gradient", "--window", "5"], "gradient has no option"),
        (["--face", "100000"], "test faces 0 to"),
        (["--face", "-1"], "test faces 0 to"),
        (["--face", "0", "--target", "joy-ish"], "joy-ish"),
        (["--image", "missing.png", "--method", "rise"], "no picture file missing.png"),
    ],
)
def test_explain_refuses_in_one_line(typed, tmp_path, capsys, words, message):
    assert main([*typed, *words]) == 2
    said = capsys.readouterr()
    assert message in said.err and said.err.count("\n") == 1 and said.out == ""
    assert not (tmp_path / "map.png").exists()


def test_a_face_or_an_image_but_not_both(typed, capsys):
    for words in ([], ["--face", "0", "--image", "face.png"]):
        assert main([*typed, *words]) == 2
    assert "not allowed with" in capsys.readouterr().err


def test_the_map_of_the_square_is_computed_once(typed, tmp_path, capsys, monkeypatch):
    methods = import_module("fer_utils.saliency.methods")
    seen, look = [], saliency.occlusion
    monkeypatch.setattr(methods, "occlusion", lambda *a, **k: seen.append(k) or look(*a, **k))
    monkeypatch.setattr(saliency, "occlusion", None)
    words = ["--image", str(tmp_path / "face.png"), "--whole", "--window", "25", "--stride", "20"]
    assert main([*typed, *words, "--fill", "mean"]) == 0
    assert "stride 20 x 20, mean; 6 positions" in capsys.readouterr().out
    assert [k["fill"] for k in seen] == ["mean"]


def test_more_positions_than_anybody_needs_name_the_ways_out_that_the_command_has(
    typed, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(import_module("fer_utils.saliency.occlusion"), "MOST_POSITIONS", 3)
    words = [*typed, "--image", str(tmp_path / "face.png"), "--window", "25", "--stride", "20"]
    assert main([*words, "--whole"]) == 2
    said = capsys.readouterr().err
    assert "6 positions of the square on 50 x 44 pixels would take long: leave out --whole" in said
    assert "a larger --stride, or add --force." in said and "force=" not in said
    assert main([*words, "--force"]) == 0
    assert "6 positions" in capsys.readouterr().out
