"""What a net says of the faces in a frame, all in one batch and as fast as this machine allows."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from fer_utils.data import _cache
from fer_utils.data._face_crop import cut
from fer_utils.detect.boxes import MARGIN, Box, square
from fer_utils.errors import FerError
from fer_utils.files import make_folder, write
from fer_utils.models.answers import as_pictures, ask, device_of, evaluating, named_classes
from fer_utils.models.export import OPSET, exported, session
from fer_utils.models.facenet import FaceNet

SIDE = 48  # of the faces shown to a net that takes any size


class Answers:
    """Asks a net for the probabilities of faces.

    With the extra `onnx`, a net of the kit on the CPU is asked through onnxruntime: the same
    answers to 1e-5, several times as fast for the few faces of a frame. The exported file is kept
    in the cache folder. Other nets, and those on a GPU, are asked through torch.

    Attributes:
        classes: names of the net's outputs.
        engine: "onnxruntime" or "torch".
        side: of the faces that it is shown, in pixels.
        channels: 1 where it looks at grey, else 3.
    """

    def __init__(self, net: nn.Module, engine: str | None = None):
        """Prepare to ask.

        Args:
            net: of the kit, or any with names of its classes.
            engine: "torch" asks through torch in any case.
        """
        self.net, self.classes = net, named_classes(net)
        self.side = getattr(net, "input_size", None) or SIDE
        self.channels = getattr(net, "color_channels", 1)
        self._session = None if engine == "torch" else _kept(net)
        self.engine = "torch" if self._session is None else "onnxruntime"

    def __call__(self, faces: np.ndarray) -> np.ndarray:
        """Return probabilities (N, K) of faces, uint8 (N, C, side, side)."""
        if not len(faces):
            return np.zeros((0, len(self.classes)), np.float32)
        if self._session is not None:
            given = {"faces": faces.astype(np.float32) / 255}
            return self._session.run(["probabilities"], given)[0]
        with evaluating(self.net), torch.inference_mode():
            pictures = as_pictures(torch.tensor(faces).to(device_of(self.net)))
            return ask(self.net, pictures).softmax(1).cpu().numpy()

    def cut(self, picture: np.ndarray, boxes: Sequence[Box], margin: float = MARGIN) -> np.ndarray:
        """Return the squares around boxes in uint8 RGB (H, W, 3), as the net takes them.

        Args:
            picture: the frame.
            boxes: in it.
            margin: side of a square by the longer side of its box.

        Returns:
            uint8 (N, C, side, side).
        """
        import cv2

        faces = np.empty((len(boxes), self.channels, self.side, self.side), np.uint8)
        for place, box in enumerate(boxes):
            left, top, side = square(box, picture.shape[:2], margin)
            part = picture[top : top + side, left : left + side]
            if self.channels == 1:
                part = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
            face = cut(part, (0, 0, side), self.side)
            faces[place] = face if face.ndim == 2 else face.transpose(2, 0, 1)
        return faces


def _kept(net: nn.Module) -> Any:
    """Return what asks a net through onnxruntime, exported before or now; None where it cannot."""
    if not isinstance(net, FaceNet) or net.config is None or device_of(net).type != "cpu":
        return None
    file = _cache.folder() / "onnx" / f"{_digest(net)}.onnx"
    try:
        if not file.is_file():
            content = exported(net)
            make_folder(file.parent)
            write(file, content)
        return session(file)
    except FerError:  # the extra is not there, or the cache cannot be written
        return None


def _digest(net: FaceNet) -> str:
    """Return what stands for a net's weights, and for what exports them."""
    from fer_utils import __version__

    about = json.dumps([net.config, __version__, torch.__version__, OPSET])
    digest = hashlib.sha256(about.encode())
    for name, tensor in net.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]
