"""The trunk of MTUN, trained first and alone, from which runs of MTUN may go on."""

from methods.mtun_trunk.method import MTUNTrunk

METHOD = MTUNTrunk
TINY = {"width": 4, "epochs": 1, "batch_size": 4}
