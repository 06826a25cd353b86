"""Methods as their papers write them, in NumPy: what the project's own forms of them must equal, and outrun."""

import numpy as np


def position_patch(train_lr: np.ndarray, train_hr: np.ndarray, lr: np.ndarray, patch: int, stride: int) -> np.ndarray:
    """One face (3, 128, 128) by Ma et al.'s algorithm: for every patch, weights that sum to one from an N x N system.

    train_lr (N, 3, 16, 16), train_hr (N, 3, 128, 128) and lr (3, 16, 16) are float64 in [0, 1].
    """
    total, count = np.zeros((3, 128, 128)), np.zeros((128, 128))
    n = len(train_lr)
    for y in range(0, 16 - patch + 1, stride):
        for x in range(0, 16 - patch + 1, stride):
            candidates = train_lr[:, :, y : y + patch, x : x + patch].reshape(n, -1).T
            z = candidates - lr[:, y : y + patch, x : x + patch].reshape(-1, 1)
            gram = z.T @ z
            if np.trace(gram) == 0:  # every weight rebuilds the patch; the least norm is the mean
                w = np.full(n, 1 / n)
            else:
                w = np.linalg.solve(gram + 1e-6 * np.trace(gram) * np.eye(n), np.ones(n))
                w /= w.sum()
            window = np.s_[8 * y : 8 * (y + patch), 8 * x : 8 * (x + patch)]
            total[:, *window] += np.tensordot(w, train_hr[:, :, *window], 1)
            count[window] += 1
    return (total / count).clip(0, 1)
