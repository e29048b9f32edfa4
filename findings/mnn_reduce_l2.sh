#!/usr/bin/env bash
# MNN 3.6.1 (the phone runtime's Python wheel): from opset 18 on, ONNX files name the axes of ReduceL2 in
# an input, no longer in an attribute, and MNN's converter does not read them there: the norm is taken over
# everything. So F.normalize, the last layer of face recognition networks, divides each face's vector
# by the length of the whole *batch*, without a word; ReduceL1 and ReduceLogSumExp are read so as well.
# One face at a time stays right, by accident; its normalised feature maps do not. (Convolutions with weight
# normalisation keep a ReduceL2 in files of torch.onnx.export(dynamo=False, opset_version=18).)
# ReduceMean, ReduceSum and ReduceMax are right, and so is ReduceL2 in files of opset 17 and older.
# torch's default exporter (seen with torch 2.13.0) writes opset 20.
#
# Guessed before: layers of face networks equal torch's to 1e-3 or do not convert; then: normalised vectors
# of a batch are right and only feature maps wrong; then: batches wrong, single faces right.
# Seen: vectors of length 1 come out as long as 1 / sqrt(batch): 0.35 in a batch of 8, 0.12 of 64. Two
# pictures of one face score 0.12 (batch of 8) or 0.02 (of 64) in place of 0.96, so "same person" (above 0.4)
# is never said.
# Whom it hurts: who runs a recogniser on a phone, for several faces of a picture at once.
# Found in no issue of alibaba/MNN that we could search (870, mended, was about a converter that stopped).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  MNN==3.6.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import _tools  # the converter of the wheel; its command would report to its makers
import MNN
import MNN.expr as expr
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

onnxruntime.set_default_logger_severity(3)
random = np.random.default_rng(0)
node, value = helper.make_node, helper.make_tensor_value_info


def both(name, nodes, x, axes, opset, weights=()):
    """Return what onnxruntime and MNN answer; `nodes` is a function of how the axes are given."""
    inside = opset < 18 and name != "ReduceSum"
    constants = {"least": np.float32(1e-12), **dict(weights)}
    if not inside:
        constants["axes"] = np.array(axes, np.int64)
    graph = helper.make_graph(
        nodes([] if inside else ["axes"], {"axes": axes} if inside else {}), "net",
        [value("x", TensorProto.FLOAT, x.shape)], [value("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9), "net.onnx")
    right = onnxruntime.InferenceSession("net.onnx").run(None, {"x": x})[0]
    _tools.mnnconvert(["", "-f", "ONNX", "--modelFile", "net.onnx", "--MNNModel", "net.mnn", "--bizCode", "a"])
    net = MNN.nn.load_module_from_file("net.mnn", ["x"], ["y"])
    found = net.forward([expr.const(x.copy(), list(x.shape), expr.NCHW)])
    found = expr.convert(found[0] if isinstance(found, list) else found, expr.NCHW)
    return right, np.array(found.read()).reshape(tuple(found.shape))


def normalise(axes, inside):
    """F.normalize, as torch.onnx.export writes it."""
    return [
        node("ReduceL2", ["x", *axes], ["n"], keepdims=1, **inside),
        node("Clip", ["n", "least"], ["c"]),
        node("Div", ["x", "c"], ["y"]),
    ]


# 1. Vectors of faces: the same 128 numbers twice, with a little noise, in one batch.
for opset in (13, 17, 18, 20):
    for count in (1, 8, 64):
        faces = random.normal(0, 1, (count, 128)).astype(np.float32)
        again = (faces + random.normal(0, 0.3, faces.shape)).astype(np.float32)
        pairs = [both("ReduceL2", normalise, x, [1], opset) for x in (faces, again)]
        right, found = ((pairs[0][k] * pairs[1][k]).sum(1) for k in (0, 1))
        length = np.linalg.norm(pairs[0][1], axis=1).mean()
        print(f"opset {opset}, batch of {count}: length {length:.3f}; same face, likeness {right.mean():.3f} "
              f"(onnxruntime), {found.mean():.3f} (MNN), {(found > 0.4).mean():.0%} above 0.4", flush=True)
        if opset < 18 or count == 1:
            assert np.abs(found - right).max() < 1e-5 and abs(length - 1) < 1e-5
        else:
            assert abs(length * count**0.5 - 1) < 0.02 and right.min() > 0.9 and found.max() < 0.2

# 2. Feature maps of one face, normalised over channels; and the other reductions.
maps = random.normal(0, 1, (1, 8, 12, 12)).astype(np.float32)
right, found = both("ReduceL2", normalise, maps, [1], 18)
print(f"maps: lengths {np.linalg.norm(found, axis=1).mean():.3f}, should be {np.linalg.norm(right, axis=1).mean():.3f}")
assert np.abs(found - right).max() > 0.5 and np.allclose(found, maps / np.linalg.norm(maps), atol=1e-6)
for name in ("ReduceL2", "ReduceL1", "ReduceLogSumExp", "ReduceMean", "ReduceSum", "ReduceMax"):
    for opset in (17, 18):
        right, found = both(name, lambda axes, inside: [node(name, ["x", *axes], ["y"], keepdims=1, **inside)],
                            maps, [1], opset)
        print(f"{name}, opset {opset}: {found.shape}, should be {right.shape}")
        wrong = opset == 18 and name in ("ReduceL2", "ReduceL1", "ReduceLogSumExp")
        assert (found.size == 1) == wrong and (wrong or np.abs(found - right).max() < 1e-4), (name, opset)
PYTHON
