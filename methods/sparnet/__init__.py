"""Chen et al. 2020: SPARNet, spatial attention in every residual unit."""

from methods.sparnet.method import SPARNet

METHOD = SPARNet
TINY = {"width": 0.0625, "depth": 1, "epochs": 1, "batch_size": 4}
