"""Scores of maps, each against a case that can be worked out by hand."""

import copy
from math import isnan

import numpy as np
import pytest
import torch
from torch import nn

from fer_utils import _torchvision, data, saliency
from fer_utils.errors import FerError
from fer_utils.saliency import attribute, scores
from fer_utils.saliency.scores.imputation import impute

WEIGHTS = np.array([[2.0, -1.0], [0.5, 1.0]], np.float32)
ONES = np.ones((2, 2), np.float32)


class Linear(nn.Module):
    """Logit 0 is a weighted sum of the pixels, logit 1 is 0."""

    classes = ("yes", "no")

    def __init__(self, weights=WEIGHTS):
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights))

    def forward(self, pictures):
        score = (pictures * self.weights).sum((1, 2, 3))
        return torch.stack((score, 0 * score), 1)


class Small(nn.Sequential):
    """Two convolutions with a batch norm, which the engines fold."""

    def __init__(self):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            super().__init__(
                nn.Conv2d(1, 6, 3),
                nn.BatchNorm2d(6),
                nn.ReLU(),
                nn.Conv2d(6, 6, 3),
                nn.ReLU(),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Linear(6, 3),
            )


def sigmoid(logit):
    return 1 / (1 + np.exp(-np.asarray(logit, float)))


def face(seed=0, size=12):
    return torch.rand(1, size, size, generator=torch.Generator().manual_seed(seed))


def test_energy_inside_by_hand():
    values = np.array([[1, 3], [-2, 0]])
    mask = np.array([[False, True], [False, False]])
    found = scores.energy_inside(values, mask)
    assert found.value == 0.75 and found.chance == 0.25
    assert scores.energy_inside(values, mask, "absolute").value == 0.5
    assert scores.energy_inside(np.ones((2, 2)), mask).value == 0.25  # flat: the area's share
    nothing = scores.energy_inside(-np.ones((2, 2)), mask)
    assert isnan(nothing.value) and "no positive values" in nothing.note
    assert isnan(scores.energy_inside(values, np.zeros((2, 2), bool)).value)


def test_a_blind_map_gets_the_area_on_average():
    random = np.random.default_rng(0)
    values, mask = random.random((6, 5)), random.random((6, 5)) < 0.3
    moves = [np.roll(values, (i, j), (0, 1)) for i in range(6) for j in range(5)]
    for score in (scores.energy_inside, scores.pointing_game):
        found = [score(moved, mask) for moved in moves]
        assert np.mean([one.value for one in found]) == pytest.approx(found[0].chance)
    change = random.random((6, 5))
    ranks = [scores.rank_correlation(moved, change).value for moved in moves]
    assert np.mean(ranks) == pytest.approx(0, abs=1e-12)


def test_pointing_game_by_hand():
    mask = np.array([[False, True], [False, False]])
    assert scores.pointing_game(np.array([[1, 3], [-4, 0]]), mask).value == 1
    assert scores.pointing_game(np.array([[1, 3], [-4, 0]]), mask, "absolute").value == 0
    assert scores.pointing_game(np.array([[3, 3], [0, 0]]), mask).value == 0.5  # a tie
    assert scores.pointing_game(np.zeros((2, 2)), mask).value == 0.25


def test_rank_correlation_by_hand():
    change = np.array([[0, 1], [2, 3]])
    assert scores.rank_correlation(np.exp(change), change).value == pytest.approx(1)
    assert scores.rank_correlation(-change, change).value == pytest.approx(-1)
    swapped = np.array([[1, 0], [2, 3]])  # 1 - 6 * (1 + 1) / (4 * 15)
    assert scores.rank_correlation(swapped, change).value == pytest.approx(0.8)
    flat = scores.rank_correlation(np.full((2, 2), 0.1), change)
    assert isnan(flat.value) and "map is the same everywhere" in flat.note
    assert "change from neutral" in scores.rank_correlation(change, 0 * change).note
    dot = np.zeros((9, 9))
    dot[4, 4] = 1
    near = np.hypot(*(np.mgrid[:9, :9] - 4)) < 3
    assert scores.rank_correlation(near, dot, blur=2).value > 0.7
    assert scores.rank_correlation(near, dot).value < 0.3


