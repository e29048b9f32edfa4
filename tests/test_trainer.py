"""Pickers that train, and what a training cost: one row of a table."""

import numpy as np
import pytest

from fer_utils import data, models, train, widgets
from fer_utils.errors import FerError
from fer_utils.evaluate import Accuracy
from fer_utils.train.history import History
from fer_utils.widgets import pickers as module


def trained(**options):
    pickers = widgets.trainer("mini_xception", faces=50, epochs=2)
    pickers.device.value = "cpu"
    pickers.side.value = "32"
    for name, value in options.items():
        getattr(pickers, name).value = value
    pickers.start.click()
    pickers.wait()
    return pickers


@pytest.fixture(scope="module", autouse=True)
def few_validation_faces():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_VALID", 40)
        yield


def test_a_click_trains_by_the_papers_recipe_and_adds_a_row():
    pickers = trained(inputs="gray+sobel", fusion="parallel", late=1)
    name = "mini_xception 32 gray+sobel parallel late 1, facs3d, cpu"
    (row,) = pickers.rows.values()
    assert list(pickers.rows) == [name] and row.faces == 50 and row.accuracy.n == 40
    rates = [epoch["learning_rate"] for epoch in row.history.epochs]
    assert rates == pytest.approx([1e-3, 0.95e-3])  # alessi2019's
    assert name in pickers.text.value and "done" in pickers.message.value
    assert pickers.stop.disabled and not pickers.start.disabled
    pickers.inputs.value, pickers.fusion.value, pickers.late.value = "gray", "concat", 0
    pickers.start.click()
    pickers.wait()
    assert len(pickers.rows) == 2 and pickers.text.value.count("facs3d") == 2


def test_a_page_without_a_kernel_shows_the_curve_of_the_last_training():
    pickers = widgets.trainer(faces=50)
    assert "image/png" not in pickers._repr_mimebundle_()[0]
    forms, metadata = trained()._repr_mimebundle_()
    assert forms["image/png"] and "two line charts" in metadata["image/png"]["alt"].lower()


def test_what_cannot_be_trained_is_said_in_words():
    pickers = trained(fusion="parallel")
    assert 'role="alert"' in pickers.message.value and not pickers.rows
    assert "needs something to run in parallel" in pickers.message.value
    assert not pickers.start.disabled
    with pytest.raises(FerError, match="kdef was not found"):
        widgets.trainer(dataset="kdef")


def test_stop_ends_a_training_after_its_epoch(monkeypatch):
    pickers = widgets.trainer(faces=50, epochs=60)
    pickers.side.value = "32"
    after_epoch = widgets.LiveHistory.__call__

    def press_stop(live: widgets.LiveHistory, history: History) -> None:
        after_epoch(live, history)
        if len(history.epochs) == 2:
            pickers.stop.click()

    monkeypatch.setattr(widgets.LiveHistory, "__call__", press_stop)
    pickers.start.click()
    pickers.wait()
    (row,) = pickers.rows.values()
    assert row.history.stopped == "interrupted after 2 of 60 epochs"
    assert len(row.history.epochs) == 2


def test_a_data_set_without_a_split_is_split_by_subject(monkeypatch):
    faces = data.load("facs3d", progress=False).where(split="train")
    monkeypatch.setattr(module.data, "load", lambda *_, **__: faces)
    learn, valid = module.parts("facs3d", 100)
    assert len(learn) == 100 and len(valid) == 40
    assert not set(learn.subjects) & set(valid.subjects)


def test_a_rare_class_is_among_the_training_faces():
    """FERPlus has one contempt in 211 faces, and a net is never built for a class it cannot see."""
    faces = data.load("facs3d", split="train")
    rare = np.flatnonzero(faces.labels == faces.class_index("disgust"))
    few = faces.take(np.setdiff1d(np.arange(len(faces)), rare[1:]))
    assert "disgust" not in [few.classes[label] for label in module.spread(few, 60).labels]
    learn = module.spread_over_classes(few, 60)
    assert len(learn) == 61 and learn.counts()["disgust"] == 1
    assert len(module.spread_over_classes(faces, 200)) == 200


def test_a_row_says_what_the_history_says():
    epochs = [
        {"valid_loss": loss, "valid_accuracy": accuracy, "seconds": seconds}
        for loss, accuracy, seconds in ((1.9, 0.25, 9.0), (1.5, 0.5, 2.0), (1.6, 0.4, 4.0))
    ]
    history = History(epochs)
    row = train.Measured(history, Accuracy(25, 50), 600, None, "cpu")
    assert (row.loss, row.first_seconds, row.later_seconds) == (1.5, 9.0, 3.0)
    assert row.pictures_per_second == 200
    line = train.table({"a net": row}).loc["a net"].tolist()
    assert "50.0% (36.6% to 63.4%)" in line and "?" in line and 9.0 in line


def test_a_training_is_measured_where_it_ran():
    faces = module.spread(data.load("facs3d", progress=False), 64)
    recipe = train.Recipe(source="this test", epochs=1)
    net = models.create("mini_xception", classes=faces.classes, input_size=24, seed=0)
    row = train.measured(net, faces, faces, recipe, device="cpu", progress=False)
    assert row.device == "cpu" and row.accuracy.n == 64
    assert row.peak_mb is None or row.peak_mb > 50
