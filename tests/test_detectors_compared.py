"""The comparison of detectors: found, extra, agreement; and the table of smoothing."""

import numpy as np
import pytest

from fer_lab import detectors, smoothing
from fer_utils import detect
from fer_utils.detect import Box
from fer_utils.plots import read_table


def finder(boxes):
    return detect.Detector("fixed", {}, lambda picture: boxes)


def test_a_box_on_the_face_is_found_and_others_are_extra():
    picture = np.zeros((50, 50, 3), np.uint8)
    truth = Box(10, 10, 20, 20)
    near, far = Box(12, 10, 20, 20, 0.9), Box(40, 40, 9, 9, 0.8)
    found = detectors.score(finder([far, near]), iter([(picture, [truth])]))
    assert (found.faces, found.found, found.extra) == (1, 1, 1)
    assert found.overlaps == [pytest.approx(18 / 22)]
    counted = detectors.score(finder([far, near]), iter([(picture, 0), (picture, 3)]))
    assert (counted.faces, counted.found, counted.extra) == (3, 2, 2)
    assert detectors.agreement(found, found) == 1
    assert (
        detectors.agreement(found, detectors.score(finder([]), iter([(picture, [truth])]))) is None
    )


def test_the_truth_of_a_drawn_face_is_around_its_skin():
    ((frame, (box,)),) = detectors.drawn(1, 96)
    assert frame.shape == (480, 640, 3) and 40 < box.width < 96 and 50 < box.height <= 96
    outside = np.ones(frame.shape[:2], bool)
    outside[box.y - 20 : box.y + 96, box.x - 20 : box.x + 96] = False
    assert (frame[outside] == detectors.WALL).all()


def test_smoothing_is_tabled_for_each_light_and_constant(tmp_path, monkeypatch, capsys):
    for name, value in {"NOISE": (0, 60), "TAUS": (0.0, 1.0), "SECONDS": 2.0}.items():
        monkeypatch.setattr(smoothing, name, value)
    monkeypatch.setattr("sys.argv", ["smoothing", "--films", "1", "--out", str(tmp_path)])
    assert smoothing._main() == 0
    rows = read_table(tmp_path / "smoothing.csv")
    assert [(row["noise"], row["smoothing"]) for row in rows] == [
        ("0", "0.0000"),
        ("0", "1.0000"),
        ("60", "0.0000"),
        ("60", "1.0000"),
    ]
    quick, late, noisy, _ = (float(row["accuracy"]) for row in rows)
    assert quick > late and quick > noisy
    assert "made by: python -m fer_lab.smoothing --films 1" in (
        tmp_path / "smoothing.csv"
    ).read_text(encoding="utf-8")
    assert "smoothing.csv" in capsys.readouterr().out
