"""The checks of notebooks 00 to 04."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fer_lab.check._verdict import choice, first_off, judged, number, real, same, whole


@judged("Look at the map of this face: what did the net fall for?")
def ex0_1(which: int, /, net: Any, faces: Any) -> str:
    """A face that the net names wrongly, or is not sure of."""
    from fer_utils import evaluate

    which = whole(which, "the face")
    if not 0 <= which < len(faces):
        return f"there is no face {which}, the last one is {len(faces) - 1}"
    judged_face = evaluate.evaluate(net, faces.take([which]))
    right = judged_face.predictions[0] == judged_face.labels[0]
    sure = judged_face.probabilities.max() >= 0.6
    return f"the net names face {which} as labelled, and is sure of it" if right and sure else ""


@judged("Compare the units you kept with the map of a surprised face.")
def ex0_2(units: Mapping[int, float], /, net: Any) -> str:
    """Action units that the net calls surprise; two are enough."""
    import faces3d

    shares = _answers(net, [faces3d.draw(action_units=dict(units), identity=5)])[0]
    word = net.classes[shares.argmax()]
    if word != "surprise":
        return f"the net calls this face {word}"
    moved = sum(value > 0 for value in units.values())
    return f"it is surprise, with {moved} units; fewer will do" if moved > 2 else ""


def _answers(net: Any, faces: Sequence[np.ndarray]) -> np.ndarray:
    """Return the net's probabilities for drawn faces (H, W): (N, K)."""
    import torch

    pictures = torch.tensor(np.stack(faces)).float().reshape(len(faces), 1, 48, 48) / 255
    with torch.no_grad():
        return net(pictures).softmax(1).numpy()


@judged("Agreement sees the first word alone, entropy also how the rest is spread.")
def ex1_1(entropy: Any, /, shares: np.ndarray) -> str:
    """The entropy of each face's votes, in bits."""
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    bits = -(shares * logs).sum(1)
    off = same(entropy, bits, atol=1e-5, name="entropy")
    if off and not same(entropy, bits * np.log(2), atol=1e-5):
        return "these are nats, not bits: the logarithm has another base"
    return off


@judged("Both pictures of a pair now agree on one of the two byte strings.")
def ex1_2(mirror_key: Callable[[np.ndarray], Any], /, images: np.ndarray) -> str:
    """A key that a picture shares with its mirror image and with no other."""
    keys = [mirror_key(image) for image in images]
    if any(key is None for key in keys):
        return "mirror_key returns None"
    if any(isinstance(key, list | np.ndarray) for key in keys):
        return "a key should be one thing to compare, such as bytes: picture.tobytes()"
    if any(mirror_key(image[..., ::-1]) != key for image, key in zip(images, keys, strict=True)):
        return "a picture and its mirror image still get different keys"
    # A picture and its mirror image are one picture here; upside down it is another one.
    both = [frozenset((image.tobytes(), image[..., ::-1].tobytes())) for image in images]
    upside_down = [mirror_key(image[..., ::-1, :]) for image in images]
    turned = [frozenset(one[..., ::-1, :].tobytes() for one in (i, i[..., ::-1])) for i in images]
    if len({*keys, *upside_down}) < len({*both, *turned}):
        return "different pictures get the same key"
    return ""


