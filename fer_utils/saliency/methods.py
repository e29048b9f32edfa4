"""The methods of `saliency.attribute`: what each computes, and what its numbers mean.

The derivatives, ablations and Shapley values are captum's. Each method takes a `Task`; its keyword
arguments are its options.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils.errors import FerError
from fer_utils.saliency import grad_cam, parts, rise
from fer_utils.saliency._engines.batched import chunk_size
from fer_utils.saliency.fills import painted
from fer_utils.saliency.guided import guided_copy
from fer_utils.saliency.occlusion import occlusion


@dataclass(frozen=True)
class Task:
    """What a method is given: the net in evaluation mode and one picture on its device.

    Attributes:
        net: from pictures to logits.
        picture: float (1, C, H, W).
        target: index of the class.
        seed: of everything that is drawn at random.
    """

    net: nn.Module
    picture: Tensor
    target: int
    seed: int

    @property
    def chunk(self) -> int:
        """Pictures per forward pass."""
        return chunk_size(self.net, self.picture)

    def baseline(self, fill: str | float) -> Tensor:
        """Return the picture that holds no information, (1, C, H, W)."""
        side = window_side(self.picture)
        return painted(self.picture, fill, (side, side), self.seed)


def window_side(picture: Tensor) -> int:
    """Return the usual side of a square: a sixth of the picture's, 8 pixels of 48."""
    return max(2, round(min(picture.shape[-2:]) / 6))


Found = tuple[Tensor, dict[str, object]]


def _captum() -> object:
    from captum import attr  # a second: only who asks for it waits

    return attr


def _strongest(gradient: Tensor) -> Tensor:
    return gradient[0].abs().amax(0)


def positive(value: object, name: str, least: int = 1) -> int:
    """Return a whole number that was given as an option.

    Raises:
        FerError: it is none, or below the least.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise FerError(f"{name}={value!r}: give a whole number of {least} or more.")
    return int(value)


def _gradient(task: Task) -> Found:
    saliency = _captum().Saliency(task.net)
    return _strongest(saliency.attribute(task.picture, target=task.target, abs=False)), {}


def _smooth_grad(task: Task, *, samples: int = 25, noise: float = 0.15) -> Found:
    """Average the gradient over noisy copies; noise is a share of the picture's range."""
    if not 0 <= noise < 10:
        raise FerError(f"noise={noise!r}: give a share of the picture's range, such as 0.15.")
    averaged = _captum().NoiseTunnel(_captum().Saliency(task.net))
    found = averaged.attribute(
        task.picture,
        nt_type="smoothgrad",
        nt_samples=positive(samples, "samples"),
        nt_samples_batch_size=task.chunk,
        stdevs=noise * float(task.picture.max() - task.picture.min()),
        target=task.target,
        abs=False,
    )
    return _strongest(found), {}


def _integrated_gradients(task: Task, *, steps: int = 50, fill: str | float = "black") -> Found:
    """Integrate the gradient on the way from the fill to the picture."""
    integrated = _captum().IntegratedGradients(task.net)
    found, error = integrated.attribute(
        task.picture,
        task.baseline(fill),
        target=task.target,
        n_steps=positive(steps, "steps"),
        internal_batch_size=task.chunk,
        return_convergence_delta=True,
    )
    return found[0].sum(0), {"convergence_delta": float(error)}


def _guided_backprop(task: Task) -> Found:
    net = guided_copy(task.net, task.picture)
    return _captum().GuidedBackprop(net).attribute(task.picture, target=task.target)[0].sum(0), {}


def _grad_cam(task: Task, *, layer: str | None = None) -> Found:
    return grad_cam.grad_cam(task.net, task.picture, task.target, layer)


def _part_ablation(task: Task, *, fill="black", parts=None, part_names=None, grid=6) -> Found:
    """Paint over one part of the face after the other."""
    return _over_parts(_captum().FeatureAblation(task.net), task, fill, parts, part_names, grid)


def _shapley_parts(
    task: Task, *, samples: int = 25, fill="black", parts=None, part_names=None, grid=4
) -> Found:
    """Paint over the parts in random orders: what does each add to those still seen?"""
    method = _captum().ShapleyValueSampling(task.net)
    more = {"n_samples": positive(samples, "samples")}
    return _over_parts(method, task, fill, parts, part_names, grid, **more)


def _over_parts(method, task: Task, fill, labels, names, grid, **more) -> Found:
    mask, names = parts.numbered(labels, names, grid, tuple(task.picture.shape[-2:]))
    mask = mask.to(task.picture.device)
    found = method.attribute(
        task.picture,
        baselines=task.baseline(fill),
        target=task.target,
        feature_mask=mask[None, None],
        perturbations_per_eval=min(len(names), task.chunk),
        **more,
    )[0, 0]
    return parts.shared(found, mask, names)


def _rise(
    task: Task, *, masks: int = 1000, cells: int = 7, keep: float = 0.5, fill="black"
) -> Found:
    masks, cells = positive(masks, "masks"), positive(cells, "cells")
    baseline = task.baseline(fill)
    found = rise.rise(
        task.net, task.picture, baseline, task.target, masks, cells, keep, task.chunk, task.seed
    )
    return found, {}


def _occlusion(task: Task, *, window=None, stride=None, fill="black", engine="auto") -> Found:
    window = window_side(task.picture) if window is None else window
    stride = max(1, int(np.min(window)) // 4) if stride is None else stride
    options = {"window": window, "stride": stride, "fill": fill, "engine": engine}
    found = occlusion(task.net, task.picture, seed=task.seed, **options)
    return torch.from_numpy(found.heat(task.target)), {
        "window": window,
        "stride": stride,
        "engine": found.engine,
    }


@dataclass(frozen=True)
class Method:
    """A way to attribute: how it is called, and what its numbers mean.

    Attributes:
        title: its name in words.
        compute: the function; its keyword arguments are the method's options.
        signed: see `Attribution`.
        explains: "logit" or "probability" of the target.
        unit: of the map.
        source: who described it first.
    """

    title: str
    compute: Callable[..., Found]
    signed: bool
    explains: str
    unit: str
    source: str


#: The methods of `attribute`, by name.
METHODS = {
    "gradient": Method(
        *("gradient", _gradient, False, "logit", "logits per unit of intensity"),
        source="Simonyan et al. 2013",
    ),
    "smooth_grad": Method(
        *("SmoothGrad", _smooth_grad, False, "logit", "logits per unit of intensity"),
        source="Smilkov et al. 2017",
    ),
    "integrated_gradients": Method(
        *("integrated gradients", _integrated_gradients, True, "logit", "part of the logit"),
        source="Sundararajan et al. 2017",
    ),
    "guided_backprop": Method(
        *("guided backpropagation", _guided_backprop, True, "logit", "altered gradient"),
        source="Springenberg et al. 2014",
    ),
    "grad_cam": Method(
        *("Grad-CAM", _grad_cam, False, "logit", "weighted activation"),
        source="Selvaraju et al. 2017",
    ),
    "part_ablation": Method(
        *("part ablation", _part_ablation, True, "logit", "drop of the logit, per pixel"),
        source="Kokhlikyan et al. 2020",
    ),
    "shapley_parts": Method(
        *("Shapley values of parts", _shapley_parts, True, "logit", "part of the logit, per pixel"),
        source="Castro et al. 2009",
    ),
    "rise": Method(
        *("RISE", _rise, True, "probability", "gain in probability"),
        source="Petsiuk et al. 2018",
    ),
    "occlusion": Method(
        *("occlusion", _occlusion, True, "probability", "drop in probability"),
        source="Zeiler and Fergus 2014",
    ),
}
