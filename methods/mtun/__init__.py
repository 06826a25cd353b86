"""MTUN, the paper's network: upsampling branch, heatmap estimation branch, discriminator."""

from methods.mtun.method import MTUN

METHOD = MTUN
TINY = {"width": 4, "stacks": 1, "epochs": 1, "batch_size": 4}
