"""`python -m fer_utils train`: train a network and keep its best epoch."""

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from fer_utils import models, train
from fer_utils.commands import _faces, as_command, file_name
from fer_utils.commands.relabel import relabelled
from fer_utils.data import fill
from fer_utils.errors import FerError
from fer_utils.evaluate import Evaluation, evaluate
from fer_utils.files import check_folder, make_folder
from fer_utils.inputs import INPUTS
from fer_utils.models.answers import chosen_device
from fer_utils.models.registry import variant_of
from fer_utils.ranges import EPOCHS, SEED, SIDE, THREADS
from fer_utils.train import parallel
from fer_utils.train.loop import locked
from fer_utils.train.recipes import BALANCES, CHANGEABLE, changed

GENERATED = "cyclegan"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--data", default="facs3d", help="data set (default: facs3d)")
    _faces.add_arguments(parser)
    parser.add_argument("--model", default="mini_xception", help=", ".join(models.names()))
    parser.add_argument("--inputs", default="gray", choices=INPUTS)
    parser.add_argument("--input-size", type=SIDE, help="side in pixels the net works at")
    parser.add_argument("--fusion", choices=("concat", "parallel"), default="concat")
    parser.add_argument("--stl", action="store_true", help="a spatial transformer before each net")
    parser.add_argument(
        "--variant",
        help="of mini_xception: arriaga or alessi2019 (default: the recipe's paper's, else "
        "arriaga); of small_resnet: narrow, wide or deep",
    )
    parser.add_argument(
        "--width", type=float, default=1.0, help="factor on filters, of the nets that take one"
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
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="change the recipe, e.g. learning_rate=5e-4; names: " + ", ".join(CHANGEABLE),
    )
    parser.add_argument(
        "--balance",
        choices=(*BALANCES, GENERATED),
        help="rare classes: count more in the loss (weights), come as often as the others in "
        "epochs of the same length (sampler), are repeated until they are as many as the largest "
        "(oversample) or filled up with augmented copies (augment), or one is filled up with faces "
        "of --generator (cyclegan); default: the recipe's",
    )
    parser.add_argument(
        "--generator",
        metavar="NAME",
        help="for --balance cyclegan: a translation that comes with the kit, a file, or the folder "
        "of its training",
    )
    parser.add_argument(
        "--labels",
        type=file_name,
        metavar="FILE.csv",
        help="change training labels as a table of the command relabel says",
    )
    parser.add_argument("--epochs", type=EPOCHS, help="default: the recipe's")
    parser.add_argument("--seed", type=SEED, default=0)
    parser.add_argument("--device", help="cpu, cuda, ...; default: a GPU where there is one")
    parser.add_argument("--threads", type=THREADS, help="CPU threads")
    parser.add_argument("--precision", choices=train.PRECISIONS, default="float32")
    parser.add_argument("--compile", action="store_true", help="fuse the net by torch.compile")
    parser.add_argument(
        "--graphs",
        action=argparse.BooleanOptionalAction,
        help="launch a step's kernels all together, as a CUDA graph (default: on a GPU)",
    )
    parser.add_argument(
        "--stream",
        action=argparse.BooleanOptionalAction,
        help="read pictures from their file batch by batch (default: where they do not fit)",
    )
    parser.add_argument(
        "--tensorboard", type=file_name, help="folder for TensorBoard's event files"
    )
    parser.add_argument(
        "--out", type=file_name, required=True, metavar="DIR", help="folder for weights and history"
    )
    parser.add_argument("--restart", action="store_true", help="write over a run that is there")


def run(args: argparse.Namespace) -> int:
    """Train, report, and leave `model.safetensors` with its card in the folder."""
    with parallel.process_group(args.device) as args.device:
        return learn(args)


