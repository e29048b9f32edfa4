"""`python -m fer_utils explain`: draw what a network looked at in one picture."""

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_utils.commands import file_name
from fer_utils.commands.look import MODEL, SIDE, add_detector, chosen_detector, nobody
from fer_utils.errors import FerError
from fer_utils.ranges import PIXELS, SEED, Range

if TYPE_CHECKING:
    from fer_utils import saliency
    from fer_utils.saliency import scores

SHOWN = 3
DRAWN_MODEL = "mini_xception_facs3d"
ALL = "all"
CUT_OUT = 64  # pixels a side: a picture that is no larger is a face, as in FER2013
PARTS = ("part_ablation", "shapley_parts", "lime", "kernel_shap")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    from fer_utils.saliency import METHODS

    methods = ", ".join(METHODS)
    parser.add_argument(
        "--model",
        help=f"pretrained name, or file (default: {MODEL} for a photograph, else {DRAWN_MODEL})",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--image", type=file_name, help="a photograph")
    what.add_argument(
        "--face", type=int, help="number of a test face of facs3d, whose truth is known"
    )
    parser.add_argument(
        "--person",
        type=Range(1, 1000, whole=True),
        help="of a photograph: which face, 1 being the largest (default: 1)",
    )
    parser.add_argument(
        "--whole", action="store_true", help="the picture is a face, cut out: look for none in it"
    )
    add_detector(parser)
    parser.add_argument(
        "--out", type=file_name, required=True, help="figure to write (.png, .pdf, ...)"
    )
    parser.add_argument(
        "--method",
        default="occlusion",
        help=f"one of: {methods}; or {ALL}: every map on one sheet, and a table of them",
    )
    parser.add_argument("--window", type=PIXELS, help="side of the square in pixels (default: 1/6)")
    parser.add_argument("--stride", type=PIXELS, help="its steps in pixels (default: 1/4 of it)")
    parser.add_argument("--fill", help="black (default), mean, blur, noise, or 0 to 1")
    parser.add_argument(
        "--force", action="store_true", help="occlusion: do it with more than 20,000 positions, too"
    )
    parser.add_argument("--target", help="expression to explain (default: the predicted one)")
    parser.add_argument("--seed", type=SEED, default=0, help="of noise, masks and orders")
    parser.add_argument(
        "--scores", action="store_true", help="print how far the map can be trusted"
    )


def run(args: argparse.Namespace) -> int:
    """Print what the net says and what it rests on; write the figure."""
    from fer_utils import models, plots
    from fer_utils.files import check_apart
    from fer_utils.plots.picture import check_place
    from fer_utils.saliency import scores

    check_place(args.out)  # before the work
    check_apart([args.out], [] if args.image is None else [args.image])
    if args.person and (args.whole or args.image is None):
        raise FerError("--person chooses among the faces of --image, and does not go with --whole.")
    net = models.load(args.model or (DRAWN_MODEL if args.image is None else MODEL))
    side = getattr(net, "input_size", None) or SIDE
    image, source, truth, parts = picture(args, side)
    given = {name: getattr(args, name) for name in ("window", "stride")}
    given["fill"] = None if args.fill is None else fill_value(args.fill)
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if args.method == ALL:
        return run_all(args, net, image, source, truth, parts, options)
    if args.method in PARTS:
        options.update(parts)
    attribution = attributed(args, net, image, args.method, options)
    if args.method == "occlusion":
        omap = attribution.details["omap"]  # the positions as well
        figure = plots.occlusion(image, omap, attribution.target)
        lines = occlusion_report(omap, attribution)
    else:
        figure, lines = plots.attribution(image, attribution), report(attribution)
    plots.save(figure, args.out)
    print("\n".join([source, prediction(attribution), *lines, *unit_report(attribution, truth)]))
    print(f"wrote {args.out}")
    if args.scores:
        print(scores.report(scores.score(net, image, attribution, truth, seed=args.seed)))
    return 0


def attributed(
    args: argparse.Namespace, net: Any, image: np.ndarray, method: str, options: dict[str, Any]
) -> "saliency.Attribution":
    """Return the map of a method.

    Raises:
        FerError: as `saliency.attribute`, with the ways out that the command has.
    """
    from fer_utils import saliency
    from fer_utils.saliency.occlusion import TooManyPositions

    if args.force and method == "occlusion":
        options = {**options, "force": True}
    try:
        return saliency.attribute(net, image, method, args.target, args.seed, **options)
    except TooManyPositions as error:
        cut = "leave out --whole, so that the face is cut out, " if args.whole else ""
        raise FerError(f"{error.what}: {cut}take a larger --stride, or add --force.") from None


def run_all(
    args: argparse.Namespace,
    net: Any,
    image: np.ndarray,
    source: str,
    truth: "scores.Truth | None",
    parts: dict[str, Any],
    options: dict[str, Any],
) -> int:
    """Draw the maps of all methods that suit the net on one sheet, and print a table of them."""
    import captum.attr  # noqa: F401  # its import is not to count as a method's time

    from fer_utils import plots, saliency
    from fer_utils.saliency import scores

    if options:
        raise FerError(f"--{next(iter(options))} is for one method, and does not go with {ALL}.")
    found, left_out = [], []
    for name in saliency.METHODS:
        given = parts if name in PARTS else {}
        try:
            found.append(attributed(args, net, image, name, given))
        except FerError as error:
            left_out.append(f"left out: {error}")
    if not found:
        raise FerError(left_out[0])
    plots.save(plots.attributions(image, found), args.out)
    rows = scores.compare(net, image, found, truth, args.seed, rerun=args.scores)
    table = scores.table(rows).to_string(na_rep="-")
    print("\n".join([source, prediction(found[0]), *left_out, table]))
    print(f"wrote {args.out}")
    return 0


def picture(
    args: argparse.Namespace, side: int
) -> tuple[np.ndarray, str, "scores.Truth | None", dict[str, Any]]:
    """Return the picture, where it comes from in words, its truth, and its parts if known.

    Args:
        args: as they are typed.
        side: to which a face that is cut out of a photograph is resized.

    Raises:
        FerError: no such face or file.
    """
    from fer_utils import data
    from fer_utils.saliency import scores

    if args.face is None:
        return *person(args, side), None, {}
    faces = data.load(data.EMBEDDED, split="test")
    if not 0 <= args.face < len(faces):
        raise FerError(f"facs3d has test faces 0 to {len(faces) - 1}, not {args.face}.")
    truth = scores.truth(faces, args.face)
    carriers = ", ".join(truth.parts) or "no part"
    source = f"face {args.face} of facs3d: {truth.expression}, carried by {carriers}"
    regions = None if faces.regions is None else faces.regions[args.face]
    parts = {"parts": regions, "part_names": faces.region_names}
    return faces.images[args.face], source, truth, parts


def person(args: argparse.Namespace, side: int) -> tuple[np.ndarray, str]:
    """Return one face of a photograph, (C, side, side), or a small picture as it is; and words.

    Raises:
        FerError: no such file, no face in it, or not as many.
    """
    from fer_utils import detect
    from fer_utils.pictures import read_picture

    image = read_picture(args.image)
    height, width = image.shape[1:]
    if args.whole or max(height, width) <= CUT_OUT:
        return image, f"picture: {height} x {width} pixels, taken whole as the face"
    image, boxes, turned = detect.upright(image, chosen_detector(args))
    if not boxes:
        said = nobody(args.image, args.detector)[:-1]
        raise FerError(f"{said}; --whole takes the picture as a face, cut out.")
    count = "1 face was found" if len(boxes) == 1 else f"{len(boxes)} faces were found"
    chosen = args.person or 1
    if chosen > len(boxes):
        raise FerError(f"{count} in {args.image}, so there is no --person {chosen}.")
    box = boxes[chosen - 1]
    words = [count, f"turned by {turned} degrees"] if turned else [count]
    if len(boxes) > 1:
        words.append(f"--person 1 to {len(boxes)} chooses one, the largest first")
    place = f"{box.width} x {box.height} pixels at column {box.x}, row {box.y}"
    source = f"picture: {'; '.join(words)}; face {chosen}: {place}"
    return detect.crop(image, box, side=side), source


def fill_value(text: str) -> str | float:
    """Return a fill's name, or the number that the text spells."""
    try:
        return float(text)
    except ValueError:
        return text


def prediction(attribution: "saliency.Attribution") -> str:
    """Return in words what the net says of the picture."""
    clean, classes = attribution.clean, attribution.classes
    order = (-clean).argsort(kind="stable")[:SHOWN]
    likely = ", ".join(f"{classes[i]} {clean[i]:.3f}" for i in order)
    return f"prediction: {classes[order[0]]} ({likely})"


def report(attribution: "saliency.Attribution") -> list[str]:
    """Return in words what an attribution found."""
    from fer_utils.saliency import METHODS

    method, values = METHODS[attribution.method], attribution.map
    row, column = np.unravel_index(values.argmax(), values.shape)
    sign = "with a sign" if attribution.signed else "without a sign"
    lines = [
        f"method: {method.title} ({method.source}); "
        f"explains: {method.explains} of {attribution.label}",
        f"map: {method.unit}, {sign}, from {values.min():.3g} to {values.max():.3g}; "
        f"highest at row {row}, column {column}",
    ]
    worth: dict[str, float] = attribution.details.get("worth", {})
    if worth:
        order = sorted(worth, key=lambda name: worth[name], reverse=True)[:SHOWN]
        lines.append("worth most: " + ", ".join(f"{name} {worth[name]:.2f}" for name in order))
    return lines


def unit_report(attribution: "saliency.Attribution", truth: "scores.Truth | None") -> list[str]:
    """Return in words on which action units a map lies, beyond their share of the area."""
    from fer_utils.saliency import scores

    if truth is None or truth.expression != attribution.label:
        return []
    shares = scores.action_units(attribution.map, truth)
    order = sorted(shares, key=lambda name: shares[name].value - shares[name].chance, reverse=True)
    words = (f"{name} {shares[name].value:.2f} ({shares[name].chance:.2f})" for name in order)
    return ["energy by action unit (share of the area): " + ", ".join(words)] if shares else []


def occlusion_report(
    omap: "saliency.OcclusionMap", attribution: "saliency.Attribution"
) -> list[str]:
    """Return in words what the square found."""
    flips, drop = omap.flips(), omap.drop(attribution.target)
    row, column = omap.peak(attribution.target)
    top, left, bottom, right = omap.box(row, column)
    (down, across), (height, width) = omap.stride, omap.window
    target = attribution.target
    before, after = omap.clean[target], omap.probabilities[row, column, target]
    lines = [
        f"square: {height} x {width} pixels, stride {down} x {across}, "
        f"{omap.fill}; {flips.size} positions",
        f"label changes at {flips.sum()} of {flips.size} positions",
    ]
    if drop.max() > 0:
        lines.append(
            f"most important for {attribution.label}: rows {top}-{bottom - 1}, columns {left}-"
            f"{right - 1}; covering it takes the probability from {before:.3f} to {after:.3f}"
        )
    else:
        lines.append(f"covering the face nowhere lowers the probability of {attribution.label}")
    return lines
