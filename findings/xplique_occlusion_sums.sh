#!/usr/bin/env bash
# xplique 2.0.2: Occlusion adds up what all patches over a pixel cost, and does not divide by how many there were.
# Where patches overlap (patch_stride below patch_size, the way to fine maps) a pixel in the middle lies
# under up to (size / stride)^2 patches and one in the corner under one. So the map has a bright middle and dark
# borders whatever the network does; in faces that is the nose. Where stride does not divide the rest, the last
# rows and columns lie under no patch and are 0. The documentation speaks of neither: its formula is the cost of
# one occlusion, its example has patches of 10 pixels and stride 2. captum averages, as its documentation says.
#
# Guessed before: a network to which all pixels count the same gets an even map, as in captum; then, having read
# the source: 9 in the middle for 1 in the corner, with patches of 12 pixels and stride 4.
# Seen: that, and 25 for 1 with the example's patches. Of two spots that cost the same the one in the corner gets
# a fifth of the one in the middle. With patches and stride of 10 pixels 31 % of a 48 x 48 face are never covered,
# and are 0 as if they did not count.
# Whom it hurts: who concludes from such maps that a network looks at the middle of the face.
# Found in no issue of xplique that we could search.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip() { "$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
pip tensorflow==2.20.0 tf_keras==2.20.1 tensorflow-probability==0.25.0 numpy==2.3.5 scipy==1.17.1 \
  scikit-learn==1.9.1 scikit-image==0.26.0 matplotlib==3.11.2 opencv-python-headless==4.14.0.94 einops==0.8.2 \
  deprecated==1.3.1
pip --no-deps xplique==2.0.2 # its own list asks for TensorFlow with CUDA, 7 GB
CUDA_VISIBLE_DEVICES="" TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -W ignore - 2>/dev/null <<'PYTHON'
import numpy as np
import tensorflow as tf
from xplique.attributions import Occlusion


def occlusion(weights, size, stride):
    """Return xplique's map and the mean over the patches that cover a pixel, for a linear network."""
    layers = [tf.keras.Input((48, 48, 1)), tf.keras.layers.Flatten(), tf.keras.layers.Dense(1, use_bias=False)]
    net = tf.keras.Sequential(layers)
    net.set_weights([weights.reshape(-1, 1).astype(np.float32)])
    face, target = np.ones((1, 48, 48, 1), np.float32), np.ones((1, 1), np.float32)
    found = Occlusion(net, patch_size=size, patch_stride=stride)(face, target).numpy()[0, :, :, 0]
    total, count = np.zeros((48, 48)), np.zeros((48, 48))
    for top in range(0, 48 - size + 1, stride):
        for left in range(0, 48 - size + 1, stride):
            patch = np.s_[top : top + size, left : left + size]
            total[patch] += weights[patch].sum()
            count[patch] += 1
    assert np.allclose(found, total, rtol=1e-3, atol=1e-4)
    return found, total / np.maximum(count, 1), count


even = np.full((48, 48), 1 / 2304)
for size, stride, times in ((12, 4, 9), (10, 2, 25)):
    found, mean, count = occlusion(even, size, stride)
    print(f"all pixels count the same, patch {size}, stride {stride}: corner {found[0, 0]:.4f}, edge "
          f"{found[0, 24]:.4f}, middle {found[24, 24]:.4f}; mean over the patches {mean.min():.4f} to {mean.max():.4f}")
    assert abs(found[24, 24] / found[0, 0] - times) < 0.02 and np.ptp(mean) < 1e-6

spots = np.zeros((48, 48))
corner, middle = np.s_[0:6, 0:6], np.s_[21:27, 21:27]
spots[corner] = spots[middle] = 1 / 36
found, mean, count = occlusion(spots, 12, 4)
print(f"two spots that cost 1 each: corner {found[corner].mean():.2f}, middle {found[middle].mean():.2f}; mean over the "
      f"patches {mean[corner].mean():.2f} and {mean[middle].mean():.2f}")
assert found[middle].mean() > 4 * found[corner].mean() and mean[corner].mean() >= mean[middle].mean()

found, mean, count = occlusion(even, 10, 10)
print(f"patch 10, stride 10: {(count == 0).mean():.0%} of the face never covered, {(found == 0).mean():.0%} of the map is 0")
assert (found == 0).mean() > 0.3
PYTHON
