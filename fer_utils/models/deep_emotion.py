"""Deep-Emotion: a small network that first crops the face with a spatial transformer.

Source: minaee2019, Fig. 3. The paper gives no filter counts; they are those of the authors'
public PyTorch port (66,877 parameters for 7 classes). Two faults of that port are put right:
its dropout stays active at evaluation, and its loss lacks the paper's L2 term (see `train`).
"""

from torch import nn

from fer_utils.models.layers import SpatialTransformer

FILTERS = 10
SIDE = 48
GAUSSIAN_STD = 0.05


def deep_emotion(channels: int = 1, num_classes: int = 7, size: int = SIDE) -> nn.Sequential:
    """Build the trunk: channels (N, channels, 48, 48) to logits (N, num_classes); no other size.

    Weights start as a Gaussian with standard deviation 0.05 (minaee2019, section IV-B).
    """
    trunk, transformer = nn.Sequential(), SpatialTransformer(channels)
    trunk.add_module("transformer", transformer)
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
    # 48 -> 46 -> 44 -> 22 -> 20 -> 18 -> 9: without padding a 3x3 convolution takes 2 pixels
    head = (nn.Dropout(0.5), nn.Flatten(), nn.Linear(FILTERS * 9 * 9, 50), nn.ReLU())
    trunk.add_module("head", nn.Sequential(*head, nn.Linear(50, num_classes)))
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight, std=GAUSSIAN_STD)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    transformer.start_at_identity()
    return trunk
