"""3x3 convolutions with fewer products than numbers times taps.

A row of m numbers convolved with t taps is the product of two polynomials, which m + t - 1 values
of both determine: so many products in place of m * t (Toom and Cook; Winograd, "Arithmetic
complexity of computations", 1980; for networks Lavin and Gray, "Fast algorithms for convolutional
neural networks", CVPR 2016). Of 3 numbers and 3 taps 5 in place of 9, and of 3x3 numbers 25 in
place of 81; each is a product of two matrices over the channels. A box is cut into such pieces,
whose results overlap and are added, so the zeros around a box take no products at all.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TypeAlias, TypeGuard

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils.saliency._engines.delta.ops import Margins

KERNEL, LONGEST = 3, 3  # taps of a row; numbers of a piece, at most

# Where polynomials are evaluated, besides at infinity. With these the error is hardly that of the
# plain convolution: 1, -1/2 and -2 are one orbit of the maps that permute 0, -1 and infinity. With
# the usual -1 and 2 (or 1/2) it is three times as large.
POINTS = (0.0, 1.0, -0.5, -2.0)

# Outputs of a side that are computed at a time: more do not stay in the cache. Boxes are computed
# together until they have so many floats, which a core's cache holds, and until so many products
# are made each time that a matrix of weights is read.
SIDE = 36
CACHED, ROWS = 2**17, 48

# The channels from which on that takes less time, by stride (with 2 fewer products are spared); and
# the share of a plain convolution's time that it then takes, at most.
FEWEST = {1: 32, 2: 48}
SHARE = {1: 0.6, 2: 0.85}

Sparse: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]


def suits(layer: nn.Module | None) -> TypeGuard[nn.Conv2d]:
    """Return whether a layer is a convolution that takes less time in this way."""
    return (
        isinstance(layer, nn.Conv2d)
        and layer.kernel_size == (KERNEL, KERNEL)
        and layer.stride[0] == layer.stride[1] in FEWEST
        and layer.dilation == (1, 1)
        and layer.groups == 1
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
        and min(layer.in_channels, layer.out_channels) >= FEWEST[layer.stride[0]]
        and layer.in_channels % 8 == layer.out_channels % 8 == 0  # whole vectors
    )


@dataclass(frozen=True)
class Line:
    """How a row of numbers is convolved: sums @ ((values @ numbers) * (taps_of(s) @ taps)[kind]).

    Attributes:
        start: the first number that is read.
        length: how many are.
        first: the first output.
        outputs: how many there are.
        values: (products, length), of the polynomials that the pieces of the row are.
        kinds: where those of each kind begin, and products sorted by kind.
        sums: (outputs, products).
    """

    start: int
    length: int
    first: int
    outputs: int
    values: Sparse
    kinds: tuple[np.ndarray, np.ndarray]
    sums: Sparse

    @property
    def products(self) -> int:
        """Their number."""
        return len(self.values[0]) - 1


@lru_cache(maxsize=512)
def lines(length: int, before: int, after: int, stride: int) -> list[Line]:
    """Find out how to convolve a row.

    Args:
        length: numbers of the row.
        before: zeros in front of it (numbers that are left out, where negative).
        after: zeros behind it, likewise.
        stride: 1 or 2.
    """
    found = []
    outputs = np.arange((length + before + after - KERNEL) // stride + 1)
    for part in np.array_split(outputs, -(-len(outputs) // SIDE)):
        first = int(part[0])
        begin, end = first * stride - before, int(part[-1]) * stride - before + KERNEL
        start = max(0, begin)
        read = min(length, end) - start
        matrices = _matrices(read, start - begin, len(part), stride)
        values, kinds, sums = matrices
        order, counts = np.argsort(kinds, kind="stable"), np.bincount(kinds, minlength=8)
        by_kind = (np.concatenate(([0], counts.cumsum())), order)
        found.append(Line(start, read, first, len(part), sparse(values), by_kind, sparse(sums)))
    return found


def phases(stride: int) -> list[tuple[int, int]]:
    """Return (taps, longest piece) of each phase.

    With stride 2 the numbers at even places meet the even taps only, those at odd places the odd
    ones: two convolutions of stride 1, whose results are added.
    """
    taps = [len(range(phase, KERNEL, stride)) for phase in range(stride)]
    return [(count, LONGEST if count > 1 else 1) for count in taps]


def evaluated(coefficients: int, points: int) -> np.ndarray:
    """Return the matrix from a polynomial's coefficients to its values at so many points."""
    powers = np.vander(POINTS[: points - 1], coefficients, increasing=True)
    return np.vstack((powers, np.eye(coefficients)[-1:]))  # at infinity: the leading coefficient


