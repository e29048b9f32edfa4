#!/usr/bin/env bash
# torchcam 0.5.0: SmoothGradCAMpp does not smooth. It puts noise on the picture num_samples times and averages
# what it needs for the weights, but every noisy pass overwrites the feature maps that were kept of the
# picture itself, and in the end the weights meet those of the *last* noisy picture, and its gradients too.
# So the map is that of one noisy picture, whatever num_samples is: with 1,000 samples two calls differ as much
# as with one. Nothing is said; the copy of the clean feature maps, made for the purpose, is used for the weights
# only.
#
# Guessed before: num_samples=1000 gives a steady map, ten times steadier than 10 do; then, having read the
# source: as unsteady as with one sample.
# Seen: two calls differ by .13 to .14 of 1 on average over the pixels with 1, 10 and 1,000 samples of the default
# noise, and the hottest spot lies elsewhere in 7 or 8 of 8 pictures; by the documented formula .004 with one sample
# and .0002 with 1,000. The map equals the formula's with the last noisy picture's feature maps to 2e-7.
# Whom it hurts: who takes this map for steadier than Grad-CAM++, or raises num_samples because it flickers.
# Found in no issue of torch-cam; in 119 somebody asks why maps differ from call to call, and is told that these
# methods are random.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  torch==2.13.0 torchcam==0.5.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch import nn
from torchcam.methods import SmoothGradCAMpp

torch.manual_seed(0)
net = nn.Sequential(
    nn.Sequential(
        *(nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 32, 3, 1, 1))
    ),
    nn.ReLU(),
    *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 7)),
).eval()
pictures = 0.5 + 4 * (nn.functional.avg_pool2d(torch.rand(8, 1, 192, 192), 4) - 0.5)
STD, TARGET = 0.3, 3


def features_and_gradients(x):
    a = net[:2](x).detach().requires_grad_()
    (g,) = torch.autograd.grad(net[2:](a)[:, TARGET].sum(), a)
    return a.detach(), g


def by_formula(samples, seed, gradients="clean", last=False):
    """Return the maps, the gradients in the weights those of the "clean" picture, as torchcam's documentation
    has it, or their "mean" over the noisy ones; `last`: those of the last noisy one, and its feature maps.
    """
    torch.manual_seed(seed)
    noise = torch.distributions.Normal(0, STD)
    first, second, third = 0, 0, 0
    for _ in range(samples):
        a, g = features_and_gradients(pictures + noise.sample(pictures.shape))
        first, second, third = first + g / samples, second + g**2 / samples, third + g**3 / samples
    clean, clean_gradients = features_and_gradients(pictures)
    alpha = second / (2 * second + (third * clean).sum((2, 3), keepdim=True) + 1e-8)
    inside = g if last else clean_gradients if gradients == "clean" else first
    weights = (alpha * inside.relu()).sum((2, 3), keepdim=True)
    maps = (weights * (a if last else clean)).sum(1).relu()
    maps = maps - maps.amin((1, 2), keepdim=True)
    return maps / (maps.amax((1, 2), keepdim=True) + 1e-8)


def by_torchcam(samples, seed):
    torch.manual_seed(seed)
    with SmoothGradCAMpp(net, "1", num_samples=samples, std=STD) as extractor:
        net(pictures)
        return extractor(TARGET)[0]


apart = {}
for name, method in {
    "documented formula": by_formula,
    "the same with mean gradients": lambda samples, seed: by_formula(samples, seed, "mean"),
    "torchcam": by_torchcam,
}.items():
    for samples in (1, 10, 1000):
        one, two = method(samples, 1), method(samples, 2)
        moved = (one.flatten(1).argmax(1) != two.flatten(1).argmax(1)).sum()
        apart[name, samples] = (one - two).abs().mean().item()
        print(f"{name}, {samples} samples: two calls differ by {apart[name, samples]:.4f} on average, "
              f"hottest spot elsewhere in {moved} of 8 pictures")
off = (by_torchcam(10, 1) - by_formula(10, 1, last=True)).abs().max()
print(f"torchcam against the formula with the last noisy picture's feature maps: at most {off:.0e}")
assert off < 1e-3 and apart["torchcam", 1000] > 0.8 * apart["torchcam", 1] > 0.08
assert max(apart["documented formula", 1000], apart["the same with mean gradients", 1000]) < 0.01
PYTHON
