"""`python -m fer_utils explain`: draw what a network looked at in one picture."""

import argparse
from pathlib import Path

from fer_utils import models, plots, saliency
from fer_utils.pictures import read_picture

SHOWN = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--model", default="mini_xception_facs3d", help="pretrained name, or file")
    parser.add_argument("--image", type=Path, required=True, help="a picture of one face, cut out")
    parser.add_argument("--out", type=Path, required=True, help="figure to write (.png, .pdf, ...)")
    parser.add_argument("--window", type=int, help="side of the square in pixels (default: 1/6)")
    parser.add_argument("--stride", type=int, help="its steps in pixels (default: a quarter of it)")
    parser.add_argument("--fill", default="black", help="black, mean, blur, noise, or 0 to 1")
    parser.add_argument("--target", help="expression to explain (default: the predicted one)")


def run(args: argparse.Namespace) -> int:
    """Print what the net says and what it rests on; write the figure."""
    image = read_picture(args.image)
    net = models.load(args.model)
    # of the whole picture, as 8 is of 48 pixels and 2 is of 8
    window = args.window if args.window is not None else max(2, round(min(image.shape[1:]) / 6))
    stride = args.stride if args.stride is not None else max(1, window // 4)
    found = saliency.occlusion(net, image, window=window, stride=stride, fill=fill_value(args.fill))
    figure = plots.occlusion(image, found, args.target)
    plots.save(figure, args.out)
    print(report(found, args.target))
    print(f"wrote {args.out}")
    return 0


def fill_value(text: str) -> str | float:
    """Return a fill's name, or the number that the text spells."""
    try:
        return float(text)
    except ValueError:
        return text


def report(found: saliency.OcclusionMap, target: str | None = None) -> str:
    """Return in words what the net says of the picture, and what that rests on."""
    order = (-found.clean).argsort(kind="stable")[:SHOWN]
    likely = ", ".join(f"{found.classes[i]} {found.clean[i]:.3f}" for i in order)
    flips, drop = found.flips(), found.drop(target)
    row, column = found.peak(target)
    top, left, bottom, right = found.box(row, column)
    index = found.target_index(target)
    (height, width), (down, across) = found.size, found.stride
    before, after = found.clean[index], found.probabilities[row, column, index]
    lines = [
        f"picture: {height} x {width} pixels, taken whole as the face",
        f"prediction: {found.label} ({likely})",
        f"square: {found.window[0]} x {found.window[1]} pixels, stride {down} x {across}, "
        f"{found.fill}; {flips.size} positions",
        f"label changes at {flips.sum()} of {flips.size} positions",
    ]
    if drop.max() > 0:
        lines.append(
            f"most important for {found.classes[index]}: rows {top}-{bottom - 1}, columns {left}-"
            f"{right - 1}; covering it takes the probability from {before:.3f} to {after:.3f}"
        )
    else:
        lines.append(f"covering the face nowhere lowers the probability of {found.classes[index]}")
    return "\n".join(lines)
