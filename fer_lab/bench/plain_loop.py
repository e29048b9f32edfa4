"""The peer of `bench training`: a training as people write it."""

import math
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, RandomSampler

from fer_lab.bench.shared import UNTIMED, timed
from fer_utils import _torchvision
from fer_utils.data.faceset import FaceSet
from fer_utils.train.augment import Augmentation
from fer_utils.train.optim import penalized_weights
from fer_utils.train.recipes import Recipe


class PlainLoop:
    """The loop of PyTorch's own tutorial, "Training a classifier": nothing to make it fast.

    One picture after the other goes through torchvision's transforms in worker processes; the
    net is the same, and so are batch, loss, optimiser and augmentation.
    """

    def __init__(
        self, net: nn.Module, recipe: Recipe, faces: FaceSet, device: torch.device, workers: int
    ):
        self.net, self.device = net.to(device).train(), device
        self.workers, self.batch = workers, recipe.batch
        self.faces = Pictures(faces, transforms(recipe.augmentation))
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=recipe.learning_rate)
        self.l2 = recipe.l2
        self.penalized = penalized_weights(self.net, recipe.l2_on) if recipe.l2 else []

    def __call__(self, steps: int) -> float:
        """Do so many steps, and return how many seconds they took."""
        sampler = RandomSampler(self.faces, num_samples=(UNTIMED + steps) * self.batch)
        loader = iter(
            DataLoader(
                self.faces,
                self.batch,
                sampler=sampler,
                num_workers=self.workers,
                pin_memory=self.device.type == "cuda",
            )
        )
        self.learn(loader, UNTIMED)
        return timed(lambda: self.learn(loader, steps), self.device)[0]

    def learn(self, loader: Iterator, steps: int) -> float:
        """Change the weights by the next batches, and return the running loss."""
        running_loss = 0.0
        for _ in range(steps):
            pictures, labels = (part.to(self.device) for part in next(loader))
            self.optimizer.zero_grad()
            loss = F.cross_entropy(self.net(pictures), labels)
            loss = loss + self.l2 * sum(weight.square().sum() for weight in self.penalized)
            loss.backward()
            self.optimizer.step()
            running_loss += loss.item()
        return running_loss


class Pictures(Dataset):
    """Faces one by one, as torchvision's data sets give them."""

    def __init__(self, faces: FaceSet, transform: Callable[[Image.Image], torch.Tensor]):
        self.images, self.labels = faces.images[:, 0], faces.labels
        self.transform = transform

    def __len__(self) -> int:
        """Return N."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        """Return a picture, changed at random, and its label."""
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def transforms(how: Augmentation) -> Callable[[Image.Image], torch.Tensor]:
    """Return torchvision's transforms for the geometric changes of a recipe."""
    _torchvision.load()
    from torchvision.transforms import v2

    shear = math.degrees(math.atan(how.skew))
    steps = [
        v2.RandomAffine(
            how.rotation,
            translate=(how.shift, how.shift),
            scale=(1 - how.zoom, 1 + how.zoom),
            shear=(-shear, shear, -shear, shear) if shear else None,
            interpolation=v2.InterpolationMode.BILINEAR,
        )
    ]
    steps += [v2.RandomHorizontalFlip()] if how.flip else []
    return v2.Compose([*steps, v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
