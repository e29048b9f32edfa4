"""The error that users of the kit are meant to read."""


class FerError(ValueError):
    """Something a user can put right: the message says what was wrong, where, and what to do."""
