"""Ledig et al. 2017: SRGAN, x8."""

from methods.srgan.method import SRGAN

METHOD = SRGAN
TINY = {"width": 4, "blocks": 1, "critic_width": 2, "content": "mse", "epochs_mse": 1, "epochs_gan": 1, "batch_size": 4}
