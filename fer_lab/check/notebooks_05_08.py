"""The checks of notebooks 05 to 08."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fer_lab.check._verdict import DrawnOnly, choice, first_off, judged, number, real, same


@judged("So depth is not needed for the trouble: with 30 % of the units it guesses.")
def ex5_1(lowest: float, /) -> str:
    """The lowest training loss of light_vgg with its dropout from the first step on."""
    lowest = real(lowest, "lowest")
    if lowest < np.log(7) - 0.3:
        return "so low it falls without dropout only: was late=0 given?"
    return "" if lowest < 2.3 else "a training loss this high is none of the twenty"


@judged("A rate for fine-tuning is smaller than one for a start from nothing.")
def ex5_2(forgets: float, /) -> str:
    """The rate at which fine-tuning loses what was transferred."""
    return choice(
        f"{real(forgets, 'forgets'):g}",
        "0.03",
        {"0.0001": "at this rate the net moves too little to lose anything"},
    )


@judged("It has two whole networks; concatenated, only the first layer is wider.")
def ex5_3(costs_more: str, /) -> str:
    """The fusion that costs more."""
    return choice(costs_more, "parallel", {"concat": "how many layers see the further channels?"})


@judged("A mirrored face has other features, and only the base knows them.")
def ex5_4(said: str, /) -> str:
    """What fit says to stored features and a recipe with augmentation."""
    if not isinstance(said, str):
        return "what fit says is a text: str(error)"
    return "" if "augment" in said.lower() else "this is another message: it names augmentation"


@judged("The denominator is the number of answers plus the number of faces.")
def ex6_1(f1: Any, /, result: Any) -> str:
    """F1 of every class from the confusion matrix."""
    return same(f1, [row["f1"] for row in result.per_class()], atol=6e-4, name="f1")


@judged("The same trace is divided by the same sum in both.")
def ex6_2(of_recalls: Any, of_precisions: Any, /, matrix: np.ndarray) -> str:
    """The weights with which recalls, and precisions, average to the accuracy."""
    found = []
    for weights, axis, name in ((of_recalls, 1, "recalls"), (of_precisions, 0, "precisions")):
        theirs = np.asarray(weights)
        ours = matrix.sum(axis=axis)
        if theirs.shape == ours.shape and theirs.dtype.kind in "iuf" and theirs.sum() > 0:
            theirs = theirs * ours.sum() / theirs.sum()
        found.append(same(theirs, ours, atol=1e-3, name=f"the weights of the {name}"))
    return first_off(*found)


@judged("With 70 faces the table cannot order the three.")
def ex6_3(inside: int, /) -> str:
    """How many of the two other results lie inside the interval of 65 of 70."""
    return number(inside, 2, rel=1e-9, name="the number of results inside")


@judged("Only just, and from one training each: seeds and persons are not in the interval.")
def ex6_4(overlap: bool, /) -> str:
    """Whether the intervals of 815 and 864 of 980 overlap."""
    if not isinstance(overlap, bool | np.bool_):
        return "overlap should be True or False"
    return "print both intervals: compare the upper end of one, the lower of the other" * overlap


@judged("The band with the largest drop is the one that the net needs.")
def ex7_1(drops: Any, /, net: Any, image: np.ndarray) -> str:
    """The drop of happy for each position of a bar of 6 x 48 pixels, moved by 2."""
    from fer_utils import saliency

    bars = saliency.occlusion(net, image, window=(6, 48), stride=(2, 48))
    return same(np.squeeze(drops), bars.drop("happy")[:, 0], atol=1e-4, name="drops")


@judged("Every map is stretched to its own largest value: without its scale it is decoration.")
def ex7_2(largest: float, /, image: np.ndarray) -> str:
    """The largest drop of an untrained net."""
    from fer_utils import models, saliency

    untrained = saliency.occlusion(models.create("mini_xception", seed=1), image)
    return number(largest, float(untrained.drop().max()), rel=0.02, name="the largest drop")


@judged("Flips follow how sure the net is: most are near the strength where it changes its word.")
def ex7_3(flips: Any, /, net: Any) -> str:
    """The number of flips for a smile of strength 0.3, 0.5, 0.7 and 1."""
    import faces3d
    from fer_utils import saliency

    smiles = [faces3d.draw("happy", identity=3, strength=s) for s in (0.3, 0.5, 0.7, 1.0)]
    expected = [saliency.occlusion(net, smile).flips().sum() for smile in smiles]
    return same(flips, expected, atol=2, name="flips")


@judged("The crop moves a little, and with it nearly every pixel: behind it nothing can be kept.")
def ex7_4(share: float, engine: str, /, picture: Any, covered: Any) -> str:
    """The share of warped pixels that one square changes, and the engine that suits such a net."""
    import torch

    from fer_utils import models

    share = real(share, "share")
    deep: Any = models.pretrained("deep_emotion_facs3d")
    with torch.no_grad():
        one, other = deep.trunk.transformer(deep.prepare(torch.stack((picture, covered))))
    differs = float(((one - other).abs() > 1e-5).float().mean())
    engines = {
        "batched": "it would do, but auto knows a faster one",
        "delta": "it refuses, and says why",
    }
    off = number(share, differs, rel=0.1, name="share")
    return off or choice(engine, "fused", engines)


@judged("Both changes remove the faint shading outside the carriers. The truth needs a definition.")
def ex7_5(gains: Any, /, known: Any, answers: Any, windows: Any) -> str:
    """By how much the share inside rises with the squared difference, for six expressions."""
    import torch

    import faces3d

    def share_inside(change: np.ndarray, mask: np.ndarray) -> float:
        down, across = (windows.covers(axis).double() for axis in (0, 1))
        heat = windows.spread(down @ torch.tensor(change) @ across.T).numpy()
        return heat[mask].sum() / heat.sum()

    expected = []
    for label, name in enumerate(known.classes[:6]):
        carriers = [known.region_names.index(part) for part in faces3d.CARRIERS[name]]
        right = (answers.labels == label) & (answers.predictions == label)
        rises = []
        for i in np.flatnonzero(right)[:8]:
            change = np.abs(known.images[i, 0].astype(float) - known.twins[i, 0])
            mask = np.isin(known.regions[i], carriers)
            rises.append(share_inside(change**2, mask) - share_inside(change, mask))
        expected.append(np.mean(rises))
    off = same(gains, expected, atol=2e-3, name="gains")
    if off and not same(np.negative(gains), expected, atol=2e-3):
        return "squared minus plain is asked, not the other way round"
    return off


@judged("What a method scores beyond this is about the face before it.")
def ex8_1(values: Any, /, nobody: np.ndarray, panel: Any) -> str:
    """Energy inside, pointing game and rank correlation of one map held against every face."""
    from fer_utils.saliency import scores

    if panel.truth is None:
        raise DrawnOnly("on photographs nobody knows the truth; compare scores.deletion there")
    rows = []
    for truth in (scores.truth(panel, i) for i in range(len(panel))):
        rows.append(
            (
                scores.energy_inside(nobody, truth.mask),
                scores.pointing_game(nobody, truth.mask),
                scores.rank_correlation(np.abs(nobody), truth.change),
            )
        )
    expected = np.nanmean(np.array(rows, float), axis=0)
    return same(values, expected, atol=1e-3, name="values")


@judged("It multiplies with the picture less black, which is 0 there, whatever the net needs.")
def ex8_2(blind: str, /) -> str:
    """The map that gives a black logo exactly 0."""
    return choice(
        blind,
        "ig, black",
        {
            "occlusion, black": "its square is larger than the logo and swallows its border",
            "occlusion, blur": "a blurred logo is another picture",
            "ig, blur": "it starts from a blurred face, in which the logo is not black",
            **dict.fromkeys(
                ("gradient", "smoothgrad", "guided backprop", "grad-cam", "rise"),
                "this one is not 0 on the logo: look at explain(...).map[2:8, 2:8]",
            ),
        },
    )


@judged("The paint decides: no fill is neutral. State it, and show the order under two of them.")
def ex8_3(first: str, /, net: Any, images: np.ndarray, maps: Mapping[str, Any]) -> str:
    """Which of two maps deletion prefers where pixels are blurred away.

    Every third of the maps belongs to one of the images.
    """
    from fer_utils.saliency import scores

    options: dict[str, Any] = {"steps": 24, "chance": 0, "fill": "blur"}
    lost = {}
    for name in ("IG, black", "occlusion, blur"):
        pairs = zip(images, maps[name][::3], strict=True)
        lost[name] = np.mean([float(scores.deletion(net, *pair, **options)) for pair in pairs])
    right, other = (name.lower() for name in sorted(lost, key=lambda name: lost[name]))
    why = "was fill='blur' given? The lower value is the better one"
    return choice(first, right, {other: why})
