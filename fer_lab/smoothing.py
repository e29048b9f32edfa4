"""Smoothing against delay: drawn films, in good light and in dim, read with several constants.

    python -m fer_lab.smoothing
        writes figures/smoothing.csv, in some minutes
    python -m fer_lab.smoothing --films 1 --out FOLDER
        a quick look

In good light a frame's answer is nearly always right, and smoothing can only make it late. The
noise of a dim room is another in every frame: there a mean over time helps, up to where it lags.
"""

import argparse
from dataclasses import astuple, fields
from pathlib import Path

from tqdm.auto import tqdm

from fer_utils import models
from fer_utils.commands import Parser, as_csv, carry_out, file_name
from fer_utils.detect.delay import Delay, delays
from fer_utils.detect.drawn_film import DrawnFilm
from fer_utils.files import check_writable, make_folder, write
from fer_utils.ranges import COUNT

FIGURES = Path(__file__).resolve().parents[1] / "figures"
COMMAND = "python -m fer_lab.smoothing"
NET = "mini_xception_facs3d"
FILMS = 5
NOISE = (0, 10, 20, 30)  # standard deviation in grey levels
TAUS = (0.0, 0.04, 0.1, 0.2, 0.3, 0.5, 1.0)
SECONDS, SIZE = 12.0, (320, 240)


def measure(films: int) -> list[list]:
    """Return a row for each noise, film and time constant, the names of the columns first."""
    net = models.load(NET)
    rows: list[list] = [["noise", "film", *(field.name for field in fields(Delay))]]
    for seed in tqdm(range(films), unit="film"):
        for noise in NOISE:
            film = DrawnFilm(SECONDS, SIZE, seed=seed, noise=noise)
            for one in delays(net, film, TAUS):
                numbers = (
                    f"{value:.4f}" if isinstance(value, float) else value for value in astuple(one)
                )
                rows.append([noise, seed, *numbers])
    return rows


def _main() -> int:
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=COUNT, default=FILMS, help="that are drawn")
    parser.add_argument("--out", type=file_name, default=FIGURES, help="folder for the table")
    args = parser.parse_args()
    import cv2

    cv2.setNumThreads(1)  # beside other programs, threads wait for each other
    path = make_folder(args.out) / "smoothing.csv"
    check_writable(path)
    about = [
        f"drawn films of {SECONDS:g} s, 25 frames a second, {SIZE[0]} x {SIZE[1]}, 3 people; "
        f"{NET}; haar; noise: standard deviation in grey levels",
        "smoothing: time constant in s; accuracy: of the faces in all frames; delay: mean s from a "
        "change to the new answer; missed: share of changes without one; flicker: changes of the "
        "answer per s and face",
        f"made by: {COMMAND}" + (f" --films {args.films}" if args.films != FILMS else ""),
    ]
    print(f"wrote {write(path, as_csv(about, measure(args.films)))}")
    return 0


if __name__ == "__main__":
    raise SystemExit(carry_out("smoothing", _main))