def test_truth_of_a_drawn_face():
    faces = data.load("facs3d", split="test").where(label="happy")
    known = scores.truth(faces, 0)
    assert known.expression == "happy" and known.parts == ("eyes", "cheeks", "mouth")
    parts = [faces.region_names[number] for number in np.unique(faces.regions[0][known.mask])]
    assert set(parts) <= set(known.parts)
    first, twin = faces.images[0, 0].astype(int), faces.twins[0, 0].astype(int)
    np.testing.assert_allclose(known.change, abs(first - twin) / 255)
    neutral = scores.truth(data.load("facs3d", split="test").where(label="neutral"), 0)
    assert neutral.parts == () and not neutral.mask.any()
    assert "no part" in scores.energy_inside(known.change, neutral.mask).note
    with pytest.raises(FerError, match="not known"):
        scores.truth(data.load("facs3d", split="train"), 0)
    with pytest.raises(FerError, match="has faces 0 to"):
        scores.truth(faces, len(faces))


def test_action_units_of_a_drawn_face():
    faces = data.load("facs3d", split="test").where(label="happy")
    known = scores.truth(faces, 0)
    assert list(known.units) == ["AU6 cheek raiser", "AU12 lip corner puller", "AU25 lips part"]
    np.testing.assert_array_equal(np.logical_or.reduce(list(known.units.values())), known.mask)
    mouth = faces.regions[0] == faces.region_names.index("mouth")
    np.testing.assert_array_equal(known.units["AU25 lips part"], mouth)
    found = scores.action_units(mouth.astype(float), known)
    assert found["AU25 lips part"].value == found["AU12 lip corner puller"].value == 1
    assert found["AU6 cheek raiser"].value == 0
    assert found["AU25 lips part"].chance == pytest.approx(mouth.mean())
    assert scores.action_units(mouth, scores.Truth("1", (), mouth, mouth * 1.0)) == {}


def test_a_row_for_each_method():
    net, image = Small(), face()
    found = [attribute(net, image, method, 1) for method in ("gradient", "lrp")]
    known = scores.Truth("1", ("mouth",), np.eye(12) > 0, found[0].map)
    rows = scores.compare(net, image, found, known)
    assert list(rows) == ["gradient", "layer-wise relevance"]
    for one, row in zip(found, rows.values(), strict=True):
        assert list(row) == ["energy inside", "randomization", "seconds"]
        assert row["energy inside"].value == scores.energy_inside(one.map, known.mask).value
        assert row["randomization"].value == scores.randomization(net, image, one.method, 1).value
        assert row["seconds"].value == one.seconds > 0
    bare = scores.compare(net, image, found, rerun=False)["gradient"]
    assert isnan(bare["energy inside"].value) and isnan(bare["randomization"].value)


def test_deletion_and_insertion_by_hand():
    values = np.array([[4, 1], [2, 3]])  # order: weights 2, 1, 0.5, -1
    left = sigmoid([2.5, 0.5, -0.5, -1, 0])
    found = scores.deletion(Linear(), ONES, values, "yes", steps=4)
    np.testing.assert_allclose(found.answers, left, atol=1e-6)
    np.testing.assert_allclose(found.shares, [0, 0.25, 0.5, 0.75, 1])
    assert found.value == pytest.approx(((left[0] + left[4]) / 2 + left[1:4].sum()) / 4, abs=1e-6)
    shown = sigmoid([0, 2, 3, 3.5, 2.5])
    found = scores.insertion(Linear(), ONES, values, "yes", steps=4, fill="black")
    np.testing.assert_allclose(found.answers, shown, atol=1e-6)
    assert found.better == "higher"
    two = scores.deletion(Linear(), ONES, values, "yes", steps=2)
    np.testing.assert_allclose(two.answers, left[::2], atol=1e-6)
    other = scores.deletion(Linear(), ONES, values, "no", steps=4)
    np.testing.assert_allclose(other.answers, 1 - left, atol=1e-6)


