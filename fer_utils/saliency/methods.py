"""The methods of `saliency.attribute`: what each computes, and what its numbers mean.

Derivatives, ablations, Shapley values and LIME are captum's. Extremal perturbation (Fong et al.
2019) is left out: its authors' code, the yardstick for its numbers, may not be used commercially.
To add a method, write its function here, whose keyword arguments are its options, and its entry in
`METHODS`: `attribute`, the command line, the explorers and the scores follow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils._arguments import integer, number
from fer_utils.saliency import perturbations
from fer_utils.saliency._engines.batched import chunk_size
from fer_utils.saliency.gradients import grad_cam, guided_copy, score_cam
from fer_utils.saliency.occlusion import occlusion
from fer_utils.saliency.perturbations import RandomMasks, rise
from fer_utils.saliency.relevance import lrp
from fer_utils.saliency.windows import baseline, pair


@dataclass(frozen=True)
class Task:
    """What a method is given: the net in evaluation mode and one picture on its device.

    Attributes:
        net: from pictures to logits.
        picture: float (1, C, H, W).
        target: index of the class.
        seed: of everything that is drawn at random.
        told: called with the number of pictures that the net was asked about.
        progress: as of `attribute`, for a method that counts by itself.
    """

    net: nn.Module
    picture: Tensor
    target: int
    seed: int
    told: Callable[[int], object] = int  # nobody listens
    progress: bool | None = False

    def asked(self, pictures: Tensor) -> Tensor:
        """Return what the net gives for pictures, and tell how many there were."""
        self.told(len(pictures))
        return self.net(pictures)

    @property
    def chunk(self) -> int:
        """Pictures per forward pass."""
        return chunk_size(self.net, self.picture)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture."""
        return self.picture.shape[-2], self.picture.shape[-1]

    def baseline(self, fill: str | float) -> Tensor:
        """Return the picture that holds no information, (1, C, H, W)."""
        side = window_side(self.picture)
        return baseline(self.picture, fill, (side, side), self.seed)


def window_side(picture: Tensor) -> int:
    """Return the usual side of a square: a sixth of the picture's, 8 pixels of 48."""
    return max(2, round(min(picture.shape[-2:]) / 6))


#: A map (H, W), and what the method found besides it, by name.
Result: TypeAlias = tuple[Tensor, dict[str, Any]]


def _captum() -> Any:
    from captum import attr  # a second: only who asks for it waits

    return attr


def positive(value: Any, name: str, least: int = 1) -> int:
    """Return a whole number that was given as an option; a FerError where it is none."""
    return integer(name, value, least)


def _gradient(task: Task) -> Result:
    gradient = _captum().Saliency(task.asked).attribute(task.picture, target=task.target, abs=False)
    return gradient[0].abs().amax(0), {}


def _smooth_grad(task: Task, *, samples: int = 25, noise: float = 0.15) -> Result:
    """Average the gradient over noisy copies; noise is a share of the picture's range."""
    noise = number("noise", noise, 0, 10)  # a share of the picture's range, such as 0.15
    averaged = _captum().NoiseTunnel(_captum().Saliency(task.asked))
    gradient = averaged.attribute(
        task.picture,
        nt_type="smoothgrad",
        nt_samples=positive(samples, "samples"),
        nt_samples_batch_size=task.chunk,
        stdevs=noise * float(task.picture.max() - task.picture.min()),
        target=task.target,
        abs=False,
    )
    return gradient[0].abs().amax(0), {}


def _integrated_gradients(task: Task, *, steps: int = 50, fill: str | float = "black") -> Result:
    """Integrate the gradient on the way from the fill to the picture."""
    integrated = _captum().IntegratedGradients(task.asked)
    attribution, error = integrated.attribute(
        task.picture,
        task.baseline(fill),
        target=task.target,
        n_steps=positive(steps, "steps"),
        internal_batch_size=task.chunk,
        return_convergence_delta=True,
    )
    return attribution[0].sum(0), {"convergence_delta": float(error)}


def _guided_backprop(task: Task) -> Result:
    net = guided_copy(task.net, task.picture)
    return _captum().GuidedBackprop(net).attribute(task.picture, target=task.target)[0].sum(0), {}


def _grad_cam(task: Task, *, layer: str | None = None) -> Result:
    return grad_cam(task.net, task.picture, task.target, layer)


def _score_cam(task: Task, *, layer: str | None = None) -> Result:
    return score_cam(task.net, task.picture, task.target, layer, task.chunk, task.told)


def _lrp(task: Task, *, gamma: float = 0.25) -> Result:
    return lrp(task.net, task.picture, task.target, gamma), {}


def _part_ablation(
    task: Task,
    *,
    fill: str | float = "black",
    parts: np.ndarray | None = None,
    part_names: tuple[str, ...] | None = None,
    grid: int = 6,
) -> Result:
    """Paint over one part of the face after the other."""
    mask, names = perturbations.number_parts(parts, part_names, grid, task.size)
    return _over_parts(_captum().FeatureAblation(task.asked), task, fill, mask, names)


def _shapley_parts(
    task: Task,
    *,
    samples: int = 25,
    fill: str | float = "black",
    parts: np.ndarray | None = None,
    part_names: tuple[str, ...] | None = None,
    grid: int = 4,
) -> Result:
    """Paint over the parts in random orders: what does each add to those still seen?"""
    samples = positive(samples, "samples")
    mask, names = perturbations.number_parts(parts, part_names, grid, task.size)
    method = _captum().ShapleyValueSampling(task.asked)
    return _over_parts(method, task, fill, mask, names, n_samples=samples)


