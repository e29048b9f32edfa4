"""A trained net as one ONNX file, which runs without torch and without this kit.

The file holds what `FaceNet` holds: preparation (grey, derivatives, scaling, and where asked for
0..255 and resizing) and network, so that whoever runs it brings nothing but faces. alessi2019's
networks ran on phones; this is the form in which phones, browsers and other languages take one.

    input   faces          (N, channels, size, size), any N: float32 in [0, 1], or uint8
    output  probabilities  (N, K), and logits (N, K)

What the outputs mean stands in the file's metadata, see `METADATA`. Opset 18. `cv2.dnn` of OpenCV
4.14 reads all nets of the kit but those with a spatial transformer (`deep_emotion`, `stl=True`:
it has no GridSample), and neither uint8 nor a `size` that is not the net's own (no antialiased
Resize). There is no option for int8: dynamic quantisation takes its scale from all faces of a
batch, so that a face's scores would depend on its neighbours.
"""

import copy
import json
import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils._arguments import check_path, check_truth, integer, shown
from fer_utils.errors import FerError
from fer_utils.files import check_writable, write
from fer_utils.models.answers import ask, check_net, first_line
from fer_utils.models.facenet import LARGEST_INPUT, SMALLEST_PICTURE, FaceNet, facenet

if TYPE_CHECKING:
    import onnxruntime

OPSET = 18
#: How far the file's answers may be from torch's: probabilities, and logits by their largest.
TOLERANCE = 1e-5
#: Keys of the file's metadata; all values are text.
METADATA = {
    "name": "of the network",
    "classes": "names of the outputs in their order, as JSON",
    "size": "side of the faces in pixels",
    "channels": "1: grey; 3: red, green, blue",
    "range": "of the pixels: 0..1 (float32) or 0..255 (uint8)",
    "preparation": "what the file itself does before the network",
    "made by": "this kit and its version",
}


class _Answer(nn.Module):
    """What is written down: faces to probabilities and logits."""

    def __init__(self, net: FaceNet):
        super().__init__()
        self.net = net

    def forward(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        if not faces.is_floating_point():
            faces = faces.float() / 255
        logits = self.net(faces)
        return logits.softmax(1), logits


def export(
    net: nn.Module,
    path: str | Path,
    *,
    size: int | None = None,
    color: bool | None = None,
    uint8: bool = False,
) -> Path:
    """Write a net as ONNX, in one step, after its answers were compared with torch's.

    Args:
        net: of the kit; one of your own through `models.wrap`.
        path: NAME.onnx; one that is there is replaced.
        size: side of the faces that the file takes; None: the net's own, and nothing is resized.
        color: whether it takes red, green and blue; None: as the net looks at them.
        uint8: whether it takes 0..255 instead of float32 in [0, 1].

    Returns:
        the path.

    Raises:
        FerError: the extra `onnx` is not installed, the file cannot be written, or the net cannot
            be said in ONNX or answers otherwise there; the message says which.
    """
    path = check_path("path", path)
    if path.suffix != ".onnx":
        raise FerError(f"path={shown(str(path))}: give the name of a file that ends in .onnx.")
    check_writable(path)
    return write(path, exported(net, size=size, color=color, uint8=uint8))


def exported(
    net: nn.Module, *, size: int | None = None, color: bool | None = None, uint8: bool = False
) -> bytes:
    """Return what `export` writes."""
    check_net(net)
    known = facenet(net)
    check_truth("uint8", uint8)
    if color is not None:
        check_truth("color", color)
    if size is None and known.input_size is None:
        raise FerError(f"{known.name} takes pictures of any size: say which the file is to take.")
    side = integer(
        "size", known.input_size if size is None else size, SMALLEST_PICTURE, LARGEST_INPUT
    )
    _check_extra()
    channels = {None: known.color_channels, False: 1, True: 3}[color]
    # a copy: the net keeps its device, precision and mode
    answer = _Answer(copy.deepcopy(known).cpu().float()).eval()
    faces = _trial_faces((3, channels, side, side), uint8)
    with torch.no_grad():
        ask(answer.net, faces.float() / 255 if uint8 else faces)  # what is no net is said here
    content = _written(answer, faces, _about(known, side, channels, uint8))
    _compare(answer, content, faces)
    return content


def session(
    content: bytes | str | Path, threads: int | None = None
) -> "onnxruntime.InferenceSession":
    """Return what asks an exported net on the CPU.

    Args:
        content: of the file, or its path.
        threads: that it uses; None takes torch's number.

    Raises:
        FerError: the extra `onnx` is not installed.
    """
    onnxruntime = _check_extra()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads() if threads is None else threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what fails is raised as well
    given = content if isinstance(content, bytes) else str(content)
    return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])


