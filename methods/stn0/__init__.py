"""STN_0: aligns LR faces for the methods that cannot (paper, section 3.4)."""

from methods.stn0.method import STN0

METHOD = STN0
TINY = {"epochs": 1, "batch_size": 4}
