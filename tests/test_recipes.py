"""Recipes: the numbers of the papers, and what torch makes of the words."""

import dataclasses
import inspect
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from fer_utils.errors import FerError
from fer_utils.train import optim
from fer_utils.train.augment import RANGES as CHANGES
from fer_utils.train.augment import Augmentation
from fer_utils.train.recipes import RANGES, RECIPES, Recipe, changed, recipe, with_defaults


def stated(name: str, **numbers) -> None:
    """Assert the hyper-parameters of a recipe."""
    found = recipe(name)
    assert {key: getattr(found, key) for key in numbers} == numbers


def changes(name: str) -> set[str]:
    """Return the kinds of augmentation that a recipe switches on."""
    how = dataclasses.asdict(recipe(name).augmentation)
    return {key for key, value in how.items() if value}


def noted(name: str) -> str:
    return " ".join(recipe(name).notes)


def test_alessi2019():
    """Sections 8 and 9: Adam with its four numbers, x0.95 per epoch, L2 0.01, batch 32."""
    stated("alessi2019", optimizer="adam", learning_rate=1e-3, betas=(0.9, 0.999), epsilon=1e-8)
    stated("alessi2019", batch=32, epochs=80, schedule="exponential", decay=0.95)
    stated("alessi2019", l2=0.01, l2_on="convolutions", weight_decay=0)
    assert changes("alessi2019") == {"rotation", "shift", "zoom", "flip"}
    assert "without ranges" in noted("alessi2019")


def test_minaee2019():
    """Section IV-B: Adam 0.005 with weight decay, 500 epochs; equation 1: L2 of the last two."""
    stated("minaee2019", optimizer="adam", learning_rate=0.005, epochs=500, schedule="constant")
    stated("minaee2019", l2_on="last two linear layers")
    assert recipe("minaee2019").l2 > 0 and recipe("minaee2019").weight_decay > 0
    for silent in ("not how much", "weight of the L2 term", "batch size", "augmentation"):
        assert silent in noted("minaee2019")


def test_ferplus():
    """The authors' code: SGD 0.9, 0.05 x 20 epochs, 0.025 x 20, 0.005 up to 100, batch 32."""
    stated("ferplus", source="barsoum2016", optimizer="sgd", momentum=0.9, nesterov=False)
    stated("ferplus", learning_rate=0.05, batch=32, epochs=100, schedule="steps")
    rates = rates_over("ferplus", 100)
    assert rates == pytest.approx([0.05] * 20 + [0.025] * 20 + [0.005] * 60)
    how = recipe("ferplus").augmentation
    assert (how.shift, how.zoom, how.rotation, how.skew, how.flip) == (0.08, 0.05, 20, 0.05, True)


def test_pandey2019():
    """Section IV: VGG13 as FERPlus trains it, "the only modification" being Adam."""
    stated("pandey2019", optimizer="adam")
    same = ("batch", "epochs", "schedule", "steps", "augmentation", "l2", "weight_decay", "average")
    for key in same:
        assert getattr(recipe("pandey2019"), key) == getattr(recipe("ferplus"), key)
    assert "rate is not stated" in noted("pandey2019")
    assert "states no hyper-parameter" in noted("pandey2019_rtnn")
    # Arriaga's public code, to which Table I refers
    stated("pandey2019_rtnn", optimizer="adam", learning_rate=1e-3, batch=32, l2=0.01)
    stated("pandey2019_rtnn", schedule="plateau", decay=0.1, plateau=12, patience=50)
    assert recipe("pandey2019_rtnn").augmentation == recipe("alessi2019").augmentation


def test_mazen2021():
    """Section III-D: Adam 1e-3 with beta1 0.5, batch 128, 20 epochs, the three callbacks."""
    stated("mazen2021", optimizer="adam", learning_rate=1e-3, batch=128, epochs=20)
    stated("mazen2021", schedule="plateau")
    assert recipe("mazen2021").betas[0] == 0.5
    assert 0 < recipe("mazen2021").plateau < recipe("mazen2021").patience < 20
    assert changes("mazen2021") == set()
    assert "factor and patiences are not" in noted("mazen2021")


