#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93: cv2.dnn pads the wrong side where an ONNX file says
# auto_pad="SAME_UPPER", the padding of TensorFlow and Keras, which CNTK's exporter writes as well. The
# odd row and column belong at the end and are put at the start, in convolutions and in poolings with
# stride 2, without a word. OpenCV 4.14.0.94 reads SAME_UPPER rightly (and SAME_LOWER as SAME_UPPER).
# A face network that worked with OpenCV 4 so answers otherwise with OpenCV 5. Written-out `pads` are
# right in both. (The weights below are random: how many answers change depends on the network.)
#
# Guessed before: both versions agree with onnxruntime, for MaxPool over negative numbers as for
# depthwise convolutions with stride 2.
# Seen: 5.0.0.93 differs; its numbers are those of padding at the start, to the last bit.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 4.14.0.94 5.0.0.93; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/python" -m pip install --quiet --disable-pip-version-check \
    "opencv-python-headless==$version" onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
  "$folder/$version/bin/python" - 2>/dev/null <<'PYTHON' || { echo "$version: no longer so"; exit 1; }
import cv2
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

random = np.random.default_rng(0)


def file(nodes, shape, out, weights=()):
    """Return an ONNX file as bytes: x goes in, y comes out."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "net", [value("x", TensorProto.FLOAT, shape)], [value("y", TensorProto.FLOAT, out)],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in dict(weights).items()],
    )
    opset = [helper.make_opsetid("", 13)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def by_opencv(net, x):
    net = cv2.dnn.readNetFromONNX(np.frombuffer(net, np.uint8))
    net.setInput(x)
    return net.forward().copy()


def by_onnxruntime(net, x):
    return onnxruntime.InferenceSession(net).run(None, {"x": x})[0]


# 1. Which side: the largest of every 3 x 3 window, by hand.
x = random.normal(-2, 1, (1, 1, 48, 48)).astype(np.float32)


def by_hand(before, after):
    padded = np.pad(x[0, 0], ((before, after), (before, after)), constant_values=-np.inf)
    return np.array([[padded[i : i + 3, j : j + 3].max() for j in range(0, 48, 2)] for i in range(0, 48, 2)])


pool = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
pooled = file([pool], [1, 1, 48, 48], [1, 1, 24, 24])
at_end = np.array_equal(by_opencv(pooled, x)[0, 0], by_hand(0, 1))
at_start = np.array_equal(by_opencv(pooled, x)[0, 0], by_hand(1, 0))
assert np.array_equal(by_onnxruntime(pooled, x)[0, 0], by_hand(0, 1)), "onnxruntime pads at the end"

# 2. What it does to a small network of four convolutions with stride 2: 200 pictures, 7 classes.
widths, nodes, weights, name = (1, 8, 16, 32, 64), [], {}, "x"
for layer, (a, b) in enumerate(zip(widths, widths[1:])):
    weights[f"w{layer}"] = random.normal(0, (2 / 9 / a) ** 0.5, (b, a, 3, 3))
    nodes += [
        helper.make_node("Conv", [name, f"w{layer}"], [f"c{layer}"], strides=[2, 2], auto_pad="SAME_UPPER"),
        helper.make_node("Relu", [f"c{layer}"], [f"r{layer}"]),
    ]
    name = f"r{layer}"
weights["v"] = random.normal(0, 1, (7, 64 * 9))
nodes += [helper.make_node("Flatten", [name], ["f"]), helper.make_node("Gemm", ["f", "v"], ["y"], transB=1)]
net = file(nodes, [1, 1, 48, 48], [1, 7], weights)
noise = random.normal(0, 9, (200, 48, 48)).astype(np.float32)
faces = [cv2.GaussianBlur(picture, (0, 0), 3)[None, None] for picture in noise]
same = np.mean([by_opencv(net, f).argmax() == by_onnxruntime(net, f).argmax() for f in faces])
print(f"OpenCV {cv2.__version__}: pads at the {'end' if at_end else 'start' if at_start else '?'}; "
      f"{same:.1%} of 200 answers are onnxruntime's")
expected = (True, False) if cv2.__version__ < "5" else (False, True)
assert (at_end, at_start) == expected and (same == 1) == at_end
PYTHON
done
