#!/usr/bin/env bash
# opencv-python-headless 4.14.0.94: cv2.dnn does not read AveragePool's `count_include_pad`. It goes by
# the name of the program that wrote the file: with producer_name "pytorch" padding counts, with every
# other name it does not. So the same network, the same weights and the same picture give other numbers
# once a converter or optimizer has put its own name into the file; and of torch's own files those are
# read wrongly that exclude the padding (count_include_pad=False, as in every pooling ported from Keras
# or TensorFlow, for instance the Inception branches of InceptionResNetV2).
# OpenCV 5.0.0.93 reads the attribute.
#
# Guessed before: AveragePool is right but for ceil_mode, where the last row and column may differ.
# Seen: all borders differ whenever name and attribute do not match; ceil_mode alone is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  opencv-python-headless==4.14.0.94 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import cv2
import numpy as np
import onnxruntime
from onnx import TensorProto, helper

x = np.ones((1, 1, 6, 6), np.float32)
wrong = {}
for counted in (0, 1):
    node = helper.make_node(
        "AveragePool", ["x"], ["y"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=counted
    )
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node], "net", [value("x", TensorProto.FLOAT, x.shape)], [value("y", TensorProto.FLOAT, x.shape)]
    )
    for producer in ("pytorch", "tf2onnx", "onnx.quantize", ""):
        opset = [helper.make_opsetid("", 13)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name=producer)
        file = model.SerializeToString()
        net = cv2.dnn.readNetFromONNX(np.frombuffer(file, np.uint8))
        net.setInput(x)
        ours = net.forward()[0, 0, 0, 0]
        right = onnxruntime.InferenceSession(file).run(None, {"x": x})[0][0, 0, 0, 0]
        wrong[counted, producer] = bool(abs(ours - right) > 1e-6)
        print(f"count_include_pad={counted}, written by {producer!r}: the corner of a picture of ones is "
              f"{ours:.3f} in OpenCV {cv2.__version__}, {right:.3f} in onnxruntime")
assert wrong == {(c, p): (c == 1) != (p == "pytorch") for c, p in wrong}, wrong
PYTHON
