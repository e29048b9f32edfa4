"""One part of the windows on its way through the net: in boxes first, then on whole maps."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from fer_utils.saliency._engines.delta.geometry import Box, Part
from fer_utils.saliency._engines.delta.maps import Recorder
from fer_utils.saliency._engines.delta.ops import Margins
from fer_utils.saliency._engines.delta.route import Route


@dataclass
class Patch:
    """What stands in the boxes of one map.

    Attributes:
        pixels: (boxes, C, height, width), channels last.
        box: where the boxes lie.
        difference: it is the difference to the clean map; otherwise the value itself.
        spilt: outside the map there is something other than the map's margin.
    """

    pixels: Tensor
    box: Box
    difference: bool = True
    spilt: bool = False

    def view(self) -> Tensor:
        """Return the pixels as (rows, columns, height, width, C), sharing memory."""
        rows, columns = self.box.counts
        return self.pixels.permute(0, 2, 3, 1).unflatten(0, (rows, columns))


class Boxes:
    """The boxes of one part in all maps; each is dropped after its last use.

    Args:
        route: how the windows go through the net.
        part: which windows.
        recorder: what the net makes of the clean picture.
    """

    def __init__(self, route: Route, part: Part, recorder: Recorder):
        self.geometry, self.part, self.inside = route.geometry, part, route.inside
        self.clean, self.factors = recorder.maps, recorder.factors
        self.left = dict(route.uses)
        self.patches: dict[fx.Node, Patch] = {}

    def enter(self, changed: Tensor) -> None:
        """Put in what the windows change of the net's input, as whole maps (n, C, H, W)."""
        entry = self.geometry.entry
        box = self.part.box(entry)
        height, width = changed.shape[-2:]
        down, right, rows, columns = box.inside((height, width), changed.device)
        pixels = changed.unflatten(0, box.counts)[down, right, :, rows, columns]
        if box.outside((height, width)):
            pixels *= self.inside[entry].read(box)
        self.patches[entry] = Patch(pixels.flatten(0, 1).permute(0, 3, 1, 2), box)

    def run(self) -> None:
        """Compute all maps that are computed in boxes."""
        for node, op in self.geometry.ops.items():
            box = self.part.box(node)
            if op.linear:
                self.patches[node] = self._linear(node, box)
                continue
            (source,) = op.sources
            value = self._value(source, self.part.region(node, op))
            spilt = value.spilt or op.spatial
            self.patches[node] = Patch(op.apply(value.pixels), box, False, spilt)

    def whole(self, node: fx.Node) -> Tensor:
        """Return the whole maps (n, C, H, W): what is in the boxes, the clean map elsewhere."""
        patch = self._take(node)
        box, clean = patch.box, self.clean[node].whole[0].permute(1, 2, 0)
        height, width = clean.shape[:2]
        *index, beside = box.within((height, width), clean.device)
        changed = patch.view()[tuple(index)]
        if patch.difference:
            changed += clean
        torch.where(beside[..., None], clean, changed, out=changed)
        return changed.flatten(0, 1).permute(0, 3, 1, 2)

    def _linear(self, node: fx.Node, box: Box) -> Patch:
        # f(covered) - f(clean) = f(covered - clean): what was zero outside the box stays zero, so
        # margins of zeros stand for the rest of the map, and no clean value is read.
        op = self.geometry.ops[node]
        needed = self.part.region(node, op)
        patches = [self._difference(source, op.spatial) for source in op.sources]
        margins = [needed.margins(patch.box) for patch in patches]
        pixels = op.apply(*(patch.pixels for patch in patches), *margins)
        result = Patch(pixels, box, True, op.spatial or any(patch.spilt for patch in patches))
        if node in self.factors:
            result.view().mul_(self.factors[node].read(box))
            result.spilt = False
        return result

    def _take(self, node: fx.Node) -> Patch:
        """Return a patch to be read; after its last reader nobody else holds its memory."""
        self.left[node] -= 1
        return self.patches[node] if self.left[node] else self.patches.pop(node)

    def _difference(self, node: fx.Node, wiped: bool) -> Patch:
        """Return the difference to the clean map, turned from values in place if need be.

        Args:
            node: of the map.
            wiped: the reader looks beyond its own place, so outside the map must be zeros.
        """
        patch = self._take(node)
        if not patch.difference:
            # Later readers find the difference too. Values outside the map minus the margin are
            # no difference to anything (a ReLU of the margin, a pooling that saw it): wipe them.
            patch.view().sub_(self.clean[node].read(patch.box))
            patch.difference, wiped = True, True
        if wiped and patch.spilt:
            self._wipe(node, patch)
        return patch

    def _wipe(self, node: fx.Node, patch: Patch) -> None:
        """Put zeros where boxes stick out of the map.

        A box has one size wherever it lies, so near the border an operation also computes places
        that do not exist. The net's own padding has zeros there, in every picture alike: the
        difference is 0. What was computed there would leak into the map at the next kernel.
        """
        if patch.box.outside(self.geometry.sizes[node]):
            patch.view().mul_(self.inside[node].read(patch.box))
        patch.spilt = False

    def _value(self, node: fx.Node, box: Box) -> Patch:
        """Return the values in `box`, in memory that may be overwritten."""
        last = self.left[node] == 1
        # Spilt values would be taken for the map's margin (-1e30, which never wins a pooling). The
        # way round by differences puts the margin back: wipe the difference, add the clean map.
        # That is one more reading than was planned, hence the count goes up by one.
        if self.patches[node].spilt and not self.patches[node].difference:
            self.left[node] += 1
            self._difference(node, True)
        patch = self._take(node)
        clean = self.clean[node].read(box)
        # the last reader of just these boxes adds in place; all others get a copy of the clean
        # map in the larger box, with the patch put into its middle
        if last and not any(box.margins(patch.box)):
            if patch.difference:
                patch.view().add_(clean)
            return Patch(patch.pixels, box, False)
        result = Patch(clean.clone().flatten(0, 1).permute(0, 3, 1, 2), box, False)
        inner, outer = _common(box.margins(patch.box), patch.pixels, result.pixels)
        if patch.difference:
            outer += inner
        else:
            outer.copy_(inner)
        return result


def _common(margins: Margins, inner: Tensor, outer: Tensor) -> tuple[Tensor, Tensor]:
    """Return the parts of two sets of boxes that lie in one place."""
    left, right, top, bottom = margins
    return F.pad(inner, [min(0, m) for m in margins]), outer[
        ...,
        max(0, top) : outer.shape[-2] - max(0, bottom),
        max(0, left) : outer.shape[-1] - max(0, right),
    ]
