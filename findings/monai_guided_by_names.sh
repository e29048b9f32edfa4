#!/usr/bin/env bash
# monai 1.6.1: GuidedBackpropGrad finds the ReLUs of a network by the *names* of its modules: what has "relu" in
# its name becomes a guided ReLU, and nothing else does.
#   - nn.ReLU in a plain nn.Sequential (named 0, 1, 2 ...), or called act, as in MONAI's own resnet18, is left,
#     and what comes back is the plain gradient, bit for bit.
#   - modules called prelu, as in the networks of ArcFace and MTCNN, are nn.PReLU, and are replaced as well: the
#     negative half of their answers is dropped in the forward pass too. So another network is explained, for
#     the class that this other network answers.
# No warning in either case; that it goes by names is not documented.
#
# Guessed before: equal to captum's guided backpropagation; then, having read the source: as said, and the changed
# network answers otherwise for a third of the faces.
# Seen: as said, MONAI's resnet18 found later; with a small network and random weights 82 % of 200 pictures get
# another answer from the changed network.
# Whom it hurts: who compares guided maps with gradients, or shows what a face recognition network looks at.
# Found in no issue of MONAI that we could search; 6057, open, quotes the line, takes it to find all ReLUs, and
# asks for other activations.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  torch==2.13.0 monai==1.6.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import warnings
from collections import OrderedDict

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from monai.networks.nets import resnet18
    from monai.visualize import GuidedBackpropGrad, VanillaGrad
import torch
from torch import nn


def network(activation, name):
    """Return a small network; `name` is that of its activations, None for a plain nn.Sequential."""
    torch.manual_seed(0)
    layers = [
        *(nn.Conv2d(1, 16, 3, 2, 1), activation(), nn.Conv2d(16, 32, 3, 2, 1), activation()),
        *(nn.Conv2d(32, 32, 3, 2, 1), activation(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 7)),
    ]
    if name is None:
        return nn.Sequential(*layers).eval()
    names = (f"{name if isinstance(layer, activation) else 'layer'}{i}" for i, layer in enumerate(layers))
    return nn.Sequential(OrderedDict(zip(names, layers))).eval()


def explain(method, net, x, **options):
    return method(net)(x.clone(), **options).clone()


def by_hand(net, x, target):
    """Return the guided gradient: hooks that drop what is negative, on every ReLU whatever its name."""
    hooks = [
        layer.register_full_backward_hook(lambda _, inward, outward: (inward[0].clamp(min=0),))
        for layer in net.modules()
        if isinstance(layer, nn.ReLU)
    ]
    x = x.clone().requires_grad_()
    net(x)[:, target].sum().backward()
    for hook in hooks:
        hook.remove()
    return x.grad


torch.manual_seed(1)
pictures = 0.5 + 4 * (nn.functional.avg_pool2d(torch.rand(200, 1, 192, 192), 4) - 0.5)

warnings.simplefilter("error")
torch.manual_seed(2)
own = resnet18(spatial_dims=2, n_input_channels=1, num_classes=7).eval()
for layer in own.modules():
    if isinstance(layer, nn.ReLU):
        layer.inplace = False  # as the hooks of by_hand need
for name, net in {**{n: network(nn.ReLU, n) for n in (None, "act", "relu")}, "act in MONAI's resnet18": own}.items():
    guided, plain = explain(GuidedBackpropGrad, net, pictures[:1]), explain(VanillaGrad, net, pictures[:1])
    right = by_hand(net, pictures[:1], net(pictures[:1]).argmax().item())
    as_plain, as_right = torch.equal(guided, plain), torch.allclose(guided, right, atol=1e-7)
    print(f"ReLUs called {name}: is the plain gradient {as_plain}, is the guided one {as_right}")
    assert (as_plain, as_right) == (name != "relu", name == "relu")

net = network(nn.PReLU, "prelu")
with torch.no_grad():
    net.layer8.bias -= net(pictures).mean(0)  # so that all seven classes are answered
other = network(nn.ReLU, "relu")  # the same weights, ReLU in place of PReLU
other.load_state_dict(net.state_dict(), strict=False)
answers, others = net(pictures).argmax(1), other(pictures).argmax(1)
same = [
    torch.equal(explain(GuidedBackpropGrad, net, p[None]), explain(GuidedBackpropGrad, other, p[None]))
    for p in pictures
]
moved = (answers != others).double().mean()
print(f"PReLUs called prelu: {sum(same)} of 200 maps are those of the network with ReLUs, whose answer is another "
      f"one for {moved:.0%} of the pictures")
assert all(same) and moved > 0.3
PYTHON