def learn(args: argparse.Namespace) -> int:
    """Do what `run` says, in one process or in one of several."""
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    # what would fail after the data are loaded, or after the first epoch, is said at once
    chosen_device(args.device)
    for folder in filter(None, (args.out, args.tensorboard)):
        check_folder(folder)
    recipe_name = args.recipe or models.paper(args.model)
    if (args.balance == GENERATED) != (args.generator is not None):
        raise FerError("--balance cyclegan and --generator NAME need each other.")
    translator = _translator(args.generator) if args.generator else None
    balance = [f"balance={args.balance}"] if args.balance in BALANCES else []
    balance = [word for word in balance if word not in args.set]
    recipe = changed(train.recipe(recipe_name), [*args.set, *balance])
    # a paper's recipe trains that paper's net; the card names it, however it was chosen
    args.variant = args.variant or variant_of(args.model, recipe_name)
    faces, about = _faces.load(args)
    loaded = faces
    if args.labels is not None:
        faces = relabelled(faces, args.labels)
    classes = _faces.learnable(faces)
    about["without"] = [name for name in faces.classes if name not in classes]
    faces = _faces.leave_out(faces, about["without"])
    train_faces, valid_faces = faces.where(split="train"), faces.where(split="valid")
    # what evaluate finds when it loads them: before labels were changed and faces were added
    about["digest"] = loaded.where(split="train").digest
    if translator is not None:
        of, to = translator.classes
        train_faces = fill(train_faces, lambda images: translator.apply(images, to=to), to, of)
        print(f"{train_faces.generated.sum()} faces of {to} made from {of} by {args.generator}")
    net = models.create(
        args.model,
        inputs=args.inputs,
        input_size=args.input_size,
        classes=classes,
        seed=args.seed,
        fusion=args.fusion,
        stl=args.stl,
        variant=args.variant,
        width=args.width,
        base_weights=args.base_weights,
    )
    if args.freeze_base:
        models.freeze_base(net)
    epochs = recipe.epochs if args.epochs is None else args.epochs
    named = f"{args.model} {args.variant}" if args.variant else args.model
    print(f"{named} ({models.count(net):,} parameters) learns {train_faces.name}: ", end="")
    print(f"{len(train_faces)} faces, {len(valid_faces)} to choose the epoch by")
    changes = f" with {', '.join(args.set)}" if args.set else ""
    print(
        f"recipe {recipe_name}{changes}, {epochs} epochs; augmentation: {recipe.augmentation}"
        + (f"; balance: {recipe.balance}" if recipe.balance != "none" else "")
    )
    first = parallel.rank() == 0
    # until the net is written, nobody else may begin a run in its folder
    with locked(make_folder(args.out)):
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
            stream=args.stream,
            on_epoch=train.tensorboard(args.tensorboard) if args.tensorboard and first else None,
        )
        if not first:
            return 0  # the first process reports and writes
        print(f"stopped: {history.stopped}")
        if not history.epochs:
            print("no epoch was finished: nothing is kept, and the same command begins again")
            return 130 if history.stopped.startswith("interrupted") else 2
        result = evaluate(net, valid_faces)
        card = {
            "data": f"{train_faces.name}, {len(train_faces)} training faces"
            + (f", {made} of them generated" if (made := int(train_faces.generated.sum())) else "")
            + (f", label rule {args.relabel}" if args.relabel else ""),
            "faces": about,
            "recipe": recipe_name,
            "seed": args.seed,
            "epochs": len(history.epochs),
            "selection": f"highest validation accuracy: epoch {history.best_epoch}",
            "command": command(args),
            "scores": {"valid": score(result)},
            "versions": {"torch": torch.__version__.split("+")[0]},
        }
        models.save(net, args.out / "model.safetensors", card)  # before anything is said of it
    print(f"best epoch {history.best_epoch} on the validation split:")
    print(result.table().to_string())
    print(f"accuracy: {result.accuracy}")
    print(f"wrote {args.out / 'model.safetensors'} and its card; history in history.json")
    if history.stopped.startswith("interrupted"):
        print("the same command goes on from here")
        return 130
    return 0


def _translator(name: str) -> Any:
    """Return a trained translation between two classes, `fer_utils.translate`'s."""
    return import_module("fer_utils.translate").load(name)


def command(args: argparse.Namespace) -> str:
    """Return the command that repeats this run, without the folders of this machine."""
    base = Path(args.base_weights).name if args.base_weights else None  # a file, or "imagenet"
    maker = Path(args.generator).name if args.generator else None
    table = Path(args.labels.name) if args.labels else None
    recipe = args.recipe or models.paper(args.model)
    own = {"base_weights": base, "generator": maker, "labels": table, "recipe": recipe}
    given = argparse.Namespace(**{**vars(args), **own})
    hide = ("root", "device", "tensorboard", "out", "restart")
    return as_command(args.parser, given, hide, keep=("data", "model", "recipe", "seed"))


def score(result: Evaluation) -> dict:
    """Return accuracy, N and the Wilson interval, rounded for a card."""
    accuracy = result.accuracy
    return {
        "accuracy": round(accuracy.value, 4),
        "n": accuracy.n,
        "interval_95": [round(accuracy.low, 4), round(accuracy.high, 4)],
    }
