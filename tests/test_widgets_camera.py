"""The camera's half in the kernel: what is made of the messages of a page. The page's half is
tested in a browser (test_camera_browser.py)."""

import asyncio
import re
import sys
import time
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from torch import nn

from fer_utils import detect, models, widgets
from fer_utils.detect.boxes import Box
from fer_utils.detect.drawn_film import DrawnFilm
from fer_utils.detect.film import Writer
from fer_utils.errors import FerError
from fer_utils.widgets import source as sources

NET = models.load("mini_xception_facs3d")
FILM = DrawnFilm(seconds=4, size=(320, 240), rate=12, people=1)


@pytest.fixture(autouse=True)
def without_export(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)


def jpeg(picture, kind="JPEG"):
    file = BytesIO()
    Image.fromarray(picture).save(file, kind)
    return file.getvalue()


@pytest.fixture(scope="module")
def frame():
    return FILM.frame(26)


def said_to(camera):
    """Collect what the camera sends to its page: messages and buffers."""
    sent = []
    camera.view.send = lambda content, buffers=(): sent.append((content, list(buffers)))
    return sent


@pytest.fixture
def camera():
    return widgets.camera({"net": NET, "flat": Flat()})


class Flat(nn.Module):
    """Has other classes, and always hesitates."""

    classes = ("yes", "no")

    def forward(self, pictures):
        return pictures.mean((1, 2, 3))[:, None].expand(-1, 2)


def answer(camera, content, buffers):
    """Return what is sent in answer to a message."""
    sent = said_to(camera)
    camera.view._handle_custom_msg(content, buffers)
    (one,) = sent
    return one


def test_a_picture_is_answered_with_its_faces(camera, frame):
    found, sent = answer(camera, {"frame": 7}, [memoryview(jpeg(frame.picture))])
    (face,) = found["faces"]
    (shown,) = frame.shown
    assert (found["frame"], found["size"], found["picture"], sent) == (7, [320, 240], False, [])
    assert detect.overlap(Box(*face["box"]), shown.box) > 0.35
    assert NET.classes[np.argmax(face["shares"])] == shown.expression
    assert sum(face["shares"]) == pytest.approx(1, abs=0.001) and found["ms"] > 0
    assert "said" not in found and camera.view.classes == list(NET.classes)


def test_a_wall_has_no_face(camera):
    found, _ = answer(camera, {"frame": 1}, [jpeg(np.full((240, 320, 3), 140, np.uint8))])
    assert found["faces"] == [] and "said" not in found


def test_a_map_is_painted_and_kept_for_a_while(camera, frame, monkeypatch):
    camera.map.value = True
    monkeypatch.setattr(widgets.webcam, "REST", 1e6)
    picture = [jpeg(frame.picture)]
    found, (pixels,) = answer(camera, {"frame": 1}, picture)
    rgba = np.frombuffer(pixels, np.uint8).reshape(48, 48, 4)
    assert found["mapped"] == found["faces"][0]["id"] and np.ptp(rgba[..., 3]) > 100
    found, sent = answer(camera, {"frame": 2}, picture)
    assert sent == [] and found["mapped"] == found["faces"][0]["id"]
    camera.map.value = False
    assert answer(camera, {"frame": 3}, picture)[0]["mapped"] is None


LARGE = jpeg(np.zeros((40, 1300, 3), np.uint8))
BAD = {
    "no picture": ({"frame": 5}, [], "sent no picture"),
    "two": ({"frame": 5}, [b"a", b"b"], "sent no picture"),
    "noise": ({"frame": 5}, [b"no picture"], "not a picture that can be read"),
    "empty": ({"frame": 5}, [b""], "not a picture that can be read"),
    "cut off": ({"frame": 5}, [LARGE[:300]], "damaged|1300 x 40"),
    "heavy": ({"frame": 5}, [bytes(1_000_001)], "1,000,000 are the most"),
    "wide": ({"frame": 5}, [LARGE], "1300 x 40 pixels.*1280 a side"),
    "no number": ({"frame": "5"}, [LARGE], "1300 x 40"),
    "a list": ([5], [LARGE], "1300 x 40"),
    "text": ("frame", None, "sent no picture"),
    "nothing": (None, None, "sent no picture"),
}


@pytest.mark.parametrize(("content", "buffers", "words"), BAD.values(), ids=BAD.keys())
def test_what_is_no_picture_is_answered_in_one_sentence(camera, content, buffers, words, capsys):
    found, sent = answer(camera, content, buffers)
    assert found["faces"] == [] and sent == []
    assert re.search(words, found["said"])
    assert "\n" not in found["said"] and "Error" not in found["said"]
    assert found["frame"] == (5 if content == {"frame": 5} else -1)
    assert capsys.readouterr() == ("", "")


