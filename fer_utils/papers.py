"""Published numbers as data: which paper, which row, what it says, and what would repeat it."""

from dataclasses import dataclass, field

from fer_utils.emotions import nearest
from fer_utils.errors import FerError


@dataclass(frozen=True)
class Claim:
    """One row of a table of results.

    Attributes:
        paper: key of the paper.
        table: number of the table, as printed.
        row: the row's name, as printed.
        dataset: what it was trained and tested on.
        protocol: runs and test set, as far as stated.
        metric: what `value` is; accuracies are in per cent.
        value: as printed; `low` and `high` are the least and best of several runs.
        experiment: the arguments of `models.create` that build the row's network.
    """

    paper: str
    table: str
    row: str
    dataset: str
    protocol: str
    metric: str
    value: float
    experiment: dict = field(hash=False)
    low: float | None = None
    high: float | None = None

    @property
    def key(self) -> str:
        """Paper, table and row, joined by colons."""
        return f"{self.paper}:{self.table}:{self.row}"


@dataclass(frozen=True)
class Count:
    """A published number of parameters.

    Attributes:
        paper: key of the paper.
        where: table or figure.
        value: to the unit, by the paper's own convention; None where no layout of the paper's
            gives the number it prints.
        printed: as the paper's text has it, often cut short; empty where it has none, and the
            value follows from the layout alone.
        experiment: the arguments of `models.create`.
        note: why the number of the network built here is another one; empty where it is not.
    """

    paper: str
    where: str
    value: int | None
    printed: str
    experiment: dict = field(hash=False)
    note: str = ""


def _table_1() -> list[Claim]:
    rtnn = {"name": "mini_xception", "num_classes": 7, "input_size": 64}
    parallel = {**rtnn, "fusion": "parallel"}
    rows = (
        ("Original RTNN by Arriaga et al.", 83.16, rtnn),
        ("STL + RTNN", 84.08, {**rtnn, "stl": True}),
        ("RTNN + Laplacian RTNN", 84.39, {**parallel, "inputs": "gray+laplacian"}),
        (
            "STL with RTNN + Gradient RTNN",
            85.10,
            {**parallel, "inputs": "gray+sobel", "stl": True},
        ),
        (
            "STL with RTNN + Laplacian RTNN",
            85.51,
            {**parallel, "inputs": "gray+laplacian", "stl": True},
        ),
        (
            "STL with Original, Gradient and Laplacian RTNN",
            88.16,
            {**parallel, "inputs": "gray+sobel+laplacian", "stl": True},
        ),
    )
    return [
        Claim("pandey2019", "I", row, "kdef", "one run, split not stated", "accuracy", value, made)
        for row, value, made in rows
    ]


def _table_of_four_runs(table: str, name: str, rows: tuple) -> list[Claim]:
    return [
        Claim(
            "pandey2019",
            table,
            row,
            "ferplus",
            "majority labels, average of 4 runs, test set",
            "accuracy",
            average,
            {"name": name, "num_classes": 8, "input_size": 64, **options},
            low,
            high,
        )
        for row, average, low, high, options in rows
    ]


LAPLACIAN = {"inputs": "gray+laplacian"}
SOBEL = {"inputs": "gray+sobel"}
PARALLEL = {"fusion": "parallel"}

CLAIMS = (
    *_table_1(),
    *_table_of_four_runs(
        "II",
        "vgg13",
        (
            ("VGG13 (our implementation)", 83.56, 82.99, 84.08, {}),
            ("VGG13 + Laplacian (input concatenated)", 86.22, 85.94, 86.56, LAPLACIAN),
            ("VGG13 + Sobel (input concatenated)", 86.42, 86.08, 86.55, SOBEL),
        ),
    ),
    *_table_of_four_runs(
        "IV",
        "bottleneck_065m",
        (
            ("base model (given in Table III)", 80.37, 79.99, 80.61, {}),
            ("base + Laplacian (input concatenated)", 82.83, 82.38, 83.33, LAPLACIAN),
            ("base + Sobel (input concatenated)", 83.3, 82.71, 83.99, SOBEL),
            ("base + Laplacian (parallel network)", 82.71, 81.96, 83.15, LAPLACIAN | PARALLEL),
            ("base + Sobel (parallel network)", 82.57, 82.34, 82.89, SOBEL | PARALLEL),
        ),
    ),
)