def _by_fit(
    kind: str,
    task: Task,
    *,
    samples: int = 500,
    fill: str | float = "black",
    parts: np.ndarray | None = None,
    part_names: tuple[str, ...] | None = None,
    grid: int = 8,
) -> Result:
    """Paint over random sets of segments: which weighted sum of them foretells the logit?"""
    # LIME by ridge regression, as in the package lime: captum's lasso makes small logits all 0
    mask, names = perturbations.segments(parts, part_names, grid, task.size)
    if kind == "Lime":
        from captum._utils.models.linear_model import SkLearnRidge

        method = _captum().Lime(task.asked, interpretable_model=SkLearnRidge(alpha=1))
    else:
        method = _captum().KernelShap(task.asked)
    drawn = {"n_samples": positive(samples, "samples"), "perturbations_per_eval": task.chunk}
    return _over_parts(method, task, fill, mask, names, **drawn)


def _over_parts(
    method: Any, task: Task, fill: str | float, mask: Tensor, names: tuple[str, ...], **more: int
) -> Result:
    mask = mask.to(task.picture.device)
    attribution = method.attribute(
        task.picture,
        baselines=task.baseline(fill),
        target=task.target,
        feature_mask=mask[None, None],
        **{"perturbations_per_eval": min(len(names), task.chunk), **more},
    )
    return perturbations.share_worth(attribution[0, 0], mask, names)


def _rise(
    task: Task, *, masks: int = 1000, cells: int = 7, keep: float = 0.5, fill: str | float = "black"
) -> Result:
    drawn = RandomMasks(positive(masks, "masks"), positive(cells, "cells"), keep, task.seed)
    hidden = task.baseline(fill)
    return rise(task.net, task.picture, hidden, task.target, drawn, task.chunk, task.told), {}


def _occlusion(
    task: Task,
    *,
    window: int | tuple[int, int] | None = None,
    stride: int | tuple[int, int] | None = None,
    fill: str | float = "black",
    engine: str = "auto",
    force: bool = False,
) -> Result:
    square: dict[str, Any] = {"window": window_side(task.picture) if window is None else window}
    smallest = min(pair(square["window"], "window"))
    square["stride"] = max(1, smallest // 4) if stride is None else stride
    more: dict[str, Any] = {"seed": task.seed, "progress": task.progress, "force": force}
    omap = occlusion(task.net, task.picture, **square, fill=fill, engine=engine, **more)
    return torch.from_numpy(omap.heat(task.target)), {**square, "engine": omap.engine, "omap": omap}


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
    compute: Callable[..., Result]
    signed: bool
    explains: str
    unit: str
    source: str


# fmt: off
#: The methods of `attribute`, by name.
METHODS: dict[str, Method] = {
    "gradient": Method(
        title="gradient", compute=_gradient, signed=False, explains="logit",
        unit="logits per unit of intensity", source="Simonyan et al. 2013",
    ),
    "smooth_grad": Method(
        title="SmoothGrad", compute=_smooth_grad, signed=False, explains="logit",
        unit="logits per unit of intensity", source="Smilkov et al. 2017",
    ),
    "integrated_gradients": Method(
        title="integrated gradients", compute=_integrated_gradients, signed=True, explains="logit",
        unit="part of the logit", source="Sundararajan et al. 2017",
    ),
    "guided_backprop": Method(
        title="guided backpropagation", compute=_guided_backprop, signed=True, explains="logit",
        unit="altered gradient", source="Springenberg et al. 2014",
    ),
    "grad_cam": Method(
        title="Grad-CAM", compute=_grad_cam, signed=False, explains="logit",
        unit="weighted activation", source="Selvaraju et al. 2017",
    ),
    "score_cam": Method(
        title="Score-CAM", compute=_score_cam, signed=False, explains="logit",
        unit="weighted activation", source="Wang et al. 2020",
    ),
    "lrp": Method(
        title="layer-wise relevance", compute=_lrp, signed=True, explains="logit",
        unit="part of the logit", source="Bach et al. 2015",
    ),
    "part_ablation": Method(
        title="part ablation", compute=_part_ablation, signed=True, explains="logit",
        unit="drop of the logit, per pixel", source="Kokhlikyan et al. 2020",
    ),
    "shapley_parts": Method(
        title="Shapley values of parts", compute=_shapley_parts, signed=True, explains="logit",
        unit="part of the logit, per pixel", source="Castro et al. 2009",
    ),
    "lime": Method(
        title="LIME", compute=partial(_by_fit, "Lime"), signed=True, explains="logit",
        unit="part of the logit, per pixel", source="Ribeiro et al. 2016",
    ),
    "kernel_shap": Method(
        title="SHAP", compute=partial(_by_fit, "KernelShap"), signed=True, explains="logit",
        unit="part of the logit, per pixel", source="Lundberg and Lee 2017",
    ),
    "rise": Method(
        title="RISE", compute=_rise, signed=True, explains="probability",
        unit="gain in probability", source="Petsiuk et al. 2018",
    ),
    "occlusion": Method(
        title="occlusion", compute=_occlusion, signed=True, explains="probability",
        unit="drop in probability", source="Zeiler and Fergus 2014",
    ),
}
# fmt: on