def test_road_by_hand():
    values = np.array([[4, 1], [2, 3]])  # the order of the pixels: a, d, c, b
    image = np.array([[0.8, 0.1], [0.4, 0.6]], np.float32)
    left = [image.copy()]
    first = (0.1 / 6 + 0.4 / 6 + 0.6 / 12) / (5 / 12)
    left.append(np.array([[first, 0.1], [0.4, 0.6]]))
    # a and d hold each other at their corner: a = .4 (b + c) + .2 d and d = .4 (b + c) + .2 a
    both = 0.4 * 0.5 / 0.8
    left.append(np.array([[both, 0.1], [0.4, both]]))
    left.append(np.full((2, 2), 0.1))  # one pixel is left, and all are guessed from it
    found = scores.road(Linear(), image, values, "yes", steps=4, noise=0)
    np.testing.assert_allclose(found.shares, [0, 0.25, 0.5, 0.75])
    expected = sigmoid([(picture * WEIGHTS).sum() for picture in left])
    np.testing.assert_allclose(found.answers, expected, atol=1e-6)
    area = (expected[0] / 2 + expected[1] + expected[2] + expected[3] / 2) / 3
    assert found.value == pytest.approx(area, abs=1e-6) and found.better == "lower"
    noisy = scores.road(Linear(), image, values, "yes", steps=4, noise=0.1)
    assert noisy.answers[0] == found.answers[0] and abs(noisy.answers[1:] - expected[1:]).min() > 0
    again = scores.road(Linear(), image, values, "yes", steps=4, noise=0.1)
    np.testing.assert_array_equal(noisy.answers, again.answers)


def test_road_is_quantus_s():
    _torchvision.load()  # quantus imports it
    import quantus
    from quantus.functions.perturb_func import noisy_linear_imputation

    random = np.random.default_rng(0)
    for channels, share in ((1, 0.3), (3, 0.9)):
        picture, holes = random.random((channels, 9, 7)), random.random((9, 7)) < share
        expected = noisy_linear_imputation(picture, np.flatnonzero(holes), noise=0)
        np.testing.assert_allclose(impute(picture, holes, 0, random), expected, atol=1e-12)
    weights = random.standard_normal((10, 10)).astype(np.float32)
    faces, net = random.random((12, 1, 10, 10), np.float32), Linear(weights - weights.mean()).eval()
    maps = random.random((12, 1, 10, 10))
    labels = np.array([net(torch.from_numpy(one)[None])[0].argmax() for one in faces])
    road = quantus.ROAD(percentages=list(range(10, 100, 10)), noise=0, disable_warnings=True)
    theirs = road(model=net, x_batch=faces, y_batch=labels, a_batch=maps, device="cpu")
    ours = [
        scores.road(net, one, values[0], int(label), noise=0, chance=0).answers[1:] > 0.5
        for one, values, label in zip(faces, maps, labels, strict=True)
    ]
    np.testing.assert_allclose(np.mean(ours, 0), list(theirs.values()))
    assert 0.2 < np.mean(ours) < 0.95


def test_the_area_of_chance_is_that_of_moved_maps():
    values = np.zeros((1, 3))
    values[0, 0] = 1
    net = Linear(np.array([[3.0, 0.0, 0.0]], np.float32))  # only the first pixel counts
    found = scores.deletion(net, np.ones((1, 3)), values, "yes", steps=3, chance=2000)
    on, off = sigmoid(3), 0.5
    first = (on / 2 + off * 2.5) / 3
    assert found.value == pytest.approx(first, abs=1e-6)
    # a third of the moves puts it first; otherwise it comes second or third, evenly
    later = ((on * 1.5 + off * 1.5) / 3 + (on * 2.5 + off / 2) / 3) / 2
    assert found.chance == pytest.approx(first / 3 + later * 2 / 3, abs=0.01)
    assert isnan(scores.deletion(net, np.ones((1, 3)), values, chance=0).chance)


def test_sensitivity_n_of_the_exact_attribution_is_1():
    image = face(1)
    weights = face(2)[0].numpy() - 0.5
    net = Linear(weights)
    exact = attribute(net, image, "integrated_gradients", "yes").map
    for n in (1, 20, None):
        assert scores.sensitivity_n(net, image, exact, n, "yes").value == pytest.approx(1, abs=1e-4)
        assert scores.sensitivity_n(net, image, -exact, n, "yes").value == pytest.approx(
            -1, abs=1e-4
        )
    flat = scores.sensitivity_n(net, image, np.ones((12, 12)), 5)
    assert isnan(flat.value) and "sums are all the same" in flat.note
    deaf = scores.sensitivity_n(Linear(0 * weights), image, exact, 5)
    assert isnan(deaf.value) and "drops" in deaf.note
    with pytest.raises(FerError, match="fewer than the 144"):
        scores.sensitivity_n(net, image, exact, 144)