# pandey2019, Table III: parameters and output channels of each of its sixteen rows
TABLE_III = (
    *(("conv2d", 480, 48), ("conv2d", 13_856, 32)),
    *(("bottleneck", 14_016, 32), ("bottleneck", 12_480, 24), ("bottleneck", 8_208, 24)),
    *(("bottleneck", 9_360, 32), ("bottleneck", 14_016, 32), ("bottleneck", 14_016, 32)),
    *(("bottleneck", 20_160, 64), ("bottleneck", 52_608, 64), ("bottleneck", 52_608, 64)),
    *(("bottleneck", 52_608, 64), ("bottleneck", 77_184, 128), ("bottleneck", 301_824, 256)),
    *(("avg_pool", 0, 256), ("conv2d", 2_048, 8)),
)

_TWO_STREAMS = (
    "two streams: each is a whole network of 0.65 million, and both are counted here; the paper "
    "lists one"
)


def _rtnn(num_classes: int, **options) -> dict:
    return {"name": "mini_xception", "num_classes": num_classes, **options}


def _eight(name: str, **options) -> dict:
    return {"name": name, "num_classes": 8, **options}


COUNTS = (
    Count("arriaga2017", "mini-Xception", 58_423, "60,000", _rtnn(7, input_size=64)),
    Count("alessi2019", "Fig. 12", 58_423, "", _rtnn(7, variant="alessi2019")),
    Count("arriaga2017", "mini-Xception for FERPlus", 59_576, "", _rtnn(8, input_size=64)),
    Count("minaee2019", "public port", 66_877, "", {"name": "deep_emotion"}),
    Count("pandey2019", "II", 8_757_704, "8.75 million", _eight("vgg13")),
    Count("pandey2019", "II", 8_758_280, "8.75 million", _eight("vgg13", **LAPLACIAN)),
    Count("pandey2019", "II", 8_758_856, "8.75 million", _eight("vgg13", **SOBEL)),
    Count("pandey2019", "III", 645_472, "645472", _eight("bottleneck_065m")),
    Count("pandey2019", "IV", 645_904, "0.65 million", _eight("bottleneck_065m", **LAPLACIAN)),
    Count("pandey2019", "IV", 646_336, "0.65 million", _eight("bottleneck_065m", **SOBEL)),
    Count(
        "pandey2019",
        "IV",
        None,
        "0.65 million",
        _eight("bottleneck_065m", **LAPLACIAN, **PARALLEL),
        _TWO_STREAMS,
    ),
    Count(
        "pandey2019",
        "IV",
        None,
        "0.65 million",
        _eight("bottleneck_065m", **SOBEL, **PARALLEL),
        _TWO_STREAMS,
    ),
    Count("borgalli2022", "Fig. 10", 5_391_055, "5.391M", {"name": "light_vgg"}),
    Count("borgalli2022", "Fig. 8", 15_244_104, "15.244M", _eight("vgg16_gap")),
    Count("borgalli2022", "Fig. 9", 56_568_551, "56.568M", {"name": "inception_resnet_v2"}),
    Count(
        "borgalli2022", "Fig. 6", 99_143_494, "99.143 M", {"name": "custom_kdef", "num_classes": 6}
    ),
    Count("mazen2021", "Fig. 11", 17_926_983, "", {"name": "vgg_face"}),
)


def claim(key: str) -> Claim:
    """Return a row of results by its key, "paper:table:row"; capitals do not count.

    Raises:
        FerError: no such row; the message names the nearest.
    """
    wanted = key.strip().lower()
    by_key = {one.key.lower(): one for one in CLAIMS}
    if wanted not in by_key:
        raise FerError(f"no published row {key!r}.{nearest(wanted, [one.key for one in CLAIMS])}")
    return by_key[wanted]
