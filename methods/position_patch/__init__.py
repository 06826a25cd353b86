"""Ma et al. 2010: position-patch least squares, closed form."""

from methods.position_patch.method import PositionPatch

METHOD = PositionPatch
TINY = {"overlap": 0, "faces": 8}
