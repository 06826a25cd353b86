"""CBN's cascades: estimate the shape, draw masks from it, double the image by two gated branches."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from datasets.degrade import resize
from methods.cbn.shape import ShapeBasis, groups, masks
from methods.layers import scaled

SIZES = (32, 64, 128)  # what each cascade makes


def convolutions(*channels: int) -> nn.Sequential:
    """3 x 3 convolutions that keep the size, with ReLUs between them and none after the last.

    He's initialisation, without which a long chain hands on next to nothing.
    """
    layers: list[nn.Module] = []
    for i, o in pairwise(channels):
        conv = nn.Conv2d(i, o, 3, padding=1)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        layers += [conv, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def branch(inputs: int, depth: int, width: float) -> nn.Sequential:
    """`depth` convolutions: a third to 64 channels, a third to 128, the others to 32 and the last of them to colour.

    The released model's have 12 at 64 and 128 px: 4, 4, 3 and 1.
    """
    w32, w64, w128 = scaled(width, 32, 64, 128)
    third = depth // 3
    chain = convolutions(inputs, *[w64] * third, *[w128] * third, *[w32] * (depth - 2 * third - 1), 3)
    last = chain[-1]
    assert isinstance(last, nn.Conv2d)
    # Start near the image that the branch adds to.
    nn.init.normal_(last.weight, std=0.1 * (2 / (9 * last.in_channels)) ** 0.5)
    return chain


class Locator(nn.Module):
    """Correct the shape's coefficients (B, K) by what the image (B, 3, S, S) shows; S is 16 or more."""

    def __init__(self, n_modes: int, width: float):
        super().__init__()
        w32, w64, w128, w512 = scaled(width, 32, 64, 128, 512)
        self.features = nn.Sequential(
            convolutions(3, w32, w32), nn.ReLU(), nn.MaxPool2d(2),
            convolutions(w32, w64, w64), nn.ReLU(), nn.MaxPool2d(2),
            convolutions(w64, w128, w128), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
        )  # fmt: skip
        last = nn.Linear(w128, n_modes)
        self.head = nn.Sequential(
            nn.Linear(16 * w128 + n_modes, w512), nn.ReLU(), nn.Linear(w512, w128), nn.ReLU(), last
        )
        # Start at the mean shape.
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, image: Tensor, coefficients: Tensor) -> Tensor:
        return coefficients + self.head(torch.cat([self.features(2 * image - 1), coefficients], 1))


class BiNetwork(nn.Module):
    """Double an image: a common branch, a high-frequency branch that also sees the masks, and the gate between them."""

    def __init__(self, n_masks: int, depth: int, width: float):
        super().__init__()
        [w64] = scaled(width, 64)
        self.common, self.high = branch(3, depth, width), branch(3 + n_masks, depth, width)
        self.gate = convolutions(6 + 3 + n_masks, w64, w64, w64, 1)

    def forward(self, doubled: Tensor, mask: Tensor) -> Tensor:
        """The image (B, 3, S, S), doubled by bicubic interpolation, with its missing detail added."""
        guided = torch.cat([doubled, mask], 1)
        common, high = self.common(doubled), self.high(guided)
        s = torch.sigmoid(self.gate(torch.cat([high, common, guided], 1)))
        return doubled + (s * high + (1 - s) * common)


class Cascades(nn.Module):
    """Three cascades, 16 to 128 px: aligned LR faces (B, 3, 16, 16) in [0, 1] to an image and a shape after each."""

    group: Tensor

    def __init__(self, n_modes: int, sigma: float, depth: int = 12, width: float = 1.0):
        super().__init__()
        self.sigma = sigma
        self.basis = ShapeBasis(n_modes)
        self.register_buffer("group", groups(), persistent=False)
        self.locators = nn.ModuleList(Locator(n_modes, width) for _ in SIZES)
        self.upsamplers = nn.ModuleList(BiNetwork(len(self.group), depth, width) for _ in SIZES)

    def forward(self, lr: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Images (B, 3, S, S) for S in SIZES, not clamped, and the landmarks (B, 68, 2) that guided each."""
        image, images, shapes = lr, [], []
        coefficients = lr.new_zeros(len(lr), len(self.basis.modes))
        for size, locator, upsampler in zip(SIZES, self.locators, self.upsamplers, strict=True):
            coefficients = locator(image, coefficients)
            shapes.append(self.basis(coefficients))
            image = upsampler(resize(image, size), self.masks(shapes[-1], size))
            images.append(image)
        return images, shapes

    def masks(self, landmarks: Tensor, size: int) -> Tensor:
        """Masks (B, 5, size, size) of eyes, nose, mouth, chin and brows at the landmarks (B, 68, 2)."""
        return masks(landmarks, self.group, size, self.sigma)
