"""The comparison of detectors: what counts as found, as extra, and as agreement."""

import numpy as np
import pytest

from fer_lab import detectors
from fer_utils import detect
from fer_utils.detect import Box


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