def test_infidelity_by_hand():
    image = face(1)
    net = Linear(face(2)[0].numpy() - 0.5)
    exact = net.weights.detach().numpy() * image[0].numpy()
    for factor in (1, 7):  # the unit of the map does not count
        found = scores.infidelity(net, image, factor * exact, "yes")
        assert found.value == pytest.approx(0, abs=1e-5) and found.chance > 0.01
    whole = scores.infidelity(Linear(), ONES, WEIGHTS, "yes", window=2)
    assert whole.value == pytest.approx(0, abs=1e-5)  # the only square takes everything away
    # of single pixels, drops of 2, -1, 0.5 and 1: the best multiple of a map that knows only the
    # first is right about that one; that of a flat map is their mean
    one = np.zeros((2, 2))
    one[0, 0] = 5
    found = scores.infidelity(Linear(), ONES, one, "yes", window=1, samples=2000)
    assert found.value == pytest.approx((1 + 0.25 + 1) / 4, abs=0.1)
    assert found.chance == pytest.approx((4 + 1 + 0.25 + 1) / 4 - (2.5 / 4) ** 2, abs=0.1)
    assert scores.infidelity(net, image, np.ones((12, 12))).value == pytest.approx(
        scores.infidelity(net, image, exact).chance
    )
    assert isnan(scores.infidelity(net, image, np.zeros((12, 12))).value)


def test_colour_pictures_are_scored_too():
    class Colour(nn.Module):
        def forward(self, pictures):
            score = (pictures * torch.tensor([1.0, 2.0, -1.0]).view(3, 1, 1)).mean((1, 2, 3))
            return torch.stack((score, 0 * score), 1)

    image = torch.rand(3, 9, 9, generator=torch.Generator().manual_seed(0))
    exact = attribute(Colour(), image, "integrated_gradients", 0).map
    assert scores.sensitivity_n(Colour(), image, exact, 9, 0).value == pytest.approx(1, abs=1e-4)
    assert scores.infidelity(Colour(), image, exact, 0).value == pytest.approx(0, abs=1e-6)


def picture_itself(net, picture, index):
    return picture[0, 0].numpy()


def test_max_sensitivity_by_hand():
    image = np.full((12, 12), 0.5)
    still = scores.max_sensitivity(Linear(ONES), np.ones((2, 2)), "gradient", "yes")
    assert still.value == 0  # the gradient of a linear net does not depend on the picture
    net = Linear(np.ones((12, 12), np.float32))
    found = scores.max_sensitivity(net, image, picture_itself, radius=0.1, samples=3)
    assert 0.1 < found.value < 0.2  # at most 0.1 of 0.5, 0.1 / sqrt(3) in the mean square
    nothing = scores.max_sensitivity(net, image, lambda *_: np.zeros((12, 12)))
    assert isnan(nothing.value) and "0 everywhere" in nothing.note


def test_randomization_finds_out_a_map_that_ignores_the_net():
    found = scores.randomization(Small(), face(), picture_itself, stages=3)
    np.testing.assert_allclose(found.correlations, 1)
    np.testing.assert_allclose(found.similarities, 1)
    assert found.value == pytest.approx(1) and found.maps.shape == (3, 12, 12)


def test_randomization_goes_from_the_last_layer_to_the_first():
    net = Small().train()
    before = copy.deepcopy(net.state_dict())
    seen = []

    def last_weights(net, picture, index):
        seen.append([net[i].weight.detach().flatten().clone() for i in (7, 3, 0)])
        return picture_itself(net, picture, index)

    found = scores.randomization(net, face(), last_weights, stages=4)
    assert found.layers == ("7", "3", "1", "0")
    for stage, changed in ((1, 1), (2, 2), (3, 2), (4, 3)):
        for layer in range(3):
            first, now = seen[0][layer], seen[stage][layer]
            assert torch.equal(first, now) == (layer >= changed)
            assert torch.equal(first.sort().values, now.sort().values)
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert scores.randomization(net, face(), picture_itself, stages=1).layers == ("0",)


@pytest.mark.parametrize("method", ["gradient", "occlusion", "rise"])
def test_randomization_explains_the_random_net_and_no_stale_copy(method):
    def plainly(net, picture, index):
        return attribute(copy.deepcopy(net), picture, method, index).map

    found = scores.randomization(Small(), face(), method, stages=3)
    expected = scores.randomization(Small(), face(), plainly, stages=3)
    np.testing.assert_allclose(found.maps, expected.maps, atol=1e-6)
    assert not np.allclose(found.maps[0], found.maps[-1], atol=1e-4)


