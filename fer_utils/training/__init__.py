"""The parts of `fer_utils.train`: one step, the run around it, its state, and how it is shown."""
