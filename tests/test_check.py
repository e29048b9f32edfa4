"""The checks of the exercises: right, or one sentence about what is off, and never a traceback."""

import sys
from inspect import Parameter, signature
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import faces3d
from fer_lab import check
from fer_utils import models
from fer_utils.saliency import scores
from fer_utils.saliency.windows import Windows
from scripts import notebooks
from tests import nbtemplate

SOURCES = {
    path.stem: notebooks.read_source(path) for path in sorted(notebooks.SOURCES.glob("*.py"))
}


def answers_and_rest(name):
    """How many answers a check takes, and how many other arguments."""
    kinds = [one.kind for one in signature(getattr(check, name)).parameters.values()]
    answers = kinds.count(Parameter.POSITIONAL_ONLY)
    return answers, len(kinds) - answers


def test_every_exercise_has_its_check_and_the_other_way_round():
    asked = {
        f"ex{int(name[:2])}_{number}"
        for name, source in SOURCES.items()
        for number in nbtemplate.by_exercise(source)
    }
    assert asked == set(check.__all__) and len(asked) >= 38


@pytest.mark.parametrize("name", SOURCES)
def test_exercises_of_every_source_follow_the_template(name):
    assert nbtemplate.exercises(SOURCES[name], int(name[:2])) == []


@pytest.mark.parametrize("name", check.__all__)
def test_no_answer_and_nonsense_are_refused_politely(name):
    answers, rest = answers_and_rest(name)
    assert answers
    for answer in (None, "a long story", [[["no"]]], np.nan):
        verdict = getattr(check, name)(*[answer] * answers, *[object()] * rest)
        assert not verdict and repr(verdict).startswith("Not yet: ")
        assert "\n" not in repr(verdict) and "Traceback" not in repr(verdict)


SHARES = np.array([[0.5, 0.5, 0], [1, 0, 0]], np.float32)
GRADIENT = np.full((2304, 7), 0.25)
MATRIX = np.array([[8, 2], [1, 4]])
FACES = np.random.default_rng(0).integers(0, 255, (5, 1, 48, 48), np.uint8)
FACES[4] = 7


def mirrored(image):
    return min(image.tobytes(), image[..., ::-1].tobytes())


def majority(answers, n):
    said = answers.argmax(1)
    return [np.bincount(said[max(0, i - n + 1) : i + 1]).argmax() for i in range(len(said))]


def moving_average(answers, n):
    return [answers[max(0, i - n + 1) : i + 1].mean(0).argmax() for i in range(len(answers))]


def both(one, other):
    return lambda history: (one(history), other(history))


