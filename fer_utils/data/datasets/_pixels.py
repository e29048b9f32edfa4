"""The inner loop of reading FER2013's csv files: 83 million numbers written as text."""

import numpy as np
from numba import njit

_ZERO, _SPACE = ord("0"), ord(" ")


@njit(cache=True, nogil=True)
def parse(text: np.ndarray, out: np.ndarray) -> bool:
    """Read numbers from 0 to 255, separated by spaces, into `out`.

    Args:
        text: uint8 (any length), the characters.
        out: uint8 (n,), filled from the left.

    Returns:
        True if the text holds exactly n such numbers and nothing else; `out` is undefined if not.
    """
    count, value, digits = 0, 0, 0
    for position in range(text.size + 1):
        # One more space than there is ends the last number.
        character = text[position] if position < text.size else np.uint8(_SPACE)
        digit = np.int64(character) - _ZERO
        if 0 <= digit <= 9:
            value = 10 * value + digit
            digits += 1
            if value > 255:
                return False
        elif character != _SPACE:
            return False
        elif digits:
            if count == out.size:
                return False
            out[count] = value
            count, value, digits = count + 1, 0, 0
    return count == out.size