@judged("Believe the one by people: it asks about somebody the recogniser has never met.")
def ex1_3(by_people: float, at_random: float, /, faces: Any) -> str:
    """The accuracy of the nearest neighbour on a split by people, and on a random one."""
    both = faces.take(np.flatnonzero(faces.split != "test"))
    flat = both.images.reshape(len(both), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    published = both.split == "valid"
    found = []
    for is_test in (published, np.random.default_rng(0).permutation(published)):
        known, new = np.flatnonzero(~is_test), np.flatnonzero(is_test)
        squared = (flat[known] ** 2).sum(1) - 2 * flat[new] @ flat[known].T
        found.append((both.labels[known][squared.argmin(1)] == both.labels[new]).mean())
    # Without the mean of each picture taken away, or by other distances, it is a little different.
    return first_off(
        number(by_people, found[0], rel=0.15, name="the accuracy by people"),
        number(at_random, found[1], rel=0.15, name="the accuracy at random"),
    )


@judged("49 faces of 980 lie outside the luck of the draw, 12 do not. One run each, though.")
def ex2_1(correct: int, /) -> str:
    """Which of the two gains one may report."""
    return choice(
        whole(correct, "correct"),
        "864",
        {
            "827": "its interval and that of 815 overlap almost entirely",
            "815": "that is the network without the gain",
        },
    )


@judged("Divided by 8 it is 0.43 for each unit of slope: calmer than two neighbours' 0.71.")
def ex2_2(factor: float, /) -> str:
    """The factor by which the Sobel filter lets noise grow."""
    from fer_utils import inputs

    return number(factor, float(np.sqrt((inputs.SOBEL_X**2).sum())), name="the factor")


@judged("Keep those where the gradient is long, and the flat skin is quiet.")
def ex2_3(crossing: Any, /, curved: np.ndarray) -> str:
    """Pixels whose Laplacian has another sign than the right or the lower neighbour's."""
    sign, expected = curved > 0, np.zeros(curved.shape, bool)
    expected[:, :-1] |= sign[:, :-1] != sign[:, 1:]
    expected[:-1] |= sign[:-1] != sign[1:]
    return same(crossing, expected, name="crossing")


@judged("Half the gain takes four times the seeds.")
def ex2_4(half_a_point: int, two_points: int, /, spread: float) -> str:
    """Seeds in a row until a true gain is found four times of five."""
    found = []
    for seeds, gain in ((half_a_point, 0.5), (two_points, 2)):
        exact = 2 * (2.8 * spread / gain) ** 2
        name = f"the number for {gain} points"
        if abs(whole(seeds, name) - np.ceil(exact)) > 1:
            found.append(number(seeds, exact, rel=1e-9, name=name))
    return first_off(*found)


@judged("Only the head changed: 3 x 3 x 128 weights and one bias more.")
def ex3_1(parameters: int, /) -> str:
    """mini-Xception for eight classes, as Keras counts."""
    if parameters == 58_423:
        return "this is the count for seven classes"
    if parameters == 56_951 + 1_153:
        return "this is how torch counts; Keras counts the running means and variances too"
    return number(parameters, 58_423 + 9 * 128 + 1, rel=1e-9, name="the count")


@judged("The frame moves one way, the face in it the other.")
def ex3_2(thetas: Any, /) -> str:
    """Three thetas: mirrored, turned by 30 degrees, moved six pixels to the left."""
    found = np.asarray(thetas, float)
    if found.shape != (3, 2, 3):
        return f"thetas has the shape {found.shape}, asked for is (3, 2, 3)"
    cos, sin = np.cos(np.pi / 6), 0.5
    turns = [[[cos, -sin, 0], [sin, cos, 0]], [[cos, sin, 0], [-sin, cos, 0]]]
    wanted: dict[str, list[Any]] = {
        "a": [[[-1, 0, 0], [0, 1, 0]]],
        "b": turns,
        "c": [[[1, 0, 0.25], [0, 1, 0]]],
    }
    for (letter, allowed), theta in zip(wanted.items(), found, strict=True):
        if np.allclose(theta, [[1, 0, 0], [0, 1, 0]]):
            return f"{letter} is still the identity"
        if not any(np.allclose(theta, one, atol=0.01) for one in allowed):
            return f"{letter} is not what is asked for; look at its frame in the upper row"
    return ""


@judged("vgg_face flattens 25,088 numbers into its head, vgg16_gap averages them to 512.")
def ex3_3(vgg_face: float, vgg16_gap: float, /) -> str:
    """The shares of two nets that are left to train once the base is frozen."""
    return first_off(
        number(vgg_face, 3_212_295 / 17_926_983, name="the share of vgg_face"),
        number(vgg16_gap, 528_903 / 15_243_591, name="the share of vgg16_gap"),
    )


@judged("Five and a half times as many: head, residuals and batch norm stay what they were.")
def ex3_4(parameters: int, /) -> str:
    """mini-Xception with ordinary convolutions."""
    pairs = ((8, 16), (16, 16), (16, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128))
    if parameters == sum(9 * d * n for d, n in pairs):
        return "these are the eight convolutions alone; the rest of the net is missing"
    extra = sum(9 * d * n - (9 * d + d * n) for d, n in pairs)
    return number(parameters, 56_951 + extra, rel=1e-9, name="the count")


@judged("Each answer is that of another half of the network.")
def ex3_5(on: Any, /, net: Any) -> str:
    """A hundred answers to one face with dropout on; the net is back in evaluation."""
    answers = np.asarray(on, float)
    if answers.shape != (100, len(net.classes)):
        return f"on has the shape {answers.shape}, asked for is (100, {len(net.classes)})"
    if not np.allclose(answers.sum(1), 1, atol=1e-3):
        return "its rows do not add up to 1: these are scores, not probabilities"
    if answers.std(0).max() < 1e-6:
        return "all hundred answers are the same: dropout was off"
    if any(module.training for module in net.modules()):
        return "the net is still in training mode; afterwards it needs deep.eval()"
    return ""


@judged("From both sides the error is of the order h^2, from one side of the order h.")
def ex4_1(slope: float, /, gradient: np.ndarray) -> str:
    """The slope of the loss along W[1000, 3]."""
    return number(slope, float(gradient[1000, 3]), rel=1e-3, name="the slope")


@judged("The schedule is stretched over the epochs asked for, and an average of weights is judged.")
def ex4_2(peak: str, /) -> str:
    """Where along a one-cycle training the learning rate is the highest."""
    return choice(
        peak,
        "early",
        {
            "first step": "it starts low and rises for a while",
            "middle": "the rise is shorter than that: print history.epochs[...]['learning_rate']",
            "late": "at the end it has fallen to almost nothing",
        },
    )


@judged("It learns these faces by heart; validation gains little or nothing from that.")
def ex4_3(changes_more: str, /) -> str:
    """Which curve changes more without augmentation."""
    return choice(
        changes_more,
        "training",
        {"validation": "draw both histories: compare the two curves at the last epoch"},
    )


@judged("Five seeds are independent, so this is no worst case but the case.")
def ex4_4(report: float, /) -> str:
    """The mean of the best of five accuracies of 60 % on 500 faces."""
    if np.isclose(real(report, "report"), 0.60, atol=0.003):
        return "this is the mean of all seeds; the best of five is reported"
    drawn = np.random.default_rng(1).binomial(500, 0.60, size=(4000, 5)).max(1) / 500
    return number(report, float(drawn.mean()), rel=0.004, name="the average report", digits=2)


@judged("Each epoch now reaches the chart and the files.")
def ex4_5(both_of: Callable[..., Any], /) -> str:
    """A function for on_epoch made of two."""
    seen: list[tuple[str, Any]] = []
    together = both_of(
        lambda history: seen.append(("first", history)),
        lambda history: seen.append(("second", history)),
    )
    if not callable(together):
        return "both_of should return a function, which fit calls with the history"
    together("history")
    missing = {"first", "second"} - {name for name, _ in seen}
    if missing:
        return f"the {' and the '.join(sorted(missing))} of the two functions was not called"
    return "" if all(history == "history" for _, history in seen) else "the history got lost"