AGES = np.linspace(0, 0.9, 72)
HONEST = (
    "Learned from the training part; tested on 3,589 validation faces by their labels; the epoch "
    "chosen on others; one look at each face; one run."
)
# A right answer, wrong ones with a word of what is said of them, and what the notebook hands over.
CASES = {
    "ex1_1": ([1, 0], {(0.6931472, 0): "nats", (1, 1): "off", (1,): "shape"}, [SHARES]),
    "ex1_2": (
        mirrored,
        {
            lambda image: image.tobytes(): "mirror",
            lambda image: 1: "same",
            lambda image: int(image.astype(int).sum()): "same",
        },
        [FACES],
    ),
    "ex2_1": (864, {827: "overlap", 815: "without", 5: "choose"}, []),
    "ex2_2": (3.4641, {346.41: "unit", -3.4641: "sign", 12: "large", 0.1: "far too small"}, []),
    "ex3_1": (59576, {58423: "seven", 58104: "torch", 59577: "large"}, []),
    "ex3_4": (314831, {293760: "alone", 314830: "small"}, []),
    "ex4_1": (0.25, {0.26: "large", True: "True", np.nan: "nan"}, [GRADIENT]),
    "ex4_2": ("early", {"late": "end", "soon": "choose"}, []),
    "ex4_3": ("training", {"validation": "histories"}, []),
    "ex4_4": (0.625, {0.6: "mean", 62.5: "unit", 0.7: "large"}, []),
    "ex4_5": (both, {lambda one, other: one: "second", lambda one, other: 1: "function"}, []),
    "ex5_1": (1.85, {0.4: "late=0", 5.0: "none"}, []),
    "ex5_2": (0.03, {0.0001: "little", 1: "choose"}, []),
    "ex5_3": ("parallel", {"concat": "layers"}, []),
    "ex5_4": ("needs faces: augmentation", {"other": "another message"}, []),
    "ex6_3": (2, {1: "small"}, []),
    "ex6_4": (False, {True: "intervals", "no": "True or False"}, []),
    "ex8_2": ("IG, black", {"RISE": "not 0", "occlusion, black": "larger"}, []),
    "ex10_3": ("981 pictures", {"593 sequences": "prints", "all": "choose"}, []),
    "ex10_4": (HONEST, {"83 % on the test faces": "learned", HONEST[:-9]: "trainings"}, []),
    "ex14_1": (0.2205, {22.05: "unit", 0.56: "large", 0.1: "small"}, []),
    "ex14_2": (4.878, {9: "large", 0.04878: "unit", 3: "small"}, []),
    "ex14_3": (0.7, {0.2: "p is", 0.99: "at least ten"}, [AGES, AGES > 0.8]),
    "ex14_5": ("lecture", {"shop": "customers", "own": "drawn", "all": "choose"}, []),
    "ex11_1": ([1] * 5, {(0,) * 5: "off"}, [FACES]),
    "ex12_2": ("blazeface", {"haar": "widths"}, []),
    "ex12_4": (
        majority,
        {lambda answers, n: answers.argmax(1): "n = 3", lambda a, n: moving_average(a, n): "n = 3"},
        [],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_right_answers_pass_and_wrong_ones_hear_what_is_off(name):
    right, wrong, rest = CASES[name]
    verdict = getattr(check, name)(right, *rest)
    assert verdict and repr(verdict).startswith("Right. ")
    for answer, word in wrong.items():
        verdict = getattr(check, name)(answer, *rest)
        assert not verdict and word in repr(verdict)
        if isinstance(right, float | int) and "choose one of" not in repr(verdict):
            assert f"{right:g}" not in repr(verdict)  # never the solution


def test_what_deletion_prefers_is_worked_out_on_the_faces_at_hand(monkeypatch):
    monkeypatch.setattr(scores, "deletion", lambda net, image, heat, **options: heat)
    maps = {"IG, black": [0.2, 9, 9, 0.3], "occlusion, blur": [0.1, 9, 9, 0.1]}
    assert check.ex8_3("occlusion, blur", None, [0, 0], maps)
    assert "fill" in repr(check.ex8_3("IG, black", None, [0, 0], maps))
    maps["IG, black"] = [0, 9, 9, 0]
    assert check.ex8_3("IG, black", None, [0, 0], maps)


def test_an_exercise_about_drawn_faces_says_so_on_photographs():
    panel = SimpleNamespace(truth=None)
    assert repr(check.ex8_1([0, 0, 0], FACES, panel)).startswith("This one is about drawn faces: ")
    assert repr(check.ex8_1(None, FACES, panel)).startswith("Not yet: ")


def test_an_answer_counts_in_whatever_form_it_comes():
    right = np.array([1, 0], np.float32)
    for form in (list, iter, torch.tensor, torch.nn.Parameter, lambda x: {"a": x[0], "b": x[1]}):
        answer = form(right) if form is not torch.nn.Parameter else form(torch.tensor(right))
        assert check.ex1_1(answer, SHARES)
    assert check.ex2_2(np.array([12.0]) ** 0.5) and check.ex2_2(torch.tensor(12.0).sqrt())
    assert check.ex6_4(np.False_) and check.ex10_1(np.True_, np.False_)
    assert "intervals" in repr(check.ex6_4(np.True_))


def test_what_was_not_filled_in_or_is_no_number_is_said():
    assert repr(check.ex2_2(...)) == "Not yet: put your answer in place of ...."
    for verdict in (check.ex2_4(np.nan, 2, 0.7146), check.ex5_1(np.float32("nan"))):
        assert not verdict and "nan" in repr(verdict)
    assert "bytes" in repr(check.ex1_2(lambda image: image, FACES))
    assert "unit" in repr(check.ex1_1([100, 0], SHARES))
    assert repr(check.ex5_1(0.4)).endswith("given?")
    assert "mask" in repr(check.ex9_3(np.array([True, False]), object()))
    assert "SystemExit" in repr(check.ex12_4(lambda answers, n: sys.exit()))


# Asked for a number; what follows the answer in the call is not reached.
ASKS_A_NUMBER = {
    "ex0_1": [None, FACES],
    "ex2_1": [],
    "ex2_4": [2, 0.7146],
    "ex4_4": [],
    "ex5_1": [],
    "ex5_2": [],
    "ex7_4": ["fused", None, None],
    "ex9_1": [None, None],
    "ex11_3": [None, None, None],
    "ex12_1": [None, None],
    "ex12_3": [None, None],
    "ex14_3": [AGES, AGES],
}


@pytest.mark.parametrize("name", ASKS_A_NUMBER)
def test_true_and_text_are_no_numbers(name):
    for answer in (True, np.True_, [True], "1", "864", ["0.5"], b"1"):
        verdict = getattr(check, name)(answer, *ASKS_A_NUMBER[name])
        assert not verdict and "should be a number, this is" in repr(verdict)


def test_what_is_counted_is_a_whole_number():
    for name in ("ex0_1", "ex2_1", "ex2_4", "ex9_1", "ex12_1", "ex12_3"):
        verdict = getattr(check, name)(1.5, *ASKS_A_NUMBER[name])
        assert "should be a whole number, this is 1.5" in repr(verdict)
    assert "quarter" in repr(check.ex11_3(0.6, None, None, None))
    assert check.ex2_1(864.0) and check.ex2_1([864])


def test_text_true_and_nan_are_no_numbers_in_lists_either():
    for entropy in (["1", "0"], [True, False]):
        assert "should hold numbers" in repr(check.ex1_1(entropy, SHARES))
    curved = np.array([[1.0, -1], [1, 1]])
    assert check.ex2_3([[True, True], [False, False]], curved)
    assert check.ex2_3([[1, 1], [0, 0]], curved)
    assert "hold numbers" in repr(check.ex6_2(["10", "5"], [9, 6], MATRIX))
    for answer in ("5", ["5"], [True]):
        asked = check.ex9_2(answer, lambda units: np.array([1, 0]), ["surprise", "fear"])
        assert "a unit should be a number" in repr(asked)


def test_a_column_counts_as_a_list_and_a_rounded_share_as_a_share():
    assert check.ex1_1([[1], [0]], SHARES) and check.ex1_1(torch.tensor([[1.0, 0.0]]), SHARES)
    assert check.ex1_1([torch.tensor(1.0, requires_grad=True), torch.tensor(0.0)], SHARES)
    assert check.ex13_3(0.22, 0.14, 0.03)
    assert "macro_precision" in repr(check.ex13_3(0.22, 0.14, 0.04))
    assert check.ex11_4(1992, 0.93) and not check.ex11_4(1992, 0.92)


def test_a_picture_and_its_mirror_image_may_both_be_there():
    """Where the data hold mirrored copies, the right key makes one of the two."""
    assert check.ex1_2(mirrored, np.concatenate([FACES, FACES[..., ::-1]]))


def test_somebody_is_there_to_be_found_at_the_smaller_smile():
    """The exercise asks what they have in common."""
    net = models.pretrained("mini_xception_facs3d")
    assert check.ex9_3([2, 4, 7], net) and check.ex9_3(torch.tensor([7, 4, 2]), net)
    assert "person 3" in repr(check.ex9_3([2, 3], net))
    assert "more" in repr(check.ex9_3([], net))


def test_several_answers_are_named_apart():
    assert check.ex2_4(32, 2, 0.7146) and check.ex6_2([10, 5], [9, 6], MATRIX)
    assert "2 points" in repr(check.ex2_4(32, 9, 0.7146))
    assert "precisions" in repr(check.ex6_2([10, 5], [10, 5], MATRIX))
    assert "vgg16_gap" in repr(check.ex3_3(0.17918, 0.9))
    assert check.ex10_1(True, False) and "ranges" in repr(check.ex10_1(True, True))
    assert check.ex10_2(10841, 3842) and "same_faces" in repr(check.ex10_2(10841, 9))
    assert check.ex11_4(1992, 0.928) and "unit" in repr(check.ex11_4(1992, 92.8))
    assert check.ex13_1(2319, True) and "interval ends" in repr(check.ex13_1(2319, False))
    assert check.ex13_3(0.2179, 0.1429, 0.0311)
    assert "macro_recall" in repr(check.ex13_3(0.2179, 1, 0.0311))


def test_what_a_square_changes_behind_the_transformer_is_counted_anew():
    picture = torch.from_numpy(faces3d.draw("happy", 3)).float()[None] / 255
    covered = picture.clone()
    covered[:, 20:28, 20:28] = 0
    deep = models.pretrained("deep_emotion_facs3d")
    with torch.no_grad():
        one, other = deep.trunk.transformer(torch.stack((picture, covered)) * 2 - 1)
    share = (one != other).float().mean()
    assert check.ex7_4(share, "fused", picture, covered)
    assert "refuses" in repr(check.ex7_4(share, "delta", picture, covered))
    assert "too small" in repr(check.ex7_4(0.3, "fused", picture, covered))


def test_what_squaring_gains_is_worked_out_on_the_faces_at_hand():
    """Half of the change lies on the carrier evenly, a quarter as strong outside it."""
    regions = np.zeros((1, 48, 48), int)
    regions[:, 24:] = 1
    change = np.where(regions == 1, 40, 10)[:, None]
    parts = SimpleNamespace(
        images=100 + change, twins=np.full_like(change, 100), regions=regions,
        classes=("happy",), region_names=["skin", "mouth", "eyes", "cheeks"],
    )  # fmt: skip
    answers = SimpleNamespace(labels=np.zeros(1, int), predictions=np.zeros(1, int))
    rest = [parts, answers, Windows((48, 48), (2, 2), (2, 2))]
    gain = 1600 / 1700 - 40 / 50
    assert check.ex7_5([gain], *rest) and check.ex7_5({"happy": gain}, *rest)
    assert "other way round" in repr(check.ex7_5([-gain], *rest))
    assert "shape" in repr(check.ex7_5([gain] * 6, *rest))
    assert "off" in repr(check.ex7_5([0.1], *rest)) and "off" in repr(check.ex7_5([np.nan], *rest))


def test_shares_with_and_without_a_found_face():
    found = np.array([True, True, True, False])
    result = SimpleNamespace(predictions=np.array([0, 1, 2, 3]), labels=np.array([0, 1, 0, 0]))
    assert check.ex13_2(2 / 3, 0, 0.25, result, found)
    assert "left_out" in repr(check.ex13_2(2 / 3, 0, 0.75, result, found))


def test_thetas_are_judged_one_by_one():
    thetas = np.array([[[-1, 0, 0], [0, 1, 0]], [[0.866, -0.5, 0], [0.5, 0.866, 0]], np.eye(2, 3)])
    assert "c is still the identity" in repr(check.ex3_2(thetas))
    thetas[2, 0, 2] = 0.25
    assert check.ex3_2(thetas)
    assert "b is not" in repr(check.ex3_2(thetas[[0, 2, 2]]))
