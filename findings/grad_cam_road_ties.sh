#!/usr/bin/env bash
# grad-cam 1.5.7: ROADMostRelevantFirst(percentile=p) keeps the pixels strictly below the p-th
# percentile of the map. Maps that are zero in many places, which is what the ReLU in Grad-CAM makes,
# have a percentile of 0 there, nothing lies below it, and the whole picture is taken away in place of
# the (100 - p) % asked for. The imputer, without one known pixel, fills in zeros, and says nothing.
#
# Guessed before: each of the nine steps of ROADMostRelevantFirstAverage takes away 10, 20 ... 90 %,
# and ties are broken somehow; a map on the square that the answer hangs on is told from one that lies
# in another corner.
# Seen: for maps of one 12 x 12 square in 48 x 48 pixels all nine steps take away everything: the right
# square and the wrong one get the same score. With ties broken by 1e-6 of noise the steps are as asked
# for, and the right square costs 0.29 of the answer, the wrong one 0.02.
# Whom it hurts: who compares methods by ROAD, of which one gives maps with zeros (Grad-CAM, guided
# backpropagation, an occlusion map cut at zero) and the other does not.
# Found in no issue of pytorch-grad-cam that we could search.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  grad-cam==1.5.7 torch==2.13.0 torchvision==0.28.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import torch

if torch.version.cuda is None:  # torchvision, built for CUDA, asks for these; nothing here does
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
from pytorch_grad_cam.metrics.road import (
    NoisyLinearImputer,
    RemoveMostRelevantFirst,
    ROADMostRelevantFirstAverage,
)
from torch import nn

rows, columns = torch.meshgrid(torch.linspace(0, 6, 48), torch.linspace(0, 6, 48), indexing="ij")
picture = (0.5 + 0.25 * rows.sin() + 0.2 * columns.cos())[None, None]
net = nn.Sequential(nn.Flatten(), nn.Linear(48 * 48, 2))
right, wrong = np.zeros((48, 48), np.float32), np.zeros((48, 48), np.float32)
right[4:16, 4:16] = wrong[30:42, 30:42] = 1
with torch.no_grad():  # the answer hangs on the square of `right` and on nothing else
    net[1].weight.zero_()[1] = torch.from_numpy(right.ravel()) / 20


def target(output):
    return output[1] - output[0]


def taken(saliency, percentile):
    step = RemoveMostRelevantFirst(percentile, NoisyLinearImputer(noise=0.0))
    changed = step(picture[0], torch.from_numpy(saliency)) != picture[0]
    return round(100 * changed.float().mean().item())


def score(saliency):
    torch.manual_seed(0)
    return float(ROADMostRelevantFirstAverage()(picture, saliency[None], [target], net)[0])


noise = np.random.default_rng(0).random((48, 48), dtype=np.float32) * 1e-6
steps = range(10, 100, 10)
found = {
    name: ([taken(saliency, step) for step in steps], score(saliency))
    for name, saliency in [
        ("right", right), ("wrong", wrong), ("right, ties broken", right + noise),
        ("wrong, ties broken", wrong + noise),
    ]
}
for name, (shares, change) in found.items():
    print(f"{name}: % taken away for percentile 10 to 90: {shares}; score {change:.3f}")
assert found["right"][0] == found["wrong"][0] == [100] * 9
assert found["right"][1] == found["wrong"][1]
asked = [100 - step for step in steps]
assert np.abs(np.subtract(found["right, ties broken"][0], asked)).max() <= 1
assert found["right, ties broken"][1] < 5 * found["wrong, ties broken"][1] < 0
PYTHON
