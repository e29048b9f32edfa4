"""What the explorers of the site know: the state of their part in the page, as data for scripts.

The part in the page is the module of `fer_utils/widgets` itself; docs/site/static/mount.js gives it
a model that asks no kernel. State is that of the notebook as it ran; what the page would ask of
Python (the faces of a cell, another face) is asked here, once, and shipped.
"""

import base64
import json
import re
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from nbformat import NotebookNode

from fer_utils import data, models, widgets
from fer_utils.data.faceset import FaceSet
from fer_utils.evaluate import Evaluation, evaluate
from fer_utils.widgets.matrix import faces_data, matrix_data

HERE = Path(widgets.__file__).parent
STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
# Whichever script of a page comes first makes it.
HOME = "var FER = window.FER ?? { modules: {}, explorers: {} };\n"
LIVE = ("pointer", "matrix")  # whose part in the page needs no kernel
NETS = {
    "mini-Xception, drawn faces": "mini_xception_facs3d",
    "Deep-Emotion, drawn faces": "deep_emotion_facs3d",
    "mini-Xception, photographs": "mini_xception_ferplus",
}


def program(name: str) -> str:
    """Return the module fer_utils/widgets/NAME.js as a script, for pages opened from a folder.

    A browser imports no module from a folder; a script it runs.
    """
    text = (HERE / f"{name}.js").read_text(encoding="utf-8")
    body, exported = re.fullmatch(r"(.*)^export default (.*);\n", text, re.S | re.M).groups()  # type: ignore[union-attr]
    return f"{HOME}FER.modules.{name} = (() => {{\n{body}return {exported};\n}})();\n"


def packed(traits: dict) -> dict:
    """Return traits as a notebook stores them: bytes apart, with the path to where they belong."""
    buffers: list[dict] = []

    def kept(value: object, path: list[str]) -> object:
        if isinstance(value, bytes):
            text = base64.b64encode(value).decode("ascii")
            buffers.append({"path": path, "encoding": "base64", "data": text})
            return None
        if isinstance(value, dict):
            found = {key: kept(one, [*path, key]) for key, one in value.items()}
            return {key: one for key, one in found.items() if not isinstance(value[key], bytes)}
        return value

    return {"state": kept(traits, []), "buffers": buffers}


def stored(notebook: NotebookNode, output: NotebookNode) -> tuple[str, dict] | None:
    """Return module and state of the explorer in an output, where it is one of `LIVE`."""
    models_of = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    waiting = [output.data[VIEW]["model_id"]]
    while waiting:
        one = models_of.get(waiting.pop(0), {"state": {}})
        module = one["state"].get("_anywidget_id", "").split(".")[-2:-1]
        if module and module[0] in LIVE:
            state = {k: v for k, v in one["state"].items() if not k.startswith("_") and v != {}}
            state = {k: v for k, v in state.items() if not str(v).startswith("IPY_MODEL_")}
            return module[0], {"state": state, "buffers": one.get("buffers", [])}
        children = one["state"].get("children", [])
        waiting += [child.removeprefix("IPY_MODEL_") for child in children]
    return None


def script(key: str, spec: dict) -> str:
    """Return the script that hands an explorer's data to mount.js; it may stand inside a page."""
    written = json.dumps(spec, ensure_ascii=False).replace("</", "<\\/")
    return f"{HOME}FER.explorers[{json.dumps(key)}] = {written};\n"


@cache
def _answered() -> list[tuple[FaceSet, dict[str, Evaluation]]]:
    """Return what notebook 06 shows as matrices: the net alone, and the taggers beside it."""
    faces = data.load("facs3d", split="test", progress=False)
    net = evaluate(models.pretrained("mini_xception_facs3d"), faces)
    votes = faces.vote_distribution()[:, : len(faces.classes)]  # contempt comes last
    usable = np.flatnonzero(votes.sum(1))
    shares = votes[usable] / votes[usable].sum(1, keepdims=True)
    labels = net.labels[usable]
    people = Evaluation(shares, labels, net.classes)
    beside = Evaluation(net.probabilities[usable], labels, net.classes)
    return [(faces, {"net": net}), (faces.take(usable), {"taggers": people, "net": beside})]


def matrices(model: dict) -> dict | None:
    """Return `lists` and `table` of a matrix: all its cells, opened. None where it is not known."""
    for faces, by in _answered():
        if matrix_data(next(iter(by.values())))["count"] != model["state"]["matrix"]["count"]:
            continue
        table = {}
        for k, (name, evaluation) in enumerate(by.items()):
            every = product(range(len(evaluation.classes)), repeat=2)
            opened = {
                f"{i},{j}": packed({"shown": faces_data(evaluation, faces, (i, j), 1, name)})
                for i, j in every
            }
            shown = packed({"matrix": matrix_data(evaluation)})
            table[str(k)] = {**shown, "answers": {"cell": opened}}
        return {"lists": {"answers of": list(by)}, "table": table}
    return None


def gallery() -> dict:
    """Return an explorer of one face of each expression, before each of `NETS`."""
    faces = data.load("facs3d", split="test", progress=False)
    names = [str(faces.classes[label]) for label in faces.labels]
    first = {name: faces.images[names.index(name)] for name in faces.classes}
    table = {}
    for (i, image), (j, net) in product(enumerate(first.values()), enumerate(NETS.values())):
        state = widgets.ExplorerState(models.pretrained(net), image)
        frame = widgets.explorer_data(widgets.explore(state))
        table[f"{i},{j}"] = packed({"frame": frame})
    lists = {"face": [f"labelled {name}" for name in first], "net": list(NETS)}
    return {"module": "pointer", "model": table["0,0"], "lists": lists, "table": table}


def write(folder: Path, name: str, text: str) -> None:
    """Write a file of the explorers."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
