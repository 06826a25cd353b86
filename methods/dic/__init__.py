"""Ma et al. 2020: DIC, super-resolution and landmark estimation in turn."""

from methods.dic.method import DIC

METHOD = DIC
TINY = {"width": 0.05, "steps": 2, "groups": 2, "fusion_blocks": 1, "epochs_alignment": 1, "epochs": 1, "batch_size": 4}
