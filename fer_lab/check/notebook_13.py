"""The checks of notebook 13."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fer_lab.check._verdict import first_off, judged, number


@judged("And SFEW's height is known to seven points either way, whatever its digits say.")
def ex13_1(faces_needed: float, apart: bool, /) -> str:
    """Test faces for two points either way, and whether SFEW and AM-FED+ are told apart."""
    if not isinstance(apart, bool | np.bool_):
        return "apart should be True or False"
    needed = 1.96**2 * 0.4078 * 0.5922 / 0.02**2
    off = number(faces_needed, needed, rel=0.02, name="faces_needed")
    return off or ("" if apart else "look where one interval ends and the other begins")


@judged("To leave the others out chooses the exam: say how many, and print both numbers.")
def ex13_2(
    with_face: float, without: float, left_out: float, /, result: Any, found: np.ndarray
) -> str:
    """Accuracy on photographs with a found face, on those without, and the latters' share."""
    right = result.predictions == result.labels
    return first_off(
        number(with_face, right[found].mean(), name="with_face", digits=2),
        number(without, right[~found].mean(), name="without", digits=2),
        number(left_out, (~found).mean(), name="left_out", digits=2),
    )


@judged("Where classes are unequal, the macro averages tell such a network from one that looks.")
def ex13_3(accuracy: float, macro_recall: float, macro_precision: float, /) -> str:
    """What a report says of a net that always answers SFEW's most frequent class."""
    return first_off(
        number(accuracy, 39 / 179, name="accuracy", digits=2),
        number(macro_recall, 1 / 7, name="macro_recall", digits=2),
        number(macro_precision, 39 / 179 / 7, name="macro_precision", digits=2),
    )


@judged("Only where they differ by more than luck do the two have to do with each other.")
def ex13_4(product: float, both: float, /, rows: Mapping[str, Any], net: Any, people: range) -> str:
    """The accuracy that pose and light would leave if independent, and that with both drawn."""
    from faces3d.worlds import World
    from fer_utils import evaluate
    from fer_utils.data.worlds import draw

    kept = rows["pose"].value * rows["light"].value / rows["laboratory"].value
    off = number(product, kept, name="product", digits=2)
    drawn = evaluate.evaluate(net, draw(World(pose=1, light=1), people))
    return off or number(both, drawn.accuracy.value, name="both", digits=2)
