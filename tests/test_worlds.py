"""The drawn laboratory and the drawn wild: the same people, and one thing changed at a time."""

import csv
from dataclasses import fields

import numpy as np
import pytest

from faces3d import PARTS
from faces3d.worlds import LABORATORY, SHARES, WILD, World, photographs
from fer_lab.experiments import laboratory_wild as script
from fer_utils import plots
from fer_utils.data.worlds import draw
from fer_utils.emotions import FER7
from fer_utils.errors import FerError
from fer_utils.train import History

EPOCH = {"epoch": 1, "valid_accuracy": 0.5, "valid_loss": 1.0, "seconds": 1.0}
EPOCH |= {"train_loss": 0.25, "train_accuracy": 0.75}
PEOPLE = range(7000, 7004)
THINGS = [one.name for one in fields(World)]


@pytest.fixture(scope="module")
def taken():
    """Photographs of a few people in each world that differs from the laboratory in one thing."""
    worlds = {"laboratory": LABORATORY, **{name: World(**{name: 1}) for name in THINGS}}
    return {name: list(photographs(world, PEOPLE)) for name, world in worlds.items()}


def test_the_same_arguments_take_the_same_photographs(taken):
    again = list(photographs(LABORATORY, range(7003, 7004)))
    for one, other in zip(taken["laboratory"][21:], again, strict=True):
        assert np.array_equal(one.picture, other.picture) and one.label == other.label


@pytest.mark.parametrize("thing", THINGS)
def test_each_thing_changes_pictures(thing, taken):
    pairs = zip(taken["laboratory"], taken[thing], strict=True)
    changed = [not np.array_equal(one.picture, other.picture) for one, other in pairs]
    assert np.mean(changed) > (0.1 if thing == "occlusion" else 0.6)


def test_another_light_moves_nothing(taken):
    """What each thing draws by chance is its own: the parts lie where they lay."""
    for thing in ("light", "background", "camera"):
        for one, other in zip(taken["laboratory"], taken[thing], strict=True):
            assert np.array_equal(one.parts, other.parts)
            assert np.array_equal(one.votes, other.votes)


def test_another_background_changes_the_background_alone(taken):
    nose = PARTS.index("nose")
    for one, other in zip(taken["laboratory"], taken["background"], strict=True):
        inside = one.parts == nose
        assert np.array_equal(one.picture[inside], other.picture[inside])


def test_an_occluder_is_labelled_and_lies_before_the_face(taken):
    covered = [one for one in taken["occlusion"] if (one.parts == PARTS.index("occluder")).any()]
    plain = [one for one in taken["laboratory"] if (one.parts == PARTS.index("occluder")).any()]
    assert len(covered) > len(plain)


def test_labels_come_in_turn_or_as_seldom_as_in_sfew(taken):
    assert [one.label for one in taken["laboratory"]] == [*range(7)] * 4
    labels = [one.label for one in photographs(World(imbalance=1), range(7000, 7001), each=200)]
    shares = np.bincount(labels, minlength=7) / 200
    assert np.abs(shares - SHARES).max() < 0.1 and SHARES.sum() == pytest.approx(1)


def test_weak_expressions_are_seen_less(taken):
    def seen(name):
        return np.mean([one.votes[: len(FER7) + 1].max() for one in taken[name] if one.label != 6])

    assert seen("weakness") < seen("laboratory")


@pytest.mark.parametrize("value", [-0.1, 1.1, True, "1", None, float("nan")])
def test_a_thing_is_a_share(value):
    with pytest.raises(FerError, match="from 0 to 1"):
        World(light=value)


def test_a_set_is_cut_out_and_keeps_its_truth():
    faces = draw(LABORATORY, PEOPLE, split="valid")
    assert faces.images.shape == (28, 1, 48, 48) and faces.classes == FER7
    assert set(faces.split) == {"valid"} and set(faces.subjects) == set(PEOPLE)
    assert faces.columns["found"].mean() > 0.9 and faces.truth.all()
    whole = draw(LABORATORY, PEOPLE, crop=None, size=72)
    walls = [np.mean(each.regions == PARTS.index("background")) for each in (faces, whole)]
    assert walls[0] < walls[1] / 2  # most of the wall is cut off
    assert not whole.columns["found"].any()
    first = next(photographs(LABORATORY, PEOPLE))
    assert np.array_equal(whole.images[0, 0], first.picture)


def test_an_oval_is_black_outside_and_as_it_was_inside():
    haar, oval = (draw(WILD, range(7000, 7001), crop=crop) for crop in ("haar", "oval"))
    inside = oval.images > 0
    assert np.array_equal(haar.images[inside], oval.images[inside])
    assert (oval.images[:, :, :3, :3] == 0).all() and inside.mean() > 0.5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"people": range(0)}, "range"),
        ({"people": [7000]}, "range"),
        ({"people": range(-1, 1)}, "begin at 0"),
        ({"world": "wild"}, "World"),
        ({"crop": "hare"}, "haar"),
        ({"size": 8}, "16"),
        ({"each": 0}, "each"),
        ({"split": "exam"}, "exam"),
    ],
)
def test_wrong_arguments_are_named(changes, said):
    arguments = {"world": LABORATORY, "people": range(7000, 7001), "each": 1} | changes
    world, people = arguments.pop("world"), arguments.pop("people")
    with pytest.raises(FerError, match=said):
        draw(world, people, **arguments)


# --- the experiment that trains in both


def test_arms_learn_in_one_world_and_are_scored_in_both(monkeypatch):
    few = {"train": range(7000, 7002), "valid": range(7002, 7003), "test": range(7003, 7004)}
    monkeypatch.setattr(script, "PEOPLE", few)
    script.faces.cache_clear()
    seen = []

    def fit(net, known, recipe, **options):
        seen.append((net.name, known["train"], recipe))
        assert not {*known["train"].subjects} & {*known["test"].subjects}
        return History([EPOCH], "all 1 epochs")

    rows = [
        {"arm": arm.name, "seed": 0, **script.run(arm, 0, fit)}
        for arm in script.ARMS
        if arm.net.name in ("light_vgg", "vgg16_gap")
    ]
    script.faces.cache_clear()
    assert [name for name, _, _ in seen] == ["light_vgg"] * 2 + ["vgg16_gap"] * 2
    assert not np.array_equal(seen[0][1].images, seen[1][1].images)
    assert {recipe.balance for _, _, recipe in seen} == {"augment"}
    text = script.table_of(rows)
    lines = list(csv.DictReader(line for line in text.splitlines() if line[0] != "#"))
    for line in lines:
        for world in ("laboratory", "wild"):
            matrix = np.array(line[f"confusion_{world}"].split(), int).reshape(7, 7)
            assert matrix.sum() == int(line["n"]) == 7
            assert np.trace(matrix) == int(line[world])
    assert lines[2]["width"] == "0.25" and "started by data" in lines[2]["changes"]
    assert "vgg16_gap: wild → laboratory" in script.figure_of(rows).alt
    assert script.EXPERIMENT.command == "python -m fer_lab.experiments.laboratory_wild"


def test_the_stored_table_is_of_todays_experiment():
    rows = plots.read_table(script.EXPERIMENT.table)
    assert len(rows) == len(script.ARMS) * len(script.SEEDS)
    for row in rows:
        net = next(net for net in script.NETS if net.name == row["net"])
        assert (int(row["size"]), int(row["epochs"])) == (net.size, net.epochs)
        assert float(row["width"]) == net.width
