"""How a method learns: the loop, its steps, its state on disk."""
