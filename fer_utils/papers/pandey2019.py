"""pandey2019: gradient and Laplacian images as further inputs; KDEF and FERPlus.

Pandey, Karmakar, Ramakrishnan and Saha, "Improving facial emotion recognition systems using
gradient and Laplacian images" (2019).
"""

from typing import Any

from fer_utils.papers.record import Claim, Setup, printed

# What is changed in a network: further arguments of `models.create`.
LAPLACIAN: dict[str, Any] = {"inputs": "gray+laplacian"}
SOBEL: dict[str, Any] = {"inputs": "gray+sobel"}
PARALLEL: dict[str, Any] = {"fusion": "parallel"}
# Table IV prints 0.65 million for its parallel nets too, and not how they are built. Two nets of
# this width have that together.
NARROWED: dict[str, Any] = {**PARALLEL, "width": 0.7}
# Tables II and IV take "gradients in 2 directions x and y". Table I and Fig. 2b speak of one
# gradient picture, and do not say which: here it is the length of the gradient.
MAGNITUDE: dict[str, Any] = {"inputs": "gray+magnitude"}

_RTNN = {"name": "mini_xception", "num_classes": 7, "input_size": 64}
_BOTH = {**PARALLEL, "inputs": "gray+magnitude+laplacian"}
_STL: dict[str, Any] = {"stl": True}
_NETWORK = {"II": "vgg13", "IV": "bottleneck_065m"}

_SAME_PEOPLE = (
    "All six rows fit 980 test images, 20 % of KDEF (815, 824, 827, 834, 838 and 864 right), so "
    "the step from first to last row is 49 images of one run. The split is not stated; if it was "
    "random, the same people are on both sides."
)
_NO_SIZE = (
    "The test set's size is not stated. Least and best are single runs, and yet no size from 50 "
    "to 4,000 images gives all of the table's: they may be means over unequal batches."
)

# Table III: parameters and output channels of each of its sixteen rows
TABLE_III = (
    ("conv2d", 480, 48),
    ("conv2d", 13_856, 32),
    ("bottleneck", 14_016, 32),
    ("bottleneck", 12_480, 24),
    ("bottleneck", 8_208, 24),
    ("bottleneck", 9_360, 32),
    ("bottleneck", 14_016, 32),
    ("bottleneck", 14_016, 32),
    ("bottleneck", 20_160, 64),
    ("bottleneck", 52_608, 64),
    ("bottleneck", 52_608, 64),
    ("bottleneck", 52_608, 64),
    ("bottleneck", 77_184, 128),
    ("bottleneck", 301_824, 256),
    ("avg_pool", 0, 256),
    ("conv2d", 2_048, 8),
)


def _kdef(row: str, value: str, **changed: Any) -> Claim:
    """A row of Table I: the accuracy of one run, and what is changed in RTNN."""
    return Claim(
        paper="pandey2019",
        table="I",
        row=row,
        dataset="kdef",
        protocol="one run, split not stated",
        metric="accuracy",
        **printed(value),
        experiment={**_RTNN, **changed},
        recipe="pandey2019_rtnn",
        n=980,
        note=_SAME_PEOPLE,
        setup=Setup(assumed="980 pictures drawn at random; the recipe is Arriaga's"),
    )


def _ferplus(table: str, row: str, value: str, *, low: float, high: float, **changed: Any) -> Claim:
    """A row of Table II or IV: average, least and best of four runs, and what is changed."""
    return Claim(
        paper="pandey2019",
        table=table,
        row=row,
        dataset="ferplus",
        protocol="majority labels, average of 4 runs, test set",
        metric="accuracy",
        **printed(value),
        experiment={"name": _NETWORK[table], "num_classes": 8, "input_size": 64, **changed},
        low=low,
        high=high,
        label_rule="majority",
        note=_NO_SIZE,
    )


_REPORTED = Claim(
    paper="pandey2019",
    table="II",
    row="VGG13 (reported)",
    dataset="ferplus",
    protocol="majority labels, test set; quoted from Barsoum et al. (2016)",
    metric="accuracy",
    **printed("83.85"),
    experiment={"name": "vgg13", "num_classes": 8, "input_size": 64},
    low=83.15,
    high=84.89,
    recipe="ferplus",
    label_rule="majority",
    note="Trained with momentum; pandey2019's own VGG13 with Adam.",
)

_GAIN = Claim(
    paper="pandey2019",
    table="text",
    row="gain by gradient and Laplacian",
    dataset="ferplus",
    protocol="abstract, KDEF and FERPlus together: '3 to 5%'",
    metric="gain in accuracy",
    **printed("3"),
    low=3,
    high=5,
    unit="points",
    experiment={"name": _NETWORK["II"], "num_classes": 8, "input_size": 64},
    label_rule="majority",
    note="On KDEF the networks that gain are also larger, the last more than four times.",
    setup=Setup(assumed="of the paper's rows, Table II's with Sobel against its VGG13"),
    gain_of="pandey2019:II:VGG13 + Sobel (input concatenated)",
)

CLAIMS = (
    _kdef("Original RTNN by Arriaga et al.", "83.16"),
    _kdef("STL + RTNN", "84.08", **_STL),
    _kdef("RTNN + Laplacian RTNN", "84.39", **PARALLEL, **LAPLACIAN),
    _kdef("STL with RTNN + Gradient RTNN", "85.10", **PARALLEL, **MAGNITUDE, **_STL),
    _kdef("STL with RTNN + Laplacian RTNN", "85.51", **PARALLEL, **LAPLACIAN, **_STL),
    _kdef("STL with Original, Gradient and Laplacian RTNN", "88.16", **_BOTH, **_STL),
    _ferplus("II", "VGG13 (our implementation)", "83.56", low=82.99, high=84.08),
    _ferplus(
        "II", "VGG13 + Laplacian (input concatenated)", "86.22", low=85.94, high=86.56, **LAPLACIAN
    ),
    _ferplus("II", "VGG13 + Sobel (input concatenated)", "86.42", low=86.08, high=86.55, **SOBEL),
    _REPORTED,
    _ferplus("IV", "base model (given in Table III)", "80.37", low=79.99, high=80.61),
    _ferplus(
        "IV", "base + Laplacian (input concatenated)", "82.83", low=82.38, high=83.33, **LAPLACIAN
    ),
    _ferplus("IV", "base + Sobel (input concatenated)", "83.3", low=82.71, high=83.99, **SOBEL),
    _ferplus(
        "IV",
        "base + Laplacian (parallel network)",
        "82.71",
        low=81.96,
        high=83.15,
        **LAPLACIAN,
        **NARROWED,
    ),
    _ferplus(
        "IV",
        "base + Sobel (parallel network)",
        "82.57",
        low=82.34,
        high=82.89,
        **SOBEL,
        **NARROWED,
    ),
    _GAIN,
)