def _check_extra() -> Any:
    try:
        import onnx  # noqa: F401  # used by torch's exporter
        import onnxruntime
        import onnxscript  # noqa: F401  # likewise
    except ImportError as error:
        raise FerError(
            f"for ONNX the extra is missing ({error.name}): pip install -c constraints.txt -e "
            '".[onnx]".'
        ) from None
    return onnxruntime


def _about(net: FaceNet, side: int, channels: int, uint8: bool) -> dict[str, str]:
    from fer_utils import __version__

    steps = ["divided by 255"] if uint8 else []
    if channels == 3 and net.color_channels == 1:
        steps.append("grey by ITU-R 601 luma")
    if side != net.input_size and net.input_size is not None:
        steps.append(f"resized to {net.input_size} x {net.input_size} (bilinear, antialiased)")
    steps += [f"channels {net.inputs}", "scaled as the weights expect it"]
    values = (
        *(net.name, json.dumps(net.classes), str(side), str(channels)),
        *("0..255" if uint8 else "0..1", ", ".join(steps), f"fer_utils {__version__}"),
    )
    return dict(zip(METADATA, values, strict=True))


def _trial_faces(shape: tuple[int, int, int, int], uint8: bool) -> Tensor:
    """Return pictures as the file takes them: noise, little contrast, an edge."""
    generator = torch.Generator().manual_seed(0)
    faces = torch.rand(shape, generator=generator)
    faces[1] = 0.4 + 0.2 * faces[1]
    faces[2, :, : shape[2] // 2] = 0
    return (faces * 255).round().byte() if uint8 else faces


def _written(answer: _Answer, faces: Tensor, about: dict[str, str]) -> bytes:
    """Return a net in ONNX, its weights inside."""
    with _quiet():
        try:
            program = torch.onnx.export(
                answer,
                (faces,),
                dynamo=True,
                opset_version=OPSET,
                input_names=["faces"],
                output_names=["probabilities", "logits"],
                dynamic_shapes={"faces": {0: torch.export.Dim("batch")}},
                external_data=False,
                verbose=False,
            )
        except Exception as error:  # of the net's own code, and of every operator there is
            reason = error.__cause__ if isinstance(error.__cause__, Exception) else error
            raise FerError(
                f"{answer.net.name} cannot be said in ONNX for any number of faces "
                f"({first_line(reason)})."
            ) from error
        if program is None:
            raise FerError(f"{answer.net.name} cannot be said in ONNX.")
        model = program.model_proto
    for key, value in about.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    return model.SerializeToString()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what torch's exporter says of torch's own parts."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _compare(answer: _Answer, content: bytes, faces: Tensor) -> None:
    """Raise a FerError unless a file answers as the net does, to all faces and to each alone."""
    with torch.no_grad():
        wanted = [tensor.numpy() for tensor in answer(faces)]
    try:
        asked = session(content)
        together = asked.run(None, {"faces": faces.numpy()})
        alone = [asked.run(None, {"faces": face[None].numpy()}) for face in faces]
    except Exception as error:  # onnxruntime's own kinds, which have no common name
        raise FerError(
            f"{answer.net.name} cannot be run by onnxruntime for any number of faces "
            f"({first_line(error)}): nothing was written."
        ) from error
    for given in (together, [np.concatenate(parts) for parts in zip(*alone, strict=True)]):
        worst = _difference(given, wanted)
        if not worst <= TOLERANCE:  # NaN fails every comparison
            raise FerError(
                f"{answer.net.name} answers otherwise in ONNX than in torch (by {worst:.1e} where "
                f"{TOLERANCE:.0e} is allowed): nothing was written."
            )


def _difference(given: Iterable[np.ndarray], wanted: Iterable[np.ndarray]) -> float:
    """Return how far answers are apart, large logits by their own size."""
    pairs = zip(given, wanted, strict=True)
    return max(float(np.abs(a - b).max() / max(1.0, np.abs(b).max())) for a, b in pairs)
