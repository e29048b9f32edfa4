"""Engine `fused`: maps by loops compiled for this processor, one window at a time.

It takes mini-Xception and its kin, nets like Deep-Emotion that crop the face with a spatial
transformer first (see `transformer`), and plain ones of few filters, like LIGHTVGG (see `plain`).

A window changes a small box of every feature map. Here only those boxes are computed again
(see `plan` for why that is exact, and for prior art), and all layers of one window are computed
before the next window begins, so that everything stays in the processor's cache. The loops are
compiled by numba (see `kernels`); no compiler needs to be installed. The plan is read from the
net: any widths, any number of modules, any size of picture.
"""

from typing import TYPE_CHECKING

from torch import nn

from fer_utils.models.facenet import FaceNet
from fer_utils.saliency._engines import Unsupported
from fer_utils.saliency._engines.fused import plain, transformer
from fer_utils.saliency._engines.fused.structure import (
    Structure,
    check,
    check_weights,
    crops,
    is_xception,
    read,
)
from fer_utils.saliency._engines.kept import kept

if TYPE_CHECKING:
    from fer_utils.saliency._engines.fused.run import WindowByWindow

__all__ = ["prepare"]


def prepare(net: nn.Module, shape: tuple[int, int, int]) -> "WindowByWindow":
    """Return what computes maps of a net; the same again while the net has not changed.

    Args:
        net: used as in evaluation mode, and not changed.
        shape: (C, H, W) of the picture.

    Raises:
        Unsupported: the net is of no family that it takes, or the picture has another size than
            the net's input; the message says which.
    """
    face_net = check(net, shape)
    made = kept(net)
    if made is None:
        raise Unsupported("hooks are attached to the net, or it may change unseen in another way")
    if "fused" not in made:
        parts = _read(face_net)
        check_weights(face_net)
        # numba, a second or two: only who has a net for it waits
        from fer_utils.saliency._engines.fused.nets import NETS

        made["fused"] = NETS[type(parts)](parts)
    return made["fused"]


def _read(net: FaceNet) -> Structure | transformer.Warping | plain.Plain:
    if is_xception(net):
        return read(net)
    return transformer.read(net) if crops(net) else plain.read(net)
