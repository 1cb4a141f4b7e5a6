"""Models: what exists, where it lies, how its files become tensors."""