def test_a_cut_off_picture(camera, frame):
    whole = jpeg(frame.picture)
    found, _ = answer(camera, {"frame": 5}, [whole[: len(whole) // 2]])
    assert "damaged" in found["said"]


def test_models_and_detectors_are_chosen_in_the_page(camera, frame):
    camera.model.value = "flat"
    assert camera.view.classes == ["yes", "no"]
    camera.detector.value = "blazeface"
    found, _ = answer(camera, {"frame": 1}, [jpeg(frame.picture)])
    assert found["faces"][0]["shares"] == [0.5, 0.5]


def test_a_detector_that_is_not_there_says_how_to_get_it(camera, frame, monkeypatch):
    def load(**options):
        raise FerError("ssd is not installed.")

    monkeypatch.setattr("fer_utils.detect.ssd.load", load)
    sent = said_to(camera)
    camera.detector.value = "ssd"
    assert sent == [({"said": "ssd is not installed."}, [])]
    found, _ = answer(camera, {"frame": 2}, [jpeg(frame.picture)])
    assert found["said"] == "ssd is not installed." and found["frame"] == 2
    camera.detector.value = "haar"
    found, _ = answer(camera, {"frame": 3}, [jpeg(frame.picture)])
    assert len(found["faces"]) == 1 and "said" not in found


def test_a_detector_that_breaks_is_a_sentence(frame):
    def broken(picture):
        raise ValueError("out of order")

    camera = widgets.camera(NET, broken)
    found, _ = answer(camera, {"frame": 1}, [jpeg(frame.picture)])
    assert found["said"] == "ValueError: out of order"


def test_names_of_nets_and_detectors():
    camera = widgets.camera(NET)
    assert camera.detector.options == ("haar", "blazeface", "ssd", "mtcnn")
    assert camera.model.options == ("mini_xception",)  # a net without a name has its architecture's
    given = detect.detector("blazeface", kind="short")
    camera = widgets.camera(NET, given)
    assert camera.detector.value == "blazeface (kind=short)" and camera.live.find is given


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"models": []}, "no models"),
        ({"models": NET, "detector": "har"}, "har"),
        ({"models": NET, "detector": 3}, "detector=3"),
        ({"models": NET, "detector": "yunet"}, "model"),
        ({"models": NET, "source": 1.5}, "source=1.5"),
        ({"models": nn.Flatten()}, "classes"),
    ],
)
def test_what_cannot_be_had_is_said_at_once(arguments, words):
    with pytest.raises(FerError, match=words):
        widgets.camera(**arguments)


def test_python_can_have_the_source_itself(monkeypatch):
    clock = iter(np.arange(100, 200, 0.1))
    monkeypatch.setattr(sources, "monotonic", lambda: next(clock))
    camera = widgets.camera(NET, source="drawn")
    assert camera.view.source == "drawn"
    found, _ = answer(camera, {"frame": 0}, [])  # the wall: nobody has come in yet
    assert (found["size"], found["faces"]) == ([480, 360], [])
    camera.source._film = FILM
    for number in range(1, 24):
        found, (picture,) = answer(camera, {"frame": number}, [])
        assert found["picture"] is True and found["size"] == [320, 240]
    assert Image.open(BytesIO(picture)).size == (320, 240)
    assert len(found["faces"]) == 1


def test_a_film_begins_again_and_is_closed_at_stop(tmp_path):
    path = tmp_path / "three.avi"
    writer = Writer(path, (32, 24), 10)
    for shade in (0, 100, 200):
        writer.write(np.full((24, 32, 3), shade, np.uint8))
    writer.close()
    source = sources.Source(path)
    camera = widgets.camera(NET, lambda picture: [], source=path)
    seen, camera.source = [], source
    for _ in range(7):
        source._asked -= 0.1  # a tenth of a second has gone by
        seen.append(int(source().mean()))
    assert set(seen) == {0, 100, 200} and seen.count(0) > 1
    camera.view._handle_custom_msg({"stop": True}, [])
    assert source._film is None
    source()
    camera.close()
    assert source._film is None


def test_a_source_is_let_go_of_when_nobody_asks(tmp_path, monkeypatch):
    """The page may be gone without a word; but what takes long to open is not closed for that."""
    path = tmp_path / "one.avi"
    writer = Writer(path, (32, 24), 10)
    writer.write(np.zeros((24, 32, 3), np.uint8))
    writer.close()
    monkeypatch.setattr(sources, "UNSEEN", 0.2)
    source = sources.Source(path)
    opened = source._open

    async def ask():
        source()
        monkeypatch.setattr(source, "_open", lambda: (time.sleep(0.3), opened()))
        source._film = None
        source()
        await asyncio.sleep(0)
        assert source._film is not None
        while source._film is not None:
            await asyncio.sleep(0.05)

    asyncio.run(asyncio.wait_for(ask(), 20))


def test_a_source_that_is_not_there(tmp_path):
    camera = widgets.camera(NET, source=tmp_path / "no.mp4")
    assert camera.view.source == "no.mp4"
    found, sent = answer(camera, {"frame": 1}, [])
    assert "not there" in found["said"] and sent == []


def test_no_trait_holds_anything_of_a_picture(camera, frame):
    before = {key: repr(value) for key, value in camera.view.get_state().items()}
    camera.map.value = True
    answer(camera, {"frame": 1}, [jpeg(frame.picture)])
    assert before == {key: repr(value) for key, value in camera.view.get_state().items()}
