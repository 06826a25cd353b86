from methods.cbn.method import CBN

METHOD = CBN
TINY = {"width": 0.05, "depth": 3, "modes": 2, "epochs": 1, "batch_size": 4}
