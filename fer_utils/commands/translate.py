"""`python -m fer_utils translate`: change the expression of faces, and train what does it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer_utils._arguments import choice
from fer_utils.commands import as_command, file_name
from fer_utils.errors import FerError
from fer_utils.ranges import COUNT, PIXELS, SEED, THREADS
from fer_utils.translate.settings import GENERATORS, STEPS, check_sides

if TYPE_CHECKING:
    import numpy as np

    from fer_utils.translate import Pair

#: Faces on the sheet.
SHOWN = 12
DRAWN_SIZE = 48


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    what = parser.add_subparsers(dest="what", required=True, metavar="train | apply")
    learn = what.add_parser("train", help="train two generators, there and back")
    learn.add_argument(
        "--data",
        default="facs3d",
        help="data set, of whose training faces it learns (default: facs3d: 360 people drawn for "
        "it, each with one of the two expressions)",
    )
    learn.add_argument("--root", help="folder of the data set, where it is not in a usual place")
    learn.add_argument(
        "--from", dest="first", required=True, metavar="CLASS", help="the first expression"
    )
    learn.add_argument(
        "--to", dest="second", required=True, metavar="CLASS", help="the second expression"
    )
    learn.add_argument(
        "--generator",
        default="change",
        choices=GENERATORS,
        help="change draws only what changes; resnet draws the whole face, as mazen2021's",
    )
    learn.add_argument("--steps", type=STEPS, default=10_000, help="one face of each class a step")
    learn.add_argument("--size", type=PIXELS, help="side in pixels (default: the data set's usual)")
    learn.add_argument("--seed", type=SEED, default=0)
    learn.add_argument("--device", help="cpu, cuda, ...; default: a GPU where there is one")
    learn.add_argument("--threads", type=THREADS, help="CPU threads")
    learn.add_argument(
        "--out", type=file_name, required=True, metavar="DIR", help="folder of the run"
    )
    learn.add_argument("--restart", action="store_true", help="write over a run that is there")
    learn.set_defaults(work=train, parser=learn)
    use = what.add_parser("apply", help="translate faces, and leave them as pictures")
    use.add_argument("pair", metavar="NAME", help="of a pair that comes with the kit, or a run")
    use.add_argument(
        "--data",
        default="facs3d",
        help="data set, or a folder of pictures of faces (default: facs3d: 40 people drawn for it)",
    )
    use.add_argument("--root", help="folder of the data set, where it is not in a usual place")
    use.add_argument("--to", metavar="CLASS", help="expression to draw (default: the second)")
    use.add_argument("--count", type=COUNT, default=100, help="faces at most (default: 100)")
    use.add_argument(
        "--out", type=file_name, required=True, metavar="DIR", help="folder for the pictures"
    )
    use.set_defaults(work=apply, parser=use)


def run(args: argparse.Namespace) -> int:
    """Do what is asked for."""
    return args.work(args)


def train(args: argparse.Namespace) -> int:
    """Train, score where the truth is known, and leave the pair in the folder."""
    import torch

    from fer_utils import translate
    from fer_utils.files import check_folder
    from fer_utils.models.answers import chosen_device

    chosen_device(args.device)
    check_folder(args.out)
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    first, second, about = training_faces(args)
    classes = (args.first, args.second)
    print(f"{about}; {args.generator}, {args.steps:,} steps of one face each")
    try:
        translate.fit(
            first,
            second,
            translate.Settings(generator=args.generator),
            classes=classes,
            steps=args.steps,
            seed=args.seed,
            device=args.device,
            out=args.out,
            resume=not args.restart,
            card={"data": about, "command": command(args)},
        )
    except KeyboardInterrupt:
        print("interrupted: the same command goes on from the last state")
        return 130
    print(f"wrote {args.out}: model.safetensors and its card, history.json, progress.png")
    return 0


def command(args: argparse.Namespace) -> str:
    """Return the command that repeats a training, without the folders of this machine."""
    hide = ("root", "device", "threads", "out", "restart")
    return as_command(args.parser, args, hide=hide, keep=("data", "generator", "steps", "seed"))


def training_faces(args: argparse.Namespace) -> "tuple[np.ndarray, np.ndarray, str]":
    """Return the faces of both classes, and what they are.

    Raises:
        FerError: no such classes, or the same twice.
    """
    from fer_utils import data, translate

    if args.first == args.second:
        raise FerError(f"--from and --to are both {args.first}: name two expressions.")
    if args.size is not None:
        check_sides([(args.size, args.size)])
    if args.data == data.EMBEDDED:
        drawn = translate.people(args.first, args.second, args.size or DRAWN_SIZE)
        first, second = drawn.first, drawn.second
        about = f"facs3d's renderer, {len(first)} people {args.first} and {len(second)} others "
        return first, second, f"{about}{args.second}"
    asked = {} if args.size is None else {"size": args.size}  # `load` says who has one size only
    faces = data.load(args.data, args.root, **{**form(args.data, None), **asked})
    if set(faces.split) > {"train"}:
        faces = faces.where(split="train")
    first, second = (faces.where(label=name).images for name in (args.first, args.second))
    about = f"{args.data}, {len(first)} training faces {args.first}, {len(second)} {args.second}"
    return first, second, about


def apply(args: argparse.Namespace) -> int:
    """Translate faces, and leave each as a picture, with a sheet of the first of them."""
    from fer_utils import translate
    from fer_utils.files import make_folder, write
    from fer_utils.translate.sheet import as_png, rows_of_faces

    pair = translate.load(args.pair)
    to = choice("to", args.to or pair.classes[1], pair.classes)  # before faces are read or drawn
    faces, names = faces_to_translate(args, pair)
    if (args.out / "faces").resolve() == Path(args.data).resolve():
        raise FerError(f"{args.data} holds the faces to translate: give another --out.")
    translated = pair.apply(faces, to)
    folder = make_folder(args.out / "faces")
    for name, face in zip(names, translated, strict=True):
        write(folder / f"{name}.png", as_png(rows_of_faces([face[None]], scale=1)))
    sheet = rows_of_faces([faces[:SHOWN], translated[:SHOWN]])
    write(args.out / "sheet.png", as_png(sheet))
    print(f"{folder}: {len(faces)} faces made {to}, a .png each")
    print(f"{args.out / 'sheet.png'}: the first of them, before (above) and after")
    return 0


def faces_to_translate(args: argparse.Namespace, pair: "Pair") -> "tuple[np.ndarray, list[str]]":
    """Return faces, and a file's name for each."""
    from fer_utils import data, translate
    from fer_utils.translate.drawing import TRUTH

    other = pair.classes[0] if args.to in (None, pair.classes[1]) else pair.classes[1]
    folder = Path(args.data)
    if args.data == data.EMBEDDED:
        who = TRUTH[: args.count]
        return translate.drawn(other, who, pair.size), [f"person_{n}" for n in who]
    if args.data not in data.names() and folder.is_dir():
        return pictures_in(folder, pair, args.count)
    faces = data.load(args.data, args.root, **form(args.data, pair.size, pair.channels))
    rows = faces.where(label=other).take(slice(0, args.count))
    return rows.images, [f"{args.data}_{number:05d}" for number in range(len(rows))]


