"""Faces found in pictures: what every detector promises, and the crop."""

import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

import faces3d
from fer_utils import detect
from fer_utils.detect import Box
from fer_utils.detect.boxes import inside, ordered
from fer_utils.errors import FerError

PLACES = ((40, 60, 256), (200, 400, 192))  # top, left and side of the tiles in the scene
WALL = 190


@pytest.fixture(scope="module")
def scene():
    """Two people in a frame of 640 x 480, RGB."""
    frame = np.full((480, 640, 3), WALL, np.uint8)
    for (top, left, side), (expression, person) in zip(
        PLACES, (("happy", 3), ("sad", 5)), strict=True
    ):
        tile = faces3d.draw(expression, person, size=side, color=True)
        frame[top : top + side, left : left + side] = tile
    return frame


def tile(place):
    top, left, side = place
    return Box(left, top, side, side)


def check_two_people(boxes):
    """The boxes are those of the scene's two people, the larger first."""
    assert len(boxes) == 2 and boxes == ordered(boxes)
    for box, place in zip(boxes, PLACES, strict=True):
        assert detect.overlap(box, tile(place)) > 0.4
        assert box.x >= 0 and box.y >= 0 and box.x + box.width <= 640 and box.y + box.height <= 480


@pytest.mark.parametrize("cascade", ["alt2", "default"])
def test_haar_finds_both_people(scene, cascade):
    boxes = detect.faces(scene, cascade=cascade)
    check_two_people(boxes)
    assert all(box.width == box.height and box.score > 0 for box in boxes)


def test_a_picture_in_any_form_gives_the_same_boxes(scene, tmp_path):
    expected = detect.faces(scene)
    Image.fromarray(scene).save(tmp_path / "two.png")
    content = BytesIO()
    Image.fromarray(scene).save(content, "PNG")
    forms = [tmp_path / "two.png", str(tmp_path / "two.png"), content.getvalue()]
    forms += [Image.fromarray(scene), scene.transpose(2, 0, 1), scene[:, :, ::-1][:, :, ::-1]]
    for form in forms:
        assert detect.faces(form) == expected
    gray = cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY)
    assert detect.faces(gray) == detect.faces(gray[None]) == detect.faces(gray[..., None])
    assert [box.width for box in detect.faces(gray)] == [box.width for box in expected]


def test_threads_share_a_detector(scene):
    find = detect.detector("haar")
    expected = find(scene)
    started = threading.active_count()
    with ThreadPoolExecutor(3) as pool:
        assert all(found == expected for found in pool.map(find, [scene] * 6))
    assert threading.active_count() == started


def test_a_large_picture_is_looked_at_reduced_and_boxes_are_in_its_pixels(scene):
    large = cv2.resize(scene, (6400, 4800), interpolation=cv2.INTER_LINEAR)
    for box, small in zip(detect.faces(large), detect.faces(scene), strict=True):
        ten = Box(*(10 * side for side in (small.x, small.y, small.width, small.height)))
        assert detect.overlap(box, ten) > 0.8


def test_largest_first_and_ties_by_place():
    boxes = [Box(9, 0, 4, 4), Box(0, 5, 4, 4), Box(3, 5, 4, 4), Box(0, 0, 5, 5)]
    assert ordered(reversed(boxes)) == [boxes[3], boxes[0], boxes[1], boxes[2]]


def test_overlap_is_intersection_over_union():
    assert detect.overlap(Box(0, 0, 4, 4), Box(2, 0, 4, 4)) == 8 / 24
    assert detect.overlap(Box(0, 0, 4, 4), Box(4, 0, 4, 4)) == 0
    assert detect.overlap(Box(1, 2, 3, 4), Box(1, 2, 3, 4, 0.5)) == 1


def test_a_box_is_kept_inside_the_picture():
    assert inside((-3.4, 2.6, 5.2, 99), (20, 30), 0.5) == Box(0, 3, 5, 17, 0.5)
    assert inside((31, 2, 40, 9), (20, 30), 0.5) is None


def test_the_crop_is_a_square_about_the_centre_and_inside():
    picture = np.arange(3 * 60 * 80, dtype=np.uint8).reshape(3, 60, 80)
    cut = detect.crop(picture, Box(30, 20, 10, 20), margin=1.5)
    np.testing.assert_array_equal(cut, picture[:, 15:45, 20:50])
    at_the_rim = detect.crop(picture, Box(0, 50, 10, 10), margin=2)
    np.testing.assert_array_equal(at_the_rim, picture[:, 40:60, :20])
    assert detect.crop(picture, Box(0, 0, 80, 60), margin=1.5).shape == (3, 60, 60)
    assert detect.crop(picture.transpose(1, 2, 0), Box(30, 20, 10, 20)).shape == (3, 21, 21)
    assert detect.crop(picture[0], Box(3, 3, 10, 20), 1).shape == (1, 20, 20)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_photograph_on_its_side_is_turned(scene, degrees):
    lying = np.rot90(scene, -degrees // 90)
    picture, boxes, turned = detect.upright(lying)
    assert turned == degrees
    np.testing.assert_array_equal(picture, scene.transpose(2, 0, 1))
    check_two_people(boxes)


def test_no_face_is_an_empty_list_and_no_turn():
    wall = np.full((90, 120), WALL, np.uint8)
    assert detect.faces(wall) == []
    picture, boxes, turned = detect.upright(wall)
    assert (picture.shape, boxes, turned) == ((1, 90, 120), [], 0)


BAD = {
    "name": (lambda: detect.faces("nowhere.png"), "no picture file nowhere.png"),
    "float": (lambda: detect.faces(np.zeros((9, 9))), "array of uint8"),
    "batch": (lambda: detect.faces(np.zeros((2, 9, 9, 3), np.uint8)), "not one picture"),
    "list": (lambda: detect.faces([1, 2]), "expected a file's name"),
    "detector": (lambda: detect.detector("har"), "Did you mean 'haar'"),
    "option": (lambda: detect.detector("haar", scal=2), "haar has no option 'scal'; it has: casc"),
    "scale": (lambda: detect.faces(np.zeros((9, 9), np.uint8), scale=1), "from 1.01 to 4"),
    "unhashable": (lambda: detect.faces(np.zeros((9, 9), np.uint8), scale=[1]), "scale="),
    "box": (lambda: detect.crop(np.zeros((9, 9), np.uint8), (1, 2, 3, 4)), "expected a Box"),
    "no number": (
        lambda: detect.crop(np.zeros((9, 9), np.uint8), Box(0, 0, float("nan"), 4)),
        "expected a Box",
    ),
    "margin": (
        lambda: detect.crop(np.zeros((9, 9), np.uint8), Box(0, 0, 2, 2), margin=0),
        "margin=0",
    ),
}


@pytest.mark.parametrize(("call", "said"), BAD.values(), ids=BAD.keys())
def test_what_is_wrong_is_said_in_one_sentence(call, said):
    with pytest.raises(FerError, match=said):
        call()
