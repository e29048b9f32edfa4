"""The checks of notebooks 09 to 12."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fer_lab.check._verdict import choice, first_off, judged, number, real, same, whole, wholes


@judged("One square smaller, and the answer stays.")
def ex9_1(window: int, /, net: Any, image: np.ndarray) -> str:
    """The smallest square that changes the answer at some position."""
    from fer_utils import saliency

    window = whole(window, "window")
    if not 1 <= window <= 48:
        return "window should be the side of a square, 1 to 48 pixels"

    def flips(side: int) -> bool:
        return bool(saliency.occlusion(net, image, window=side, stride=1).flips().any())

    if not flips(window):
        return f"no square of {window} x {window} changes the answer"
    smaller = window > 1 and flips(window - 1)
    return "a smaller square changes it too" if smaller else ""


@judged("One step, one unit: the others are shared, or matter less.")
def ex9_2(units: Sequence[int], /, ask: Callable[[dict], np.ndarray], classes: Any) -> str:
    """The action units each of which, set as in surprise, turns fear into surprise."""
    from faces3d.action_units import PROTOTYPES

    fear, surprise = (PROTOTYPES[name][0] for name in ("fear", "surprise"))
    turning = {
        unit
        for unit in fear.keys() | surprise.keys()
        if classes[ask({**fear, unit: surprise.get(unit, 0)}).argmax()] == "surprise"
    }
    given = wholes(units, "a unit")
    if given - turning:
        return f"unit {min(given - turning)} alone does not do it"
    return "there are more such units" if turning - given else ""


@judged("Few people have much in common by luck alone: now count among a hundred.")
def ex9_3(people: Sequence[int], /, net: Any) -> str:
    """Who of the persons 0 to 19 is not called happy at 0.4 of the smile."""
    import torch

    import faces3d

    if np.asarray(people).dtype == bool:
        return "people should be numbers of persons, this is a mask: np.flatnonzero(mask)"
    drawn = np.stack([faces3d.draw("happy", one, strength=0.4) for one in range(20)])
    with torch.no_grad():
        said = net(torch.tensor(drawn)[:, None] / 255).argmax(1).numpy()
    failed = set(np.flatnonzero(said != list(net.classes).index("happy")).tolist())
    given = wholes(people, "a person")
    if given - failed:
        return f"person {min(given - failed)} is called happy at that smile"
    return f"{len(given)} found; there are more" if failed - given else ""


@judged("The same faces, so a paired comparison would be sharper still.")
def ex10_1(outside_seeds: bool, sobel_better: bool, /) -> str:
    """Whether the Laplacian's gain is outside the scatter, and whether Sobel beats it."""
    if not all(isinstance(one, bool | np.bool_) for one in (outside_seeds, sobel_better)):
        return "both answers should be True or False"
    if not outside_seeds:
        return "compare the best of the four base runs with the worst of the four others"
    return "their ranges overlap, and half a point is within both kinds of luck" * sobel_better


@judged("JAFFE's 70 and SFEW's 179 faces cannot tell one point from nothing.")
def ex10_2(two_sets: float, same_faces: float, /) -> str:
    """Test faces until one point shows, for two sets and for the same faces with d = 0.1."""
    return first_off(
        number(two_sets, 1.96**2 * 2 * 0.83 * 0.17 / 0.01**2, rel=0.02, name="two_sets"),
        number(same_faces, 1.96**2 * 0.10 / 0.01**2, rel=0.02, name="same_faces"),
    )


@judged("Rounded, only 196 or 197 pictures fit. One number is thin evidence: say 'probably'.")
def ex10_3(tested: str, /) -> str:
    """What 98.0 % on CK+ was probably measured on."""
    none_fits = "no count among a fifth of them prints as 98.0 %"
    return choice(tested, "981 pictures", dict.fromkeys(("593 sequences", "327 labels"), none_fits))


# What a reader has to be told, and words that show it was told.
_TOLD = {
    "which faces the net learned from": ("train", "learn"),
    "which faces were tested": ("test", "valid"),
    "what gave the labels": ("label", "vote", "rule"),
    "what chose the epoch": ("epoch",),
    "how many looks at each face": ("mirror", "flip", "once", "look", "crop"),
    "how many trainings": ("seed", "run", "training of", "trainings"),
}


@judged("A reader can now tell what was measured.")
def ex10_4(sentence: str, /) -> str:
    """The sentence beside a score names six things and a number of faces."""
    text = str(sentence).lower()
    missing = [what for what, words in _TOLD.items() if not any(word in text for word in words)]
    if not any(character.isdigit() for character in text):
        missing.append("how many faces were tested, in digits")
    return f"the sentence does not say {missing[0]}" if missing else ""


