"""The confusion matrix that opens, and the curves that grow: driven by their controls."""

import numpy as np
import pytest

from fer_utils import evaluate, plots, widgets
from fer_utils.data.faceset import FaceSet
from fer_utils.errors import FerError
from fer_utils.plots.grids import to_pixels
from fer_utils.plots.scores import caption, in_cell
from fer_utils.train.history import History
from fer_utils.widgets.matrix import PER_PAGE, faces_data, matrix_data

CLASSES = ("angry", "happy", "sad")
VOTES = ("sad", "happy", "angry", "unknown")


def toy(labels, answers, votes=None):
    """Return faces, and an evaluation of them; the later a face, the surer its answer."""
    n = len(labels)
    images = np.random.default_rng(0).integers(0, 256, (n, 1, 8, 8), np.uint8)
    faces = FaceSet(
        "toy",
        images,
        np.array(labels),
        CLASSES,
        np.array(["test"] * n),
        votes=None if votes is None else np.array(votes, np.uint8),
        vote_names=VOTES if votes is not None else (),
    )
    sure = np.linspace(0.4, 0.9, n)[:, None]
    probabilities = np.where(np.arange(3) == np.array(answers)[:, None], sure, (1 - sure) / 2)
    return faces, evaluate.Evaluation(probabilities, np.array(labels), CLASSES)


LABELS, ANSWERS = [0, 0, 0, 1, 2, 0], [1, 0, 1, 1, 2, 1]
SIX = [[3, 4, 2, 1]] + [[0, 0, 10, 0]] * 5


@pytest.fixture
def explorer():
    return widgets.confusion_explorer(*toy(LABELS, ANSWERS, SIX))


def pixels(shown):
    return np.frombuffer(shown["pixels"], np.uint8).reshape(-1, *shown["size"], 4)


def test_votes_are_those_for_the_label_for_others_and_for_the_answer():
    faces, evaluation = toy(LABELS, ANSWERS, SIX)
    assert caption(evaluation, faces, 0).votes == (2, 4, 4)
    assert caption(evaluation, faces, 0).choices == "happy 4, sad 3, angry 2, unknown 1"
    assert caption(evaluation, faces, 1).votes == (10, 0, 0)  # label and answer are one
    assert caption(evaluation, faces, 5, "it").answer.startswith("it: happy 90")
    assert caption(evaluation, toy(LABELS, ANSWERS)[0], 0).votes == (0, 0, 0)


def test_surest_answer_comes_first():
    _, evaluation = toy(LABELS, ANSWERS)
    assert in_cell(evaluation, "angry", "happy").tolist() == [5, 2, 0]


def test_matrix_in_faces_in_rows_and_in_columns():
    _, evaluation = toy(LABELS, ANSWERS)
    assert matrix_data(evaluation)["texts"][0] == ["1", "3", "0"]
    assert matrix_data(evaluation, "true")["texts"][0] == ["25", "75", "0"]
    by_column = matrix_data(evaluation, "pred")
    assert [row[1] for row in by_column["texts"]] == ["75", "25", "0"]
    assert by_column["count"] == evaluation.confusion().tolist()
    assert by_column["light"][2] == [False, False, True]


def test_opens_on_the_most_frequent_mistake(explorer):
    assert (explorer.label.value, explorer.answer.value) == ("angry", "happy")
    assert explorer.view.cell == (0, 1)
    assert "3 faces labelled angry and answered happy" in explorer.view.shown["title"]
    shown = pixels(explorer.view.shown)[..., :3]
    expected = [to_pixels(explorer.faces.images[i]) for i in (5, 2, 0)]
    np.testing.assert_array_equal(shown, expected)
    assert len(explorer.view.shown["legend"]) == 3


def test_a_click_moves_the_lists_and_the_lists_move_the_cell(explorer):
    explorer.view.cell = (2, 2)
    assert (explorer.label.value, explorer.answer.value) == ("sad", "sad")
    assert explorer.view.shown["title"].startswith("1 face labelled sad")
    assert len(explorer.view.shown["legend"]) == 2
    explorer.label.value = "happy"
    assert explorer.view.cell == (1, 2)
    assert explorer.view.shown["title"] == "no face labelled happy and answered sad"
    assert explorer.view.shown["pixels"] == b"" and explorer.view.shown["cards"] == []


def test_pages():
    n = 2 * PER_PAGE + 1
    faces, evaluation = toy([0] * n + [1], [1] * n + [1])
    explorer = widgets.confusion_explorer(faces, evaluation)
    assert (explorer.page.max, explorer.page.disabled) == (3, False)
    explorer.page.value = 3
    assert len(explorer.view.shown["cards"]) == 1
    np.testing.assert_array_equal(pixels(explorer.view.shown)[0, ..., 0], faces.images[0, 0])
    explorer.view.cell = (1, 1)
    assert (explorer.page.value, explorer.page.max) == (1, 1)
    assert len(explorer.view.shown["cards"]) == 1
    assert faces_data(evaluation, faces, (0, 1), page=2)["legend"] == []