def test_borgalli2022():
    """Section VI: five kinds of augmentation, and an end when validation no longer improves."""
    assert changes("borgalli2022") == {"flip", "rotation", "shift", "zoom", "blur", "noise"}
    assert recipe("borgalli2022").patience > 0
    for net in ("5 layers", "VGG16", "InceptionResNetV2", "LIGHTVGG"):
        assert net in noted("borgalli2022")
    assert "no optimiser, rate, batch size, number of epochs or loss" in noted("borgalli2022")


def test_every_recipe_has_a_source_and_notes():
    papers = {"alessi2019", "minaee2019", "pandey2019", "mazen2021", "borgalli2022"}
    assert papers <= set(RECIPES)
    for name, how in RECIPES.items():
        assert how.source and how.notes, name
        assert all(note.endswith(".") for note in how.notes), name
        assert name not in papers or how.source == name


def rates_over(name: str, epochs: int) -> list[float]:
    """Return the learning rate of each epoch."""
    how = recipe(name)
    optimizer = optim.make_optimizer(nn.Linear(1, 1), how)
    scheduler = optim.make_scheduler(optimizer, how, epochs, 1)
    rates = []
    for _ in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        optim.step_after_epoch(scheduler, 0.5)
    return rates


def test_exponential_rate_falls_every_epoch():
    assert rates_over("alessi2019", 3) == pytest.approx([1e-3, 0.95e-3, 0.9025e-3])


def test_a_plateau_lowers_the_rate_after_so_many_epochs_without_a_rise():
    how = Recipe("test", learning_rate=1.0, schedule="plateau", decay=0.1, plateau=2)
    optimizer = optim.make_optimizer(nn.Linear(1, 1), how)
    scheduler = optim.make_scheduler(optimizer, how, 9, 1)
    rates = []
    for accuracy in (0.5, 0.5, 0.51, 0.51, 0.5, 0.5, 0.5):
        optim.step_after_epoch(scheduler, accuracy)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01])


@pytest.mark.parametrize("name", RECIPES)
def test_the_optimizer_gets_the_numbers_of_the_recipe(name):
    how = recipe(name)
    group = optim.make_optimizer(nn.Linear(1, 1), how).param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (how.learning_rate, how.weight_decay)
    if how.optimizer == "sgd":
        assert (group["momentum"], group["dampening"]) == (how.momentum, how.dampening)
        assert group["nesterov"] == how.nesterov
    else:
        assert (group["betas"], group["eps"]) == (how.betas, how.epsilon)


def test_ferplus_steps_are_unit_gain():
    """Under a gradient that stays 1, CNTK's momentum ends in steps of just the learning rate."""
    net = nn.Linear(1, 1, bias=False)
    optimizer = optim.make_optimizer(net, recipe("ferplus"))
    for _ in range(200):
        before = net.weight.item()
        net.weight.grad = torch.ones(1, 1)
        optimizer.step()
    assert before - net.weight.item() == pytest.approx(0.05, rel=1e-3)


def test_every_setting_is_explained():
    explained = inspect.getdoc(Recipe)
    for entry in dataclasses.fields(Recipe):
        assert f"\n    {entry.name}: " in explained


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"optimizer": "lion"}, "adamw"),
        ({"schedule": "step"}, "steps"),
        ({"l2_on": "biases"}, "convolutions"),
        ({"batch": 1}, "2 pictures"),
        ({"epochs": 0}, "1 epoch"),
        ({"patience": -1}, "patience=-1"),
        ({"mixup": -0.1}, "mixup=-0.1"),
        ({"late": -1}, "late=-1"),
        ({"distil": 1.5}, "distil=1.5"),
        ({"distil": 0.5, "mixup": 0.2}, "choose one"),
        ({"schedule": "steps"}, "need each other"),
        ({"steps": ((20, 0.5),)}, "need each other"),
        ({"schedule": "plateau"}, "need each other"),
        ({"plateau": 3}, "need each other"),
        ({"optimizer": "sgd", "dampening": 0.9}, "nesterov=False"),
        ({"optimizer": "sgd", "momentum": 0.0}, "nesterov=False"),
    ],
)
def test_recipes_refuse_what_fit_could_not_carry_out(wrong, says):
    with pytest.raises(FerError, match=says):
        Recipe("test", **wrong)


@pytest.mark.parametrize("name", [*RANGES, *CHANGES])
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, True, "many", None, 10**400])
def test_every_number_of_a_recipe_has_its_range(name, value):
    with pytest.raises(FerError, match=f"^{name}=.*expected a .*number"):
        if name in CHANGES:
            Augmentation(**{name: value})
        else:
            Recipe("test", **{name: value})


