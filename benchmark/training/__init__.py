"""How a method learns: the loop, its update and its checkpoints."""

# Part of every training's fingerprint. Raise it when the loop's arithmetic, seeding or data order changes.
LOOP_VERSION = 1