def test_numbers_and_people_can_be_changed():
    faces, net = toy(LABELS, ANSWERS, SIX)
    _, people = toy(LABELS, LABELS)
    explorer = widgets.confusion_explorer(faces, {"net": net, "people": people})
    explorer.numbers.value = "% of each row"
    assert explorer.view.matrix["texts"][0][1] == "75"
    explorer.who.value = "people"
    assert explorer.view.matrix["texts"][0][:2] == ["100", "0"]
    assert explorer.view.cell == (0, 1) and not explorer.view.shown["cards"]
    explorer.answer.value = "angry"
    assert explorer.view.shown["cards"][0]["answer"].startswith("people: angry")


def test_a_still_figure_goes_with_it(explorer):
    forms, metadata = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in forms and "image/png" in forms
    alt = metadata["image/png"]["alt"]
    assert "3 of 3 faces in one cell, labelled angry and answered happy" in alt
    assert "votes" in alt


def test_an_error_is_said_and_the_next_choice_works(explorer):
    whole = explorer.evaluations["net"]
    explorer.evaluations["net"] = None
    explorer.label.value = "sad"
    assert "Not drawn" in explorer.message.value
    explorer.evaluations["net"] = whole
    explorer.answer.value = "sad"
    assert explorer.message.value == "" and len(explorer.view.shown["cards"]) == 1


def test_other_faces_are_refused():
    faces, evaluation = toy(LABELS, ANSWERS)
    for refuses in (
        lambda: widgets.confusion_explorer(faces.take(slice(0, 2)), evaluation),
        lambda: plots.cell(evaluation, faces.take(slice(0, 2)), "sad", "sad"),
    ):
        with pytest.raises(FerError, match="of 6 faces, toy here has 2"):
            refuses()
    other = evaluate.Evaluation(evaluation.probabilities, evaluation.labels, ("a", "b", "c"))
    with pytest.raises(FerError, match="same classes"):
        widgets.confusion_explorer(faces, {"one": evaluation, "other": other})
    with pytest.raises(FerError, match="nothing to explore"):
        widgets.confusion_explorer(faces, {})
    with pytest.raises(FerError, match="no class 'glad'"):
        plots.cell(evaluation, faces, "glad", "sad")


def votes(axes):
    """The boxes of votes; the edges of the faces are not filled."""
    return [patch for patch in axes.patches if patch.get_fill()]


def test_still_figure_of_a_cell():
    faces, evaluation = toy(LABELS, ANSWERS, SIX)
    matrix, right = plots.cell(evaluation, faces, "angry", "happy").axes
    assert [text.get_text() for text in matrix.texts][:3] == ["1", "3", "0"]
    frame = matrix.patches[0]
    assert (frame.get_x(), frame.get_y()) == (0.5, -0.5)
    assert len(right.images) == 3 and len(votes(right)) == 30  # three faces, ten votes each
    assert right.get_title(loc="left") == "3 faces labelled angry, answered happy"
    without = plots.cell(evaluation, toy(LABELS, ANSWERS)[0], "angry", "happy")
    assert not votes(without.axes[1]) and "the net's answer" in without.alt
    empty = plots.cell(evaluation, faces, "sad", "angry")
    assert "0 of 0 faces" in empty.alt


# --- the curves of a training


def row(epoch):
    keys = ("train_loss", "valid_loss", "train_accuracy", "valid_accuracy", "learning_rate")
    return {"epoch": epoch, "seconds": 1.0, **dict.fromkeys(keys, 0.1 * epoch)}


def test_curves_grow_in_their_place():
    live = widgets.live_history(epochs=5)
    assert "waiting for epoch 1 of 5" in live.message.value and live.picture.value == ""
    history = History([row(1)])
    live(history)
    first = live.picture.value
    assert first.startswith('<img src="data:image/png;base64,') and 'alt="Two line charts' in first
    history.epochs.append(row(2))
    live(history)
    assert live.picture.value != first
    assert "epoch 2 of 5: training 20.0%, validation 20.0%; best so far: epoch 2" in (
        live.message.value
    )


def test_axes_leave_room_for_the_epochs_to_come():
    figure = widgets.live.live_figure(History([row(1), row(2)]), 8)
    assert {axes.get_xlim() for axes in figure.axes} == {(0.5, 8.5)}
    assert figure.axes[1].get_ylim() == (0, 1)
    longer = widgets.live.live_figure(History([row(1), row(2)]), 1)
    assert longer.axes[0].get_xlim() == (0.5, 2.5)


def test_shown_after_the_training_it_brings_a_still_figure():
    live = widgets.live_history(epochs=2)
    forms, metadata = live._repr_mimebundle_()
    assert "image/png" not in forms and metadata == {}
    live(History([row(1), row(2)]))
    forms, metadata = live._repr_mimebundle_()
    assert "image/png" in forms and "Two line charts" in metadata["image/png"]["alt"]
