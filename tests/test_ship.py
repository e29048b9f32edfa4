"""Weights on their way into the kit: halved where that changes no answer, and scored as stored."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from fer_utils import models
from fer_utils.evaluate import evaluate
from scripts import ship
from tests.test_train import run, small_net, stripes


@pytest.fixture
def trained(tmp_path):
    net = small_net()
    run(net, epochs=4)
    card = {"data": "stripes", "command": "train ...", "scores": {"valid": {"accuracy": 0.1}}}
    models.save(net, tmp_path / "model.safetensors", card)
    return net, tmp_path / "model.safetensors"


def test_half_precision_where_no_answer_changes(trained, tmp_path, monkeypatch):
    net, file = trained
    faces = stripes(64, 1, "valid")
    asked = []
    monkeypatch.setattr(
        ship, "evaluate", lambda *one, **how: asked.append(how) or evaluate(*one, **how)
    )
    card = ship.ship(file, "striped", faces, "a note", tmp_path)
    assert len(asked) == 4  # the net as trained and as stored, each with and without the mirror
    assert card["precision"].startswith("float16 for ") and card["note"] == "a note"
    stored = load_file(tmp_path / "striped.safetensors")
    kinds = {value.dtype for value in stored.values() if value.is_floating_point()}
    assert kinds == {torch.float16}
    back = models.load(tmp_path / "striped.safetensors")
    assert {p.dtype for p in back.parameters()} == {torch.float32}
    again = evaluate(back, faces)
    assert np.array_equal(again.predictions, evaluate(net, faces).predictions)
    scores = json.loads((tmp_path / "striped.json").read_text())["scores"]
    assert scores["valid"]["accuracy"] == round(again.accuracy.value, 4)
    mirrored = evaluate(back, faces, flip=True).accuracy.value
    assert scores["valid, with the mirror image"]["accuracy"] == round(mirrored, 4)


def test_single_precision_where_an_answer_would_change(trained, tmp_path):
    net, file = trained
    with torch.no_grad():  # two answers so close that 16 bits cannot tell them apart
        head = [p for p in net.parameters()][-2:]
        for weight in head:
            weight.zero_()
        head[-1].copy_(torch.tensor([1.0, 1.00001]))
    models.save(net, file, {"scores": {}})
    faces = stripes(20, 1, "valid")
    expected = ship.both_ways(net, faces).argmax(2)
    wrong = ship.both_ways(
        ship.halved(net, dict.fromkeys(net.state_dict(), "nearest")), faces
    ).argmax(2)
    assert not np.array_equal(wrong, expected)
    card = ship.ship(file, "striped", faces, folder=tmp_path)
    assert card["precision"].startswith("float16 for ") and "100%" not in card["precision"]
    assert "note" not in card
    stored = load_file(tmp_path / "striped.safetensors")
    last = list(dict(net.named_parameters()))[-1]
    assert torch.equal(stored[last], net.state_dict()[last])
    back = models.load(tmp_path / "striped.safetensors")
    assert np.array_equal(ship.both_ways(back, faces).argmax(2), expected)
    large = max(stored, key=lambda key: stored[key].numel())
    assert stored[large].dtype == torch.float16


def test_each_way_of_rounding():
    numbers = torch.tensor([1 + 2**-13, -1 - 2**-13, 1 - 2**-13, 0.5, 0.0])
    step, below = 2**-10, 1 - 2**-11
    expected = {
        "nearest": [1, -1, 1, 0.5, 0],
        "toward zero": [1, -1, below, 0.5, 0],
        "from zero": [1 + step, -1 - step, 1, 0.5, 0],
    }
    for way in ship.WAYS:
        found = ship.in_half(numbers, way)
        assert found.dtype == torch.float32 and found.tolist() == expected[way]


def test_another_way_of_rounding_is_tried_where_the_nearest_changes_an_answer(
    trained, tmp_path, monkeypatch
):
    net, _ = trained
    faces = stripes(20, 1, "valid")
    before = ship.both_ways(net, faces)
    heavy = max(net.state_dict(), key=lambda name: net.state_dict()[name].numel())

    def spoilt(rounded, faces):
        """Answer otherwise where the heaviest weight is rounded, other than toward zero."""
        weight, plain = (n.state_dict()[heavy] for n in (rounded, net))
        right = torch.equal(weight, plain) or torch.equal(
            weight, ship.in_half(plain, "toward zero")
        )
        return before[:, : len(faces)] if right else before[:, : len(faces), ::-1]

    monkeypatch.setattr(ship, "both_ways", spoilt)
    monkeypatch.setattr(ship, "CLOSE", 2.0)  # all faces are looked at
    ways, probabilities = ship.halvable(net, faces)
    assert np.array_equal(probabilities, before)
    assert ways.pop(heavy) == "toward zero" and set(ways.values()) == {"nearest"}


def test_unknown_data_is_said_plainly(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["ship.py", "x.safetensors", "x", "--data", "nosuch"])
    with pytest.raises(SystemExit) as end:
        ship.main()
    assert end.value.code == 1 and "nosuch" in capsys.readouterr().err
