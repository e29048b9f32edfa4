"""The commands of `python -m fer_utils`, one module each: `add_arguments` and `run`."""
