"""`python -m fer_utils train`: train a network and keep its best epoch."""

import argparse
from pathlib import Path

import torch

from fer_utils import data, models, train
from fer_utils.evaluate import evaluate
from fer_utils.inputs import INPUTS
from fer_utils.models.registry import variant_of
from fer_utils.train.recipes import CHANGEABLE, changed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--data", default="facs3d", help="data set (default: facs3d)")
    parser.add_argument("--root", help="folder of the data set, where it is not in a usual place")
    parser.add_argument("--relabel", help="rule for FERPlus votes, e.g. majority")
    parser.add_argument("--model", default="mini_xception", help=", ".join(models.names()))
    parser.add_argument("--inputs", default="gray", choices=INPUTS)
    parser.add_argument("--input-size", type=int, help="side in pixels the net works at")
    parser.add_argument("--fusion", choices=("concat", "parallel"), default="concat")
    parser.add_argument("--stl", action="store_true", help="a spatial transformer before each net")
    parser.add_argument(
        "--variant",
        help="of mini_xception: arriaga or alessi2019 (default: the recipe's paper's, else "
        "arriaga); of small_resnet: narrow, wide or deep",
    )
    parser.add_argument(
        "--width", type=float, default=1.0, help="of bottleneck_065m: factor on its filters"
    )
    parser.add_argument(
        "--base-weights",
        help="for the base of a transfer net: imagenet (vgg16_gap, by torchvision) or a "
        ".safetensors file",
    )
    parser.add_argument("--freeze-base", action="store_true", help="train the head only")
    parser.add_argument("--recipe", help="; ".join(train.RECIPES) + " (default: the model's paper)")
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="change the recipe, e.g. learning_rate=5e-4; names: " + ", ".join(CHANGEABLE),
    )
    parser.add_argument("--epochs", type=int, help="default: the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", help="cpu, cuda, ...; default: a GPU where there is one")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--precision", choices=train.PRECISIONS, default="float32")
    parser.add_argument("--compile", action="store_true", help="fuse the net by torch.compile")
    parser.add_argument(
        "--graphs",
        action=argparse.BooleanOptionalAction,
        help="launch a step's kernels all together, as a CUDA graph (default: on a GPU)",
    )
    parser.add_argument("--tensorboard", type=Path, help="folder for TensorBoard's event files")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and history")
    parser.add_argument("--restart", action="store_true", help="write over a run that is there")


def run(args: argparse.Namespace) -> int:
    """Train, report, and leave `model.safetensors` with its card in the folder."""
    if args.threads:
        torch.set_num_threads(args.threads)
    recipe_name = args.recipe or models.paper(args.model)
    recipe = changed(train.recipe(recipe_name), args.set)
    # a paper's recipe trains that paper's net; the card names it, however it was chosen
    args.variant = args.variant or variant_of(args.model, recipe_name)
    faces = data.load(args.data, args.root)
    if args.relabel:
        faces = faces.relabel(args.relabel)
    train_faces, valid_faces = faces.where(split="train"), faces.where(split="valid")
    net = models.create(
        args.model,
        inputs=args.inputs,
        input_size=args.input_size,
        classes=train_faces.classes,
        seed=args.seed,
        fusion=args.fusion,
        stl=args.stl,
        variant=args.variant,
        width=args.width,
        base_weights=args.base_weights,
    )
    if args.freeze_base:
        models.freeze_base(net)
    epochs = args.epochs or recipe.epochs
    named = f"{args.model} {args.variant}" if args.variant else args.model
    print(f"{named} ({models.count(net):,} parameters) learns {train_faces.name}: ", end="")
    print(f"{len(train_faces)} faces, {len(valid_faces)} to choose the epoch by")
    changes = f" with {', '.join(args.set)}" if args.set else ""
    print(f"recipe {recipe_name}{changes}, {epochs} epochs; augmentation: {recipe.augmentation}")
    history = train.fit(
        net,
        train_faces,
        valid_faces,
        recipe,
        epochs=epochs,
        seed=args.seed,
        device=args.device,
        out=args.out,
        resume=not args.restart,
        precision=args.precision,
        graphs=args.graphs,
        compile=args.compile,
        on_epoch=train.tensorboard(args.tensorboard) if args.tensorboard else None,
    )
    print(f"stopped: {history.stopped}")
    if not history.epochs:
        print("no epoch was finished: nothing is kept")
        return 1
    found = evaluate(net, valid_faces)
    print(f"best epoch {history.best_epoch} on the validation split:")
    print(found.table())
    card = {
        "data": f"{train_faces.name}, {len(train_faces)} training faces"
        + (f", label rule {args.relabel}" if args.relabel else ""),
        "recipe": recipe_name,
        "seed": args.seed,
        "epochs": len(history.epochs),
        "selection": f"highest validation accuracy: epoch {history.best_epoch}",
        "command": command(args, recipe_name),
        "scores": {"valid": score(found)},
        "versions": {"torch": torch.__version__.split("+")[0]},
    }
    models.save(net, args.out / "model.safetensors", card)
    print(f"wrote {args.out / 'model.safetensors'} and its card; history in history.json")
    if history.stopped.startswith("interrupted"):
        print("the same command goes on from here")
        return 130
    return 0


def command(args: argparse.Namespace, recipe_name: str) -> str:
    """Return the command that repeats this run, without the folders of this machine."""
    words = [f"python -m fer_utils train --data {args.data} --model {args.model}"]
    words += [f"--relabel {args.relabel}"] if args.relabel else []
    words += [f"--inputs {args.inputs}"] if args.inputs != "gray" else []
    words += [f"--fusion {args.fusion}"] if args.fusion != "concat" else []
    base = Path(args.base_weights).name if args.base_weights else None  # a file, or "imagenet"
    for name, value in (("input-size", args.input_size), ("variant", args.variant)):
        words += [f"--{name} {value}"] if value else []
    words += [f"--width {args.width:g}"] if args.width != 1 else []
    words += [f"--base-weights {base}"] if base else []
    words += [f"--{name.replace('_', '-')}" for name in ("stl", "freeze_base") if vars(args)[name]]
    words += [f"--recipe {recipe_name}"]
    words += [f"--set {' '.join(args.set)}"] if args.set else []
    words += [f"--epochs {args.epochs}"] if args.epochs else []
    words += [f"--threads {args.threads}"] if args.threads else []
    words += [f"--precision {args.precision}"] if args.precision != "float32" else []
    words += ["--compile"] if args.compile else []
    return " ".join([*words, f"--seed {args.seed}", "--out DIR"])


def score(found) -> dict:
    """Return accuracy, N and the Wilson interval, rounded for a card."""
    accuracy = found.accuracy
    return {
        "accuracy": round(accuracy.value, 4),
        "n": accuracy.n,
        "interval_95": [round(accuracy.low, 4), round(accuracy.high, 4)],
    }
