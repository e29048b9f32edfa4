"""Metrics against cases worked out by hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from fer_utils import plots
from fer_utils.commands import as_csv
from fer_utils.commands.evaluate import confusion_rows, confusion_text, save
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.evaluate import Accuracy, Evaluation, evaluate, labels_for


def answers(labels, predictions, classes=("a", "b", "c")) -> Evaluation:
    probabilities = np.full((len(labels), len(classes)), 0.1, np.float32)
    probabilities[np.arange(len(labels)), predictions] = 0.8
    return Evaluation(probabilities, np.array(labels), classes)


def faces(labels, classes) -> FaceSet:
    images = np.arange(len(labels), dtype=np.uint8)[:, None, None, None]
    images = np.broadcast_to(images, (len(labels), 1, 8, 8))
    split = np.full(len(labels), "test")
    return FaceSet("made", images, np.array(labels, np.int64), classes, split)


class Brightness(nn.Module):
    """Says class 1 for pictures above grey level 2, else class 0."""

    def __init__(self, classes=("dark", "bright")):
        super().__init__()
        self.classes = classes
        self.weight = nn.Parameter(torch.tensor([0.0, 255.0]))
        self.drop = nn.Dropout(0.9)

    def forward(self, pictures):
        return self.drop((pictures.mean((1, 2, 3)) - 2.5 / 255)[:, None] * self.weight)


@pytest.mark.parametrize(
    "labels",
    [[0, 2, 1], (0, 2, 1), torch.tensor([0, 2, 1]), np.array([0, 2, 1], np.uint8)],
    ids=["list", "tuple", "tensor", "uint8"],
)
def test_an_evaluation_takes_what_is_plainly_meant(labels):
    scores = torch.eye(3)[[0, 2, 2]]
    for probabilities in (scores, scores.numpy(), scores.tolist()):
        found = Evaluation(probabilities, labels, ["a", "b", "c"])
        assert found.labels.dtype == np.int64 and found.classes == ("a", "b", "c")
        assert found.accuracy.correct == 2 and len(found.table()) > 0


def test_small_whole_numbers_as_labels_do_not_overflow():
    labels = np.arange(20, dtype=np.int8)
    found = Evaluation(np.eye(20, dtype=np.float32), labels, tuple(map(str, range(20))))
    assert (found.confusion() == np.eye(20)).all()


@pytest.mark.parametrize(
    "change",
    [
        {"probabilities": np.full((2, 2), np.nan, np.float32)},
        {"probabilities": None},
        {"probabilities": [[0.5], [0.5, 0.5]]},
        {"probabilities": [["a", "b"], ["c", "d"]]},
        {"labels": np.array([0.0, 1.0])},
        {"labels": None},
        {"labels": ["a", "b"]},
        {"labels": [0, 2**70]},
        {"classes": ()},
        {"classes": None},
        {"classes": ("a", "a")},
    ],
)
def test_what_is_no_evaluation_is_refused(change):
    given = {"probabilities": np.full((2, 2), 0.5), "labels": [0, 1], "classes": ("a", "b")}
    with pytest.raises(FerError):
        Evaluation(**{**given, **change})


def test_a_table_without_a_right_answer_counts_faces_all_the_same():
    found = Evaluation(np.eye(2, dtype=np.float32)[[1, 1, 0]], np.array([0, 0, 1]), ("a", "b"))
    assert [row["support"] for row in found.per_class()] == [2, 1]
    assert found.table()["faces"].to_dict() == {"a": 2, "b": 1}
    assert "accuracy 0.000 (0 of 3" in repr(found)


def test_confusion_precision_recall_f1_by_hand():
    found = answers([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 2])
    assert found.confusion().tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(found.confusion("true")[0], [2 / 3, 1 / 3, 0])
    np.testing.assert_allclose(found.confusion("pred")[:, 0], [2 / 3, 1 / 3, 0])
    first, second, third = found.per_class()
    assert first == {
        "name": "a",
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        "f1": pytest.approx(2 / 3),
        "support": 3,
    }
    assert (second["precision"], second["recall"]) == (0.5, 0.5)
    assert third["f1"] == 1.0
    assert found.accuracy.correct == 4 and found.accuracy.n == 6
    assert found.mistakes("a", "b").tolist() == [2]


def test_a_class_without_faces_or_predictions_is_nan_not_zero():
    found = answers([0, 0], [0, 0])
    row = found.per_class()[1]
    assert math.isnan(row["precision"]) and math.isnan(row["recall"]) and row["support"] == 0
    assert found.confusion("true")[1].tolist() == [0, 0, 0]
    assert math.isnan(found.table().loc[found.classes[1], "precision"])


def test_wilson_interval_against_its_formula():
    p, n, z = 2344 / 3589, 3589, 1.959963984540054
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    accuracy = Accuracy(2344, 3589)
    assert (accuracy.low, accuracy.high) == pytest.approx((middle - half, middle + half))
    assert str(accuracy) == repr(accuracy) == "0.653 (2344 of 3589; 95 % 0.637-0.669)"
    assert float(accuracy) == accuracy.percentage / 100 == 2344 / 3589
    assert f"{accuracy}; {accuracy:.1%}" == f"{accuracy!s}; 65.3%"
    for n in range(1, 400):  # an end beside the share itself would give error bars below zero
        assert Accuracy(0, n).low == 0 and Accuracy(n, n).high == 1
        assert all(a.low <= a.value <= a.high for a in (Accuracy(n // 3, n), Accuracy(n, n)))


def test_wilson_interval_against_scipy():
    stats = pytest.importorskip("scipy.stats")
    for correct, n in ((0, 1), (1, 1), (0, 7), (7, 7), (1, 3589), (2344, 3589), (28_708, 28_709)):
        theirs = stats.binomtest(correct, n).proportion_ci(0.95, method="wilson")
        ours = Accuracy(correct, n)
        np.testing.assert_allclose((ours.low, ours.high), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("normalize", [None, "true", "pred"])
def test_confusion_is_scikit_learn_s_to_the_bit(normalize):
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    labels, predictions = random.integers(0, 6, (2, 500))  # the seventh class is nowhere
    found = answers(labels, predictions, tuple("abcdefg"))
    theirs = metrics.confusion_matrix(labels, predictions, labels=np.arange(7), normalize=normalize)
    ours = found.confusion(normalize)
    assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs)


DEGENERATE = {
    "nothing right": ([0, 0, 1, 2], [1, 2, 0, 1]),
    "one face, wrong": ([0], [1]),
    "one face, right": ([0], [0]),
    "all right": ([0, 1, 2], [0, 1, 2]),
    "a class without faces": ([0, 1, 0], [0, 0, 0]),
    "no faces": ([], []),
    "one class": ([0, 0], [0, 0]),
}


def degenerate(name) -> Evaluation:
    labels, predictions = DEGENERATE[name]
    classes = ("angry",) if name == "one class" else ("angry", "happy", "sad")
    return answers(np.array(labels, np.int64), np.array(predictions, np.int64), classes)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", DEGENERATE)
def test_every_table_and_figure_of_a_degenerate_matrix(name, tmp_path):
    found = degenerate(name)
    assert list(found.table().index) == list(found.classes)
    assert as_csv([], confusion_rows(found)).count("\n") == 1 + len(found.classes)
    assert len(confusion_text(found).splitlines()) == 1 + len(found.classes)
    assert all(isinstance(row["support"], int) for row in found.per_class())
    assert np.isfinite(found.confusion("true")).all() and np.isfinite(found.confusion("pred")).all()
    assert 0 <= found.accuracy.low <= found.accuracy.high <= 1
    assert f"({found.accuracy.correct} of {len(found.labels)};" in str(found.accuracy)
    for normalize in ("true", "pred", None):
        assert plots.png(plots.confusion(found, normalize))
    assert plots.png(plots.accuracies({name: found.accuracy}, reference=name))
    about = faces(found.labels, found.classes)
    assert plots.png(plots.cell(found, about, found.classes[0], found.classes[-1]))
    assert all(path.stat().st_size for path in save(found, tmp_path / "m.png", "what", "command"))


@pytest.mark.parametrize("name", DEGENERATE)
def test_the_widget_of_a_degenerate_matrix_draws_it_or_says_why(name):
    from fer_utils.widgets import confusion_explorer

    found = degenerate(name)
    about = faces(found.labels, found.classes)
    if not len(about):
        with pytest.raises(FerError, match="nothing to explore"):
            confusion_explorer(about, found)
    else:
        assert not confusion_explorer(about, found).message.value


def test_a_figure_that_cannot_be_drawn_costs_no_table(tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "confusion", lambda result: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save(degenerate("all right"), tmp_path / "m.png", "what", "command")
    assert (tmp_path / "m.csv").is_file()


def test_nobody_asked_is_no_accuracy_and_its_interval_is_everything():
    nobody = Accuracy(0, 0)
    assert math.isnan(nobody.value) and (nobody.low, nobody.high) == (0, 1)
    assert str(nobody) == "nan (0 of 0; 95 % 0.000-1.000)"
    for correct, n in ((1, 0), (3, 2), (-1, 2), (0, -1)):
        with pytest.raises(FerError, match="from none to all"):
            Accuracy(correct, n)


@pytest.mark.parametrize(
    "labels, shape, message",
    [
        ([0, 1], (2, 2), "2 labels and 3 classes"),
        ([0, 1], (1, 3), "2 labels"),
        ([0, 3], (2, 3), "0 to 2"),
        ([0, -1], (2, 3), "0 to 2"),
    ],
)
def test_an_evaluation_whose_arrays_do_not_fit_is_refused(labels, shape, message):
    with pytest.raises(FerError, match=message):
        Evaluation(np.full(shape, 0.5, np.float32), np.array(labels), ("a", "b", "c"))


@pytest.mark.parametrize("seed", range(4))
def test_precision_recall_and_f1_are_scikit_learn_s_to_the_bit(seed):
    metrics = pytest.importorskip("sklearn.metrics")
    labels, predictions = np.random.default_rng(seed).integers(0, 6, (2, 5 + 40 * seed))
    found = answers(labels, predictions, tuple("abcdefg"))
    theirs = metrics.precision_recall_fscore_support(
        labels, predictions, labels=np.arange(7), zero_division=np.nan
    )
    ours = [[row[key] for row in found.per_class()] for key in ("precision", "recall", "f1")]
    np.testing.assert_array_equal(ours, theirs[:3])


def test_one_pass_over_the_faces_with_dropout_off_and_mode_put_back():
    net = Brightness().train()
    found = evaluate(net, faces([0, 0, 0, 1, 1], ("dark", "bright")), batch=2)
    assert net.training
    assert found.predictions.tolist() == [0, 0, 0, 1, 1]
    assert str(found.accuracy).startswith("1.000 (5 of 5")
    np.testing.assert_allclose(found.probabilities.sum(1), 1, atol=1e-6)


class LeftSide(nn.Module):
    """Says class 1 for a bright left half; what is on the right it does not see."""

    classes = ("dark", "bright")

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.0, 4.0]))

    def forward(self, pictures):
        return pictures[..., :4].mean((1, 2, 3))[:, None] * self.weight


def test_flip_averages_the_probabilities_of_a_face_and_its_mirror_image():
    seen = np.zeros((1, 1, 8, 8), np.uint8)
    seen[..., :4] = 255
    made = FaceSet("made", seen, np.ones(1, np.int64), LeftSide.classes, np.full(1, "test"))
    both = (torch.tensor([0.0, 4.0]).softmax(0) + torch.tensor([0.0, 0.0]).softmax(0)) / 2
    found = evaluate(LeftSide(), made, flip=True)
    np.testing.assert_allclose(found.probabilities[0], both, rtol=1e-6)
    mirrored = FaceSet("made", seen[..., ::-1].copy(), made.labels, made.classes, made.split)
    again = evaluate(LeftSide(), mirrored, flip=True)
    np.testing.assert_allclose(again.probabilities, found.probabilities, rtol=1e-6)
    assert evaluate(LeftSide(), mirrored).probabilities[0, 1] == 0.5


class Scores(nn.Module):
    """Gives what it is told, whatever it sees."""

    def __init__(self, scores, classes=None):
        super().__init__()
        self.scores = scores
        if classes:
            self.classes = classes

    def forward(self, pictures):
        return self.scores(len(pictures))


@pytest.mark.parametrize(
    "scores, message",
    [
        (lambda n: torch.zeros(n, 1), r"output of shape \(3, 1\) for 3 pictures"),
        (lambda n: torch.zeros(n, 3), "3 scores for its 2 classes"),
        (lambda n: torch.zeros(1, 2), r"output of shape \(1, 2\) for 3 pictures"),
        (lambda n: torch.full((n, 2), float("inf")), "not finite"),
        (lambda n: (torch.zeros(n, 2),), "gives a tuple"),
    ],
)
def test_answers_that_are_no_scores_are_refused(scores, message):
    with pytest.raises(FerError, match=message):
        evaluate(Scores(scores, ("dark", "bright")), faces([0, 1, 0], ("dark", "bright")))


def test_a_net_without_names_is_told_how_to_get_them():
    with pytest.raises(FerError, match="Scores does not say .* models.wrap"):
        evaluate(Scores(lambda n: torch.zeros(n, 2)), faces([0], ("dark", "bright")))


def test_parts_of_a_net_that_are_frozen_stay_so():
    net = Brightness().train()
    net.drop.eval()
    evaluate(net, faces([0, 1], ("dark", "bright")))
    assert net.training and not net.drop.training


def test_labels_are_matched_by_name():
    assert labels_for(("b", "a"), faces([0, 1], ("a", "b"))).tolist() == [1, 0]
    assert labels_for(("a", "b"), faces([0, 0], ("a", "unused"))).tolist() == [0, 0]
    with pytest.raises(FerError, match="labelled c"):
        labels_for(("a", "b"), faces([0, 1], ("a", "c")))


def test_errors_say_what_to_do():
    found = answers([0], [0])
    with pytest.raises(FerError, match="empty"):
        evaluate(Brightness(), faces([], ("dark", "bright")))
    with pytest.raises(FerError, match="'true' or 'pred'"):
        found.confusion("rows")
    with pytest.raises(FerError, match="no class 'd'"):
        found.mistakes("d", "a")
