"""`python -m fer_utils export`: write a trained network as ONNX, to run without torch."""

import argparse

from fer_utils.commands import file_name
from fer_utils.ranges import PIXELS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "model", help="pretrained name, a model.safetensors, or the folder of a training"
    )
    parser.add_argument("--out", type=file_name, required=True, help="file to write (NAME.onnx)")
    parser.add_argument(
        "--size", type=PIXELS, help="side of the faces it takes (default: the net's own)"
    )
    parser.add_argument(
        "--color",
        action=argparse.BooleanOptionalAction,
        help="take red, green and blue (default: as the net looks at faces)",
    )
    parser.add_argument(
        "--uint8", action="store_true", help="take 0..255 (default: float32 in [0, 1])"
    )


def run(args: argparse.Namespace) -> int:
    """Write the file, and say what it takes and gives."""
    from fer_utils import models

    net = models.load(args.model)
    path = models.export(net, args.out, size=args.size, color=args.color, uint8=args.uint8)
    side = args.size or net.input_size
    channels = net.color_channels if args.color is None else 1 + 2 * args.color
    kind = "uint8" if args.uint8 else "float32 in [0, 1]"
    print(f"wrote {path}: {path.stat().st_size / 1e6:.1f} MB, ONNX opset {models.OPSET}")
    print(f"input  faces: (N, {channels}, {side}, {side}), {kind}, any N")
    print(f"output probabilities, logits: (N, {len(net.classes)}): {', '.join(net.classes)}")
    print("checked with onnxruntime, a face alone and in a batch: as torch to 1e-5")
    return 0
