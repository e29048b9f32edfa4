"""Deep-Emotion: a small network that first crops the face with a spatial transformer.

Source: minaee2019, Fig. 3. The paper gives no filter counts; they are those of the authors'
public PyTorch port (66,877 parameters for 7 classes). Two faults of that port are put right:
its dropout stays active at evaluation, and its loss lacks the paper's L2 term (see `train`).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FILTERS = 10
SIDE = 48
GAUSSIAN_STD = 0.05


class SpatialTransformer(nn.Module):
    """Looks at the picture, chooses an affine crop, and hands on the warped picture.

    Starts at the identity. Source: Jaderberg et al., "Spatial transformer networks" (2015).
    """

    def __init__(self, channels: int):
        super().__init__()
        self.localisation = nn.Sequential(
            nn.Conv2d(channels, 8, 7),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(8, FILTERS, 5),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(640, 32),
            nn.ReLU(),
            nn.Linear(32, 6),
        )

    def start_at_identity(self) -> None:
        """Make the first crop the whole picture."""
        last = self.localisation[-1]
        nn.init.zeros_(last.weight)
        with torch.no_grad():
            last.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]))

    def theta(self, x: Tensor) -> Tensor:
        """Return the affine matrices, (N, 2, 3), in the coordinates of `affine_grid`."""
        return self.localisation(x).view(-1, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Warp (N, C, 48, 48) by its own affine matrix; what lies outside is 0."""
        grid = F.affine_grid(self.theta(x), list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)


def deep_emotion(channels: int = 1, num_classes: int = 7) -> nn.Sequential:
    """Build the trunk: channels (N, channels, 48, 48) to logits (N, num_classes).

    Weights start as a Gaussian with standard deviation 0.05 (minaee2019, section IV-B).
    """
    trunk = nn.Sequential()
    trunk.add_module("transformer", SpatialTransformer(channels))
    trunk.add_module(
        "features",
        nn.Sequential(
            nn.Conv2d(channels, FILTERS, 3),
            nn.ReLU(),
            nn.Conv2d(FILTERS, FILTERS, 3),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(FILTERS, FILTERS, 3),
            nn.ReLU(),
            nn.Conv2d(FILTERS, FILTERS, 3),
            nn.BatchNorm2d(FILTERS),
            nn.MaxPool2d(2),
            nn.ReLU(),
        ),
    )
    head = (nn.Dropout(0.5), nn.Flatten(), nn.Linear(810, 50), nn.ReLU())
    trunk.add_module("head", nn.Sequential(*head, nn.Linear(50, num_classes)))
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight, std=GAUSSIAN_STD)
            nn.init.zeros_(module.bias)
    trunk.transformer.start_at_identity()
    return trunk