def taps_of(stride: int) -> np.ndarray:
    """Return the matrix from the taps to all values of them that are needed, (kinds, KERNEL)."""
    rows = []
    for phase, (taps, longest) in enumerate(phases(stride)):
        rows.append(np.zeros((longest + taps - 1, KERNEL)))
        # what networks call a convolution meets the last tap first
        rows[-1][:, phase::stride] = evaluated(taps, len(rows[-1]))[:, ::-1]
    return np.vstack(rows)


def _matrices(
    length: int, before: int, outputs: int, stride: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return `Line`'s values, the kind of each product, and sums, as full matrices."""
    values, kinds, sums, first = [], [], [], 0
    for phase, (taps, longest) in enumerate(phases(stride)):
        # number i is the e-th of its phase, and belongs to the outputs from e - taps + 1 to e
        places = {e: stride * e + phase - before for e in range(outputs + taps - 1)}
        used = [e for e, i in places.items() if 0 <= i < length]
        for piece in np.array_split(used, -(-len(used) // longest)) if used else ():
            count = len(piece) + taps - 1
            values.append(np.zeros((count, length)))
            values[-1][:, [places[e] for e in piece]] = evaluated(len(piece), count)
            every = np.zeros((outputs + 2 * KERNEL, count))  # also outputs that are not wanted
            begin = KERNEL + int(piece[0]) - taps + 1
            every[begin : begin + count] = np.linalg.inv(evaluated(count, count))
            sums.append(every[KERNEL : KERNEL + outputs])
            kinds += [*range(first, first + count - 1), first + longest + taps - 2]
        first += longest + taps - 1
    return np.vstack(values), np.array(kinds), np.hstack(sums)


def sparse(matrix: np.ndarray) -> Sparse:
    """Return where each row begins, and columns and factors (float32) of what is not zero."""
    rows, columns = np.nonzero(np.abs(matrix) > 1e-12)
    begins = np.searchsorted(rows, np.arange(len(matrix) + 1))
    # (columns are a view with gaps)
    return begins, columns.copy(), matrix[rows, columns].astype(np.float32)


class Winograd(nn.Module):
    """Stands for a convolution that `suits`, on whole maps and on boxes.

    Args:
        conv: on the CPU, in float32; its weights as they are now.
    """

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        # numba, a second or two: only who has a net for it waits
        from fer_utils.saliency._engines.delta.loops import convolve

        self.stride = conv.stride[0]
        down, right = (int(side) for side in conv.padding)
        self.padding = (right, right, down, down)
        self.bias = None if conv.bias is None else conv.bias.detach().view(-1, 1, 1)
        taps, weight = taps_of(self.stride), conv.weight.detach().double().numpy()
        values = np.einsum("ay,bx,oiyx->abio", taps, taps, weight)
        self.weights = np.ascontiguousarray(values, np.float32)
        self._convolve = convolve

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve whole maps (n, C, H, W)."""
        result = self.boxes(maps, self.padding)
        return result if self.bias is None else result.add_(self.bias)

    def boxes(self, box: Tensor, margins: Margins) -> Tensor:
        """Convolve boxes (n, C, height, width) with zeros around them; the bias is left out.

        Args:
            box: the boxes.
            margins: of zeros (cut, where they are negative).
        """
        box = box.contiguous(memory_format=torch.channels_last)
        left, right, top, bottom = margins
        down = lines(box.shape[2], top, bottom, self.stride)
        across = lines(box.shape[3], left, right, self.stride)
        high, wide = (pieces[-1].first + pieces[-1].outputs for pieces in (down, across))
        shape = (len(box), len(self.weights[0, 0, 0]), high, wide)
        result = torch.empty(shape, memory_format=torch.channels_last)
        for rows, columns in product(down, across):
            self._convolve(box, result, rows, columns, self.weights)
        return result