@judged("The rule leaves room here. It was chosen on FER2013 and is only as good as that.")
def ex11_1(hits: Any, /, images: np.ndarray) -> str:
    """Pictures whose commonest grey level covers 0.2, 0.35, 0.5, 0.65 and 0.8 of them."""
    counts = []
    for share in (0.2, 0.35, 0.5, 0.65, 0.8):
        found = 0
        for image in images:
            levels = np.bincount(image.ravel(), minlength=256)
            common = int(levels.argmax())
            found += levels[max(0, common - 3) : common + 4].sum() >= share * image.size
        counts.append(found)
    return same(hits, counts, name="hits")


@judged("A training would run, and its third loss would do nothing.")
def ex11_2(times_smaller: float, /, picture: Any, truth: Any) -> str:
    """How many times smaller the slope of 1 - SSIM is with a range of 255."""
    from fer_utils import translate

    slopes = []
    for top in (1.0, 255.0):
        x = truth.clone().requires_grad_()
        (1 - translate.ssim(x, picture, value_range=top)).sum().backward()
        slopes.append(x.grad.abs().mean().item())
    return number(times_smaller, slopes[0] / slopes[1], rel=0.05, name="times_smaller")


@judged("A word is a threshold, a distance is not: SSIM moves smoothly over the same steps.")
def ex11_3(half: float, /, pair: Any, faces: np.ndarray, net: Any) -> str:
    """The first strength, in steps of a quarter, at which half are called disgust."""
    from fer_utils import translate

    def share(strength: float) -> float:
        made = pair.apply(faces, "disgust", strength=strength)
        return translate.shares_called(made, "disgust", {"net": net})["net"]

    half = real(half, "half")
    if not (4 * half).is_integer():
        return f"{half:g} is none of the strengths: they go in steps of a quarter"
    if share(half) < 0.5:
        return f"at {half} fewer than half are called disgust"
    earlier = half >= 0.25 and share(half - 0.25) >= 0.5
    return "a quarter earlier it is already half of them" if earlier else ""


@judged("And nothing was learned.")
def ex11_4(answers: int, score: float, /) -> str:
    """The answers that have to change, and the score of a net that relabels its own exam."""
    n = round(0.2 * 35_887)
    return first_off(
        number(answers, (0.9176 - 0.64) * n, rel=0.002, name="answers"),
        number(score, 0.64 + 0.8 * 0.36, rel=0.002, name="score", digits=2),
    )


def _boxes(neighbors: int, picture: np.ndarray) -> int:
    from fer_utils import detect

    return len(detect.detector("haar", cascade="default", neighbors=neighbors)(picture))


@judged("It holds for these two pictures; a small or turned face would go with the flower.")
def ex12_1(neighbors: int, /, photograph: np.ndarray, flower: np.ndarray) -> str:
    """A number of neighbours that keeps the face and drops the flower."""
    neighbors = whole(neighbors, "neighbors")
    if _boxes(neighbors, photograph) < 1:
        return f"with {neighbors} the face is lost"
    left = _boxes(neighbors, flower)
    return f"with {neighbors} the flower still has {left} faces" if left else ""


@judged("A shift puts other windows on the cascade's grid; in a film, that is the trembling.")
def ex12_2(steadier: str, /) -> str:
    """Whose boxes change less when the photograph moves by a pixel."""
    return choice(steadier, "blazeface", {"haar": "compare the widths over the eight shifts"})


@judged("Its features are upright rectangles.")
def ex12_3(angle: int, /, find: Callable[[np.ndarray], Sequence], photograph: np.ndarray) -> str:
    """The last angle, in steps of 10, before the cascade loses the face for the first time."""
    from PIL import Image

    def found(degrees: int) -> bool:
        return bool(len(find(np.array(Image.fromarray(photograph).rotate(degrees)))))

    angle, last = whole(angle, "angle"), 0
    while last < 90 and found(last + 10):
        last += 10
    if angle > last:
        return (
            "at a smaller angle the face is lost already; what comes back later, look where it is"
        )
    return "it holds out longer" if angle < last else ""


@judged("It counts a doubtful answer as much as a sure one; the mean uses how sure the net was.")
def ex12_4(majority: Callable[[np.ndarray, int], Any], /) -> str:
    """The most frequent word of the last n frames, at each frame."""
    said = np.array([0, 0, 1, 1, 1, 2, 0, 2, 2])
    # Every third answer is sure and the others hardly, so that the mean has other words.
    sure = np.where(np.arange(len(said)) % 3, 0.4, 0.98)[:, None]
    answers = np.where(np.eye(3, dtype=bool)[said], sure, (1 - sure) / 2)
    for n in (1, 3, 5):
        got = majority(answers, n)
        if got is None:
            return "majority returns None"
        windows = [said[max(0, i - n + 1) : i + 1] for i in range(len(said))]
        for i, (word, window) in enumerate(zip(list(got), windows, strict=True)):
            counts = np.bincount(window, minlength=3)
            if counts[whole(word, "a class")] < counts.max():
                return f"with n = {n}, frame {i} does not get the most frequent of its frames"
    return ""
