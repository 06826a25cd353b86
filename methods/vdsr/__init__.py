"""Kim et al. 2016: VDSR, x2 three times."""

from methods.vdsr.method import VDSR

METHOD = VDSR
TINY = {"depth": 3, "width": 4, "crop": 8, "epochs": 1, "batch_size": 4}
