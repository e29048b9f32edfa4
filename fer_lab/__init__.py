"""What the lessons rest on and do not name: experiments, published rows trained again, benches."""

__all__ = ["bench", "experiments", "reproduce"]
