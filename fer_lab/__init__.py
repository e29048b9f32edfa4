"""What the lessons rest on: experiments, repeated published rows, benches, checks of exercises."""

__all__ = ["bench", "check", "experiments", "reproduce"]