@pytest.mark.parametrize(
    "wrong",
    [
        *({"learning_rate": 0}, {"decay": 0}, {"decay": 1.5}, {"average": 1}, {"momentum": 1}),
        *({"label_smoothing": 1}, {"batch": 32.5}, {"epochs": 2.0}, {"epsilon": 0}),
        *({"betas": (0.9, 1.0)}, {"betas": 0.9}, {"betas": (0.9,)}, {"augmentation": None}),
        *(
            {"schedule": "steps", "steps": step}
            for step in (5, (5,), ((5,),), ((0, 1),), ((5, 0),))
        ),
        *({"nesterov": 1}, {"votes": None}, {"schedule": "plateau", "plateau": 2}),
    ],
    ids=str,
)
def test_bounds_and_kinds_of_a_recipe(wrong):
    with pytest.raises(FerError):
        Recipe("test", **wrong)


def test_numbers_of_numpy_can_be_written_down():
    how = Recipe("test", batch=np.int64(8), augmentation=Augmentation(zoom=np.float32(0.5)))
    stored = json.loads(json.dumps(how.as_dict()))
    assert (stored["batch"], stored["augmentation"]["zoom"]) == (8, 0.5)


def test_every_number_of_a_recipe_is_in_the_table_of_ranges():
    for settings, ranges in ((Recipe("test"), RANGES), (Augmentation(), CHANGES)):
        numbers = {
            entry.name
            for entry in dataclasses.fields(settings)
            if type(getattr(settings, entry.name)) in (int, float)
        }
        assert numbers == set(ranges)


def test_recipes_in_files_of_earlier_runs_are_read_under_todays_names():
    names = {entry.name for entry in dataclasses.fields(Recipe)}
    paths = sorted((Path(__file__).resolve().parents[1] / "figures" / "runs").glob("*.json"))
    assert paths
    for path in paths:
        config = json.loads(path.read_text())["config"]
        today = with_defaults(config["hyper_parameters"])
        assert set(today) == names
        assert today["optimizer"] == recipe(config["recipe"]).optimizer
    old = {"source": "old", "optimiser": "sgd", "augmentation": {"shift": 0.2}}
    assert with_defaults(old)["optimizer"] == "sgd"
    assert with_defaults(old)["augmentation"]["shift"] == 0.2


def test_unknown_recipe_names_the_nearest():
    with pytest.raises(FerError, match="alessi2019"):
        recipe("alessi2018")


def test_a_recipe_can_be_changed_by_words():
    how = changed(RECIPES["one_cycle"], ["learning_rate=5e-4", "batch=64"])
    assert (how.learning_rate, how.batch) == (5e-4, 64)
    assert how.average == RECIPES["one_cycle"].average
    soft = changed(RECIPES["one_cycle"], ["votes=argmax", "mixup=0.2", "late=3"])
    assert (soft.votes, soft.mixup, soft.late) == ("argmax", 0.2, 3)
    known = RECIPES["one_cycle"].augmentation
    calm = changed(RECIPES["one_cycle"], ["distil=0.7", "rotation=3", "erase=0"])
    assert calm.distil == 0.7 and str(calm.augmentation).startswith("rotation 3, ")
    finer = changed(RECIPES["one_cycle"], ["rotation=2.5"])  # 10 there, a whole number
    assert finer.augmentation.rotation == 2.5
    assert calm.augmentation == dataclasses.replace(known, rotation=3, erase=0)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("rate=1", "NAME=VALUE.*learning_rate"),
        ("batch=many", "batch=.many.: expected a whole number"),
        ("batch=1", "2 pictures or more"),
        ("schedule=steps", "need each other"),
        ("average=2", "average=2: expected a number from 0 to below 1"),
        ("decay=-1", "decay=-1: expected a number above 0, up to 1"),
        ("rotation=-5", "rotation=-5: expected a number from 0 to 180"),
        ("learning_rate=nan", "learning_rate=nan: expected a number above 0"),
        ("erase=2", "erase=2: expected a number from 0 to 1 .a probability"),
        ("skew=some", "skew=.some.: expected a number"),
    ],
)
def test_a_change_that_cannot_be_is_refused(word, message):
    with pytest.raises(FerError, match=message):
        changed(RECIPES["one_cycle"], [word])
