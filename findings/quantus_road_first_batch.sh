#!/usr/bin/env bash
# quantus 0.6.0: ROAD, the accuracy that is left when the pixels a map puts first are taken away, counts
# the pictures of the first batch only. With more pictures than batch_size (64 by default) the rest is
# explained and predicted, and left out of the mean without a word: the score of 200 faces is that of
# faces 1 to 64, and another batch_size gives another score.
#
# Guessed before: batch_size is about memory; the score of 200 pictures is the same for 200, 64 and 10.
# Seen: noise-free ROAD of 200 pictures at batch_size 64 equals that of the first 64 alone, to the last
# digit, and at batch_size 10 that of the first 10; at 200 it differs from both.
# Whom it hurts: who ranks methods by ROAD over a test set sorted by expression, as folders are: the
# default looks at the first class only.
# Found in no issue of quantus that we could search.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  torch==2.13.0 captum==0.9.0 quantus==0.6.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import quantus
import torch
from torch import nn

torch.manual_seed(0)
random = np.random.default_rng(0)
pictures = random.random((200, 1, 12, 12), dtype=np.float32)
net = nn.Sequential(nn.Flatten(), nn.Linear(144, 3)).eval()
with torch.no_grad():
    labels = net(torch.from_numpy(pictures)).argmax(1).numpy()
pictures, labels = pictures[np.argsort(labels)], np.sort(labels)  # class by class, as in folders
maps = pictures * net[1].weight.detach().numpy()[labels].reshape(200, 1, 12, 12)


def road(count, batch_size):
    metric = quantus.ROAD(percentages=[10, 30, 50], noise=0.0, disable_warnings=True)
    scores = metric(
        model=net, x_batch=pictures[:count], y_batch=labels[:count], a_batch=maps[:count],
        device="cpu", batch_size=batch_size,
    )
    return [round(float(score), 4) for score in scores.values()]


found = {batch_size: road(200, batch_size) for batch_size in (200, 64, 10)}
for batch_size, scores in found.items():
    alone = road(batch_size, batch_size)
    print(f"200 pictures, batch_size {batch_size}: {scores}; the first {batch_size} alone: {alone}")
    assert scores == alone
assert found[64] != found[200] != found[10]
PYTHON