def form(name: str, size: int | None, channels: int = 1) -> dict[str, Any]:
    """Return what `data.load` is asked for, of a data set that comes in any size and colour."""
    from fer_utils.data import catalog

    if catalog.get(name).scan is None:
        return {}
    return {"color": channels == 3, **({} if size is None else {"size": size})}


def pictures_in(folder: Path, pair: "Pair", count: int) -> "tuple[np.ndarray, list[str]]":
    """Return the faces in a folder, each brought to the pair's size, by their files' names."""
    import numpy as np

    from fer_utils.pictures import read_picture

    files = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix)[:count]
    if not files:
        raise FerError(f"{folder} holds no pictures.")
    faces = [fitted(read_picture(path), path, pair) for path in files]
    names = [path.stem for path in files]
    if len(set(names)) < len(names):  # a.jpg beside a.png
        names = [path.name for path in files]
    return np.stack(faces), names


def fitted(picture: "np.ndarray", path: Path, pair: "Pair") -> "np.ndarray":
    """Return a face (C, H, W) in the pair's size and colour."""
    import numpy as np
    from PIL import Image

    image = Image.fromarray(picture[0] if len(picture) == 1 else picture.transpose(1, 2, 0))
    if image.width != image.height:
        raise FerError(f"{path} is {image.width} x {image.height}: cut out the face as a square.")
    image = image.convert("L" if pair.channels == 1 else "RGB")
    image = image.resize((pair.size, pair.size), Image.Resampling.LANCZOS)
    face = np.asarray(image)
    return face[None] if face.ndim == 2 else face.transpose(2, 0, 1)