def test_similarity_by_hand():
    one = face()[0].numpy()
    assert scores.similarity(one, 3 * one) == pytest.approx(1)
    assert scores.similarity(one - 0.5, 0.5 - one) < 0
    flat, small = np.ones((5, 5)), 0.01**2
    assert scores.similarity(flat, np.zeros((5, 5))) == pytest.approx(small / (1 + small))


def test_all_scores_that_apply_and_why_the_others_do_not():
    net, image = Small(), face()
    found = attribute(net, image, "gradient", 1)
    bare = scores.score(net, image, found.map, target=1)
    assert list(bare) == [
        *("energy inside", "pointing game", "rank correlation"),
        *("deletion", "insertion", "road", "sensitivity-n", "infidelity"),
        *("max-sensitivity", "randomization"),
    ]
    assert "not applicable: the truth is not known" in bare["energy inside"].note
    assert "bare map" in bare["randomization"].note
    known = scores.Truth("1", ("mouth",), np.eye(12) > 0, found.map)
    full = scores.score(net, image, found, known)
    assert full["rank correlation"].value == pytest.approx(1)
    assert full["energy inside"].value == scores.energy_inside(found.map, known.mask).value
    assert all(full[name].value == bare[name].value for name in ("deletion", "infidelity"))
    again = scores.randomization(net, image, "gradient", 1)
    assert full["randomization"].value == again.value
    other = scores.score(net, image, attribute(net, image, "gradient", 2), known, rerun=False)
    assert "the face shows 1, the map explains 2" in other["energy inside"].note
    assert other["max-sensitivity"].note == "not asked for"


def test_scores_as_text():
    one = {"deletion": scores.Score(0.25, 0.5, "lower"), "rank": scores.Score(np.nan, note="why")}
    lines = scores.report(one).splitlines()
    assert lines[1].split() == ["deletion", "0.250", "0.500", "lower"]
    assert lines[2].split() == ["rank", "why"]
    table = scores.table({"gradient": one, "RISE": {"deletion": scores.Score(1)}})
    rows = table.to_string(na_rep="-").splitlines()
    assert rows[0].split() == ["deletion", "rank"]
    assert rows[1].split() == ["gradient", "0.25", "-"]
    assert rows[2].split() == ["RISE", "1.00", "-"]
    assert str(one["deletion"]) == "0.250 (chance: 0.500)" and float(one["deletion"]) == 0.25


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scores.energy_inside(np.ones((2, 2)), np.ones((3, 3), bool)), "as large as"),
        (lambda: scores.energy_inside(np.ones((2, 2)), np.ones((2, 2))), "must be bool"),
        (lambda: scores.energy_inside(ONES, ONES > 0, "negative"), "choose one of"),
        (lambda: scores.rank_correlation(np.ones((2, 2)), np.ones((3, 3))), "does not fit"),
        (lambda: scores.pointing_game(np.ones(4), np.ones(4, bool)), "shape"),
        (lambda: scores.similarity(np.full((2, 2), np.nan), ONES), "not finite"),
        (lambda: scores.deletion(Linear(), ONES, np.ones((3, 3))), "does not fit a picture"),
        (lambda: scores.deletion(Linear(), ONES, ONES, "maybe"), "no class"),
        (lambda: scores.insertion(Linear(), ONES, ONES, steps=0), "1 or more"),
        (lambda: scores.infidelity(Linear(), ONES, ONES, window=3), "only 2x2"),
        (lambda: scores.road(Linear(), ONES, ONES, noise=-1), "noise=-1"),
        (lambda: scores.road(Linear(), ONES, ONES, steps=1), "2 or more"),
        (lambda: scores.randomization(Linear(), ONES, "gradient", stages=0), "1 or more"),
        (lambda: scores.randomization(Linear(), ONES, "gradients"), "mean 'gradient'"),
        (lambda: scores.randomization(NoWeights(), ONES, "gradient"), "no weights"),
    ],
)
def test_mistakes_are_explained(call, message):
    with pytest.raises(FerError, match=message):
        call()


class NoWeights(nn.Module):
    def forward(self, pictures):
        return pictures.flatten(1)[:, :2]


def test_scoring_leaves_the_net_as_it_was():
    net = Small().train()
    before = copy.deepcopy(net.state_dict())
    scores.score(net, face(), saliency.attribute(net, face(), "integrated_gradients"))
    assert all(module.training for module in net.modules())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
