#!/usr/bin/env bash
# torchcam 0.5.0: overlay_mask squares the map before it colours it. "mask to be overlayed in grayscale" is what
# it asks for, any PIL picture is taken, and one of 8 bit, the usual grey picture, is squared in 8 bit: 16 x 16 is
# 0, 128 x 128 is 0, 255 x 255 is 1. The hottest spot gets the coldest colour, and round it lie rings of all
# colours that stand for nothing. So do the heat maps that torchcam's own PredictionExplanation.save
# writes beside its overlays: read again and laid over the face, they give another picture than the overlay.
# Maps of mode "F" in [0, 1], as in its README, are right; that no other will do is said nowhere.
#
# Guessed before: a grey picture of 8 bit and one of floats in [0, 1] give the same overlay within two grey levels;
# then, having read the source: the hottest spot gets the coldest colour.
# Seen: that; the overlays differ by 138 of 255 grey levels on average for a map with one round spot, and those of
# torchcam's own heat map of a small random network by 82.
# Whom it hurts: who stores maps as pictures, as most do, and shows them over faces afterwards.
# Found in no issue of torch-cam that we could search.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  torch==2.13.0 torchcam==0.5.0 numpy==2.4.6 pillow==13.0.0 matplotlib==3.11.2
"$folder/venv/bin/python" -W ignore - "$folder/explained" <<'PYTHON'
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torchcam.explain import explain
from torchcam.utils import overlay_mask

# 1. One round spot on the mouth of a grey picture.
y, x = np.mgrid[:48, :48]
spot = np.exp(-((x - 24) ** 2 + (y - 36) ** 2) / 200).astype(np.float32)
face = Image.fromarray(np.full((48, 48), 128, np.uint8))
as_float = np.asarray(overlay_mask(face, Image.fromarray(spot), alpha=0.0)).astype(int)
as_bytes = np.asarray(overlay_mask(face, Image.fromarray((255 * spot).round().astype(np.uint8)), alpha=0.0)).astype(int)
differ = np.abs(as_float - as_bytes).max(2).mean()
for name, colours in (("mode F", as_float), ("mode L", as_bytes)):
    print(f"{name}: red, green, blue are {colours[36, 24]} on the spot and {colours[0, 0]} in the far corner")
print(f"the overlays differ by {differ:.0f} grey levels on average")
assert as_float[36, 24, 0] > 100 and as_float[36, 24, 2] == 0
assert as_bytes[36, 24, 0] == 0 and as_bytes[36, 24, 2] > 100 and differ > 50

# 2. What torchcam itself writes for a picture and a small network.
torch.manual_seed(0)
net = nn.Sequential(
    *(nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU()),
    *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 7)),
).eval()
explanation = explain(net, torch.rand(1, 1, 48, 48), target_layer="3")
folder = explanation.save(Path(sys.argv[1]), face)
overlay, heat = (next(folder.glob(f"*-{what}.png")) for what in ("overlay", "heatmap"))
again = overlay_mask(face, Image.open(heat), alpha=0.5)
off = np.abs(np.asarray(Image.open(overlay)).astype(int) - np.asarray(again)).max(2)
print(f"torchcam's own overlay and one of its own heat map: {off.mean():.0f} grey levels apart on average")
assert Image.open(heat).mode == "L" and off.mean() > 20
PYTHON
