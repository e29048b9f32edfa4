"""Fixed derivatives, learned filters, or neither? mini-Xception on facs3d, three seeds each.

    python -m fer_lab.experiments.first_layers
        all runs that are missing, then table and figure
    python -m fer_lab.experiments.first_layers --seeds 1
        a part of the runs: several programs can share them

Once all runs are there, figures/first_layers.csv and .png are written. What is compared is said in
`ARMS`; notebook 02 reads the table.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from fer_lab.experiment import Experiment, Fit, accuracy_dots, parts, scored, table
from fer_utils import models, train
from fer_utils.emotions import FER7
from fer_utils.evaluate import evaluate
from fer_utils.inputs import LAPLACIAN, SOBEL_X, SOBEL_Y
from fer_utils.models.facenet import FaceNet
from fer_utils.models.fusion import join
from fer_utils.models.layers import GlobalAveragePool, start_like_keras
from fer_utils.models.mini_xception import (
    MODULE_FILTERS,
    STEM_FILTERS,
    ResidualModule,
    stem_layer,
)

SEEDS = (0, 1, 2)
SIDE = 48
# A tenth of the usual epochs, so smaller batches for more steps, and too few to average weights.
RECIPE = replace(train.recipe("one_cycle"), epochs=6, batch=64, average=0.0)
# Twice as fast where the processor has it; it rounds less than the pictures' 256 grey levels do.
PRECISION = "bfloat16"

FIXED = {
    "gray": np.zeros((0, 3, 3), np.float32),
    "gray+sobel": np.stack([SOBEL_X, SOBEL_Y]),
    "gray+laplacian": LAPLACIAN[None],
}

# Of the modules of two parallel streams, so that together they have the parameters of one net.
HALF = 0.665


@dataclass(frozen=True)
class Arm:
    """One way to show a face to the network.

    Attributes:
        name: in the table and the figure.
        inputs: an entry of `FIXED`.
        first: "fixed" filters, or learned ones of the same shape that start at "random" numbers
            or at the "fixed" ones' ("started").
        fusion: "concat" or "parallel".
        width: of the four residual modules, 1 being the paper's.
    """

    name: str
    inputs: str = "gray"
    first: str = "fixed"
    fusion: str = "concat"
    width: float = 1.0


ARMS = (
    Arm("gray"),
    Arm("Sobel", "gray+sobel"),
    Arm("2 learned, random start", "gray+sobel", "random"),
    Arm("2 learned, start at Sobel", "gray+sobel", "started"),
    Arm("Laplacian", "gray+laplacian"),
    Arm("1 learned, random start", "gray+laplacian", "random"),
    Arm("Sobel, parallel", "gray+sobel", fusion="parallel", width=HALF),
    Arm("Laplacian, parallel", "gray+laplacian", fusion="parallel", width=HALF),
)


class LearnedChannels(nn.Module):
    """In the place of `inputs.Channels`: the picture, and 3x3 filters of it that are learned.

    Border and order are those of the fixed filters: with Sobel's weights this gives Sobel's
    channels. A random start has the length (root of the sum of squares) of the fixed filter, so
    that only the direction is left to chance.
    """

    def __init__(self, start: np.ndarray, *, random: bool):
        super().__init__()
        self.count = 1 + len(start)
        self.filters = nn.Conv2d(1, len(start), 3, padding=1, padding_mode="reflect", bias=False)
        kernels = torch.from_numpy(start)[:, None]
        if random:
            length = torch.linalg.vector_norm(kernels, dim=(1, 2, 3), keepdim=True)
            kernels = torch.randn_like(kernels)
            kernels *= length / torch.linalg.vector_norm(kernels, dim=(1, 2, 3), keepdim=True)
        with torch.no_grad():
            self.filters.weight.copy_(kernels)

    def forward(self, gray: Tensor) -> Tensor:
        """Return picture and filtered pictures, (N, 1 + filters, H, W)."""
        with torch.autocast(gray.device.type, enabled=False):  # as exact as the fixed filters
            return torch.cat([gray, self.filters(gray)], 1)


def mini_xception_of_width(channels: int, num_classes: int, width: float) -> nn.Sequential:
    """Build mini-Xception with `width` times the filters in its modules; the stem keeps its 8."""
    widths = (STEM_FILTERS, *(round(width * n) for n in MODULE_FILTERS))
    modules = [ResidualModule(a, b) for a, b in zip(widths, widths[1:], strict=False)]
    backbone = nn.Sequential()
    backbone.add_module("stem", nn.Sequential(stem_layer(channels), stem_layer(STEM_FILTERS)))
    backbone.add_module("blocks", nn.Sequential(*modules))
    backbone.add_module("head", nn.Conv2d(widths[-1], num_classes, 3, padding=1))
    backbone.add_module("pool", GlobalAveragePool())
    start_like_keras(backbone)
    return backbone


def build(arm: Arm, classes: tuple[str, ...] = FER7, seed: int = 0) -> FaceNet:
    """Return the arm's untrained net; arms of one shape start from the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone = join(
            lambda channels: mini_xception_of_width(channels, len(classes), arm.width),
            arm.inputs,
            1,
            arm.fusion,
            stl=False,
        )
        net = FaceNet("mini_xception", backbone, classes, arm.inputs, SIDE)
        if arm.first != "fixed":
            random = arm.first == "random"
            net.add_module("channels", LearnedChannels(FIXED[arm.inputs], random=random))
    return net


def run(arm: Arm, seed: int, fit: Fit) -> dict:
    """Train and score one net."""
    faces = parts("facs3d")
    net = build(arm, faces["train"].classes, seed)
    start = kernels(net)
    history = fit(net, faces, RECIPE, device="cpu", precision=PRECISION)
    return {
        **scored(history, evaluate(net, faces["test"])),
        "parameters": models.count(net),
        "valid_accuracy": history.best["valid_accuracy"],
        "kernels_start": start,
        "kernels": kernels(net),
    }


def kernels(net: FaceNet) -> list[float]:
    """Return the numbers of the learned filters, none where they are fixed."""
    channels: nn.Module = net.channels
    if not isinstance(channels, LearnedChannels):
        return []
    return channels.filters.weight.flatten().tolist()


def settings(arm: Arm) -> list:
    """Return what decides an arm's numbers: runs of other settings are not reused."""
    return [arm, RECIPE, PRECISION, SIDE]


def table_of(rows: list[dict]) -> str:
    """Return all runs as CSV; its first lines say what they are and how to make them again."""
    return table(
        [
            f"mini_xception, {SIDE} x {SIDE}, facs3d, {len(SEEDS)} seeds per arm; recipe "
            f"one_cycle, but {RECIPE.epochs} epochs, batch {RECIPE.batch}, no average of weights; "
            f"{PRECISION}",
            f"correct: of the n = {rows[0]['n']} faces of the test split, at the best validation "
            "epoch",
            "kernels: learned 3x3 filters, row by row, as they started and as they ended",
            f"made by: {EXPERIMENT.command}",
        ],
        ["arm", "seed", "parameters", "correct", "n", "valid_accuracy", "kernels_start", "kernels"],
        rows,
    )


def figure_of(rows: list[dict]) -> Figure:
    """Draw every run as a dot, with the size of the network."""
    sizes = {row["arm"]: f"{row['parameters']:,}" for row in rows}
    return accuracy_dots(rows, notes=sizes, notes_label="parameters", xlabel="test accuracy, %")


EXPERIMENT = Experiment("first_layers", ARMS, SEEDS, settings, run, table_of, figure_of)

if __name__ == "__main__":
    raise SystemExit(EXPERIMENT.main(__doc__.splitlines()[0]))
