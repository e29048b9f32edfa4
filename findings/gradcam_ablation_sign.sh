#!/usr/bin/env bash
# grad-cam 1.5.7: AblationCAM of a class with a negative logit is the map of what speaks AGAINST the
# class. A channel's weight is the drop of the logit when it is taken out, divided by the logit itself
# (so in the paper, which has positive scores in mind); below zero the division turns the sign of all
# weights. What should be bright is cut off as negative, and min-max scaling then stretches the rest to
# [0, 1], so that the picture looks like any other. Adding one number to all logits, which changes no
# probability, no decision and no other CAM, so turns the map around. Of seven classes only the answer
# and one or two more tend to have positive logits: asked "why not fear?", the method lies.
#
# Guessed before: of the methods of the package, run on an untrained network, none gives empty maps.
# Seen: AblationCAM did for every face, and the logit was negative. Here: maps of the same face and
# class with + 5 and with - 5 on all logits correlate at -1.000 before clipping, and 22 of 56 pairs
# are empty on one side only. Grad-CAM does not move.
# Whom it hurts: who explains other classes than the answer, or averages maps over faces of one class
# whose logit changes its sign. Found in no issue of grad-cam; README and docs do not say so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  torch==2.13.0 torchvision==0.28.0 grad-cam==1.5.7 numpy==2.4.6
TQDM_DISABLE=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys

import numpy as np
import torch
from torch import nn

try:
    import torchvision  # noqa: F401
except RuntimeError:
    # PyPI's torchvision beside a CPU build of torch misses two operators that nothing here calls.
    for name in [name for name in sys.modules if name.startswith("torchvision")]:
        del sys.modules[name]
    declared = torch.library.Library("torchvision", "FRAGMENT")
    declared.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    declared.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from pytorch_grad_cam import AblationCAM, GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

torch.manual_seed(0)
features = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU()
)
net = nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 7)).eval()
faces = torch.rand(8, 1, 48, 48)
faces[:, :, 8:20, 8:40] *= 0.2
faces[:, :, 32:40, 14:34] *= 0.4


class Plain(AblationCAM):
    """Keeps the map before negative values are cut off."""

    def get_cam_image(self, *arguments, **named):
        self.whole = super().get_cam_image(*arguments, **named)
        return self.whole


def maps(kind, label, shift):
    with torch.no_grad():
        net[3].bias += shift
        chances = net(faces).softmax(1)
    cam = kind(model=net, target_layers=[features[4]])
    shown = cam(input_tensor=faces.clone(), targets=[ClassifierOutputTarget(label)] * 8)
    with torch.no_grad():
        net[3].bias -= shift
    return shown, getattr(cam, "whole", None), chances


ablation, gradient, empty = [], [], 0
for label in range(7):
    up, whole_up, chances = maps(Plain, label, 5.0)  # all logits positive
    down, whole_down, same = maps(Plain, label, -5.0)  # all logits negative
    assert torch.allclose(chances, same, atol=1e-5)
    ablation += [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(whole_up, whole_down)]
    empty += sum(float(a.max()) == 0 and float(b.max()) > 0 or float(b.max()) == 0 and float(a.max()) > 0
                 for a, b in zip(up, down))
    one, two = maps(GradCAM, label, 5.0)[0], maps(GradCAM, label, -5.0)[0]
    gradient.append(np.abs(one - two).max())
print(f"7 classes, 8 faces, logits + 5 and logits - 5, probabilities the same: Ablation-CAM before clipping "
      f"correlates at {min(ablation):+.3f} to {max(ablation):+.3f}; Grad-CAM differs by at most {max(gradient):.1e}")
print(f"of {len(ablation)} pairs of shown maps, {empty} are empty on one side only")
assert max(ablation) < -0.9 and max(gradient) < 1e-3, (max(ablation), max(gradient))
PYTHON
