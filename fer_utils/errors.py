"""The error that users of the kit are meant to read."""

import re

# they would end a line or steer a terminal
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class FerError(ValueError):
    """Something a user can put right: the message says what was wrong, where, and what to do.

    It is one line, whatever names of files and values it quotes.
    """

    def __str__(self) -> str:
        """Return the message on one line."""
        return one_line(super().__str__())


def one_line(text: str) -> str:
    """Return a text with escapes in place of characters that end a line or steer a terminal."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def shown(value: object) -> str:
    """Return a value for a message: on one line, and no longer than needed to know it again."""
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", ())
    if dtype is not None and isinstance(shape, tuple) and len(shape):  # its numbers say nothing
        return f"{type(value).__name__} of {dtype}, shape {tuple(shape)}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
