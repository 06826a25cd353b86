"""VGG-19 up to ReLU3_2, frozen: the features that a feature-wise loss compares (paper, equation 2)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from datasets.face import BadInput

# Convolutions of VGG-19 by their place in torchvision's `features`: inputs, outputs. A MP2 follows the POOLED ones.
CONVOLUTIONS = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256), 12: (256, 256)}
POOLED = (2, 7)
LAST = 12
TORCHVISION = Path("torchvision")


class VGGFeatures(nn.Module):
    """ReLU3_2 features of images, scaled so that weight 0.01 on their mean squared error is the authors' loss.

    path: a safetensors file with the Caffe model's weights under torchvision's names (`features.N.weight`, metadata
    order: BGR), Path("torchvision") for torchvision's own (downloaded, checksum verified), None for random ones, always
    the same, with random_width channels in the first layer in place of 64, which a demonstration can afford. `source`
    says which was used. padded: False leaves out the convolutions' padding, as the authors do.

    The Caffe model sees BGR 0..255 less its mean; its features are divided by 127.5, so that the effective weight is
    0.01 / 127.5^2 = 6.15e-7 as in the authors' code. A network of ReLUs scales with its input, so that this is nearly
    the feature of an image in [-1, 1]. Torchvision's sees RGB over a standard deviation of about 0.226, and a factor
    2 * 0.226 brings it to the same units.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, path: Path | None, padded: bool = False, random_width: int = 64):
        super().__init__()
        padding = 1 if padded else 0
        width = random_width if path is None else 64
        channels = {n: (i * width // 64 if i > 3 else i, o * width // 64) for n, (i, o) in CONVOLUTIONS.items()}
        layers = {f"features.{n}": nn.Conv2d(i, o, 3, padding=padding) for n, (i, o) in channels.items()}
        self.convolutions = nn.ModuleList(layers.values())
        if path is None:
            weights, self.source = _random(channels), f"random, width {width}, seed 0"
        elif path == TORCHVISION:
            weights, self.source = _torchvision(), "torchvision, IMAGENET1K_V1"
        else:
            weights, self.source = _read(path), path.name
        for name, layer in layers.items():
            layer.load_state_dict({part: weights[f"{name}.{part}"] for part in ("weight", "bias")})
        self.bgr = path != TORCHVISION
        mean = [103.939, 116.779, 123.68] if self.bgr else [0.485, 0.456, 0.406]
        std = [1.0, 1.0, 1.0] if self.bgr else [0.229, 0.224, 0.225]
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])
        self.scale = 1 / 127.5 if self.bgr else 2 * 0.226
        self.requires_grad_(False)

    def forward(self, image: Tensor) -> Tensor:
        """Scaled features of RGB images (B, 3, H, W) in [-1, 1]: (B, 256, 25, 25) at 128 px, 32 x 32 padded."""
        return self.activations((image + 1) / 2, (LAST,))[0] * self.scale

    def activations(self, image: Tensor, places: Sequence[int]) -> list[Tensor]:
        """What the ReLUs behind the convolutions at `places` give for RGB images (B, 3, H, W) in [0, 1]."""
        x = image.flip(1) * 255 if self.bgr else image
        x, found = (x - self.mean) / self.std, []
        for place, convolution in zip(CONVOLUTIONS, self.convolutions, strict=True):
            x = torch.relu(convolution(x))
            if place in places:
                found.append(x)
            x = nn.functional.max_pool2d(x, 2) if place in POOLED else x
        return found


def _random(channels: Mapping[int, tuple[int, int]]) -> dict[str, Tensor]:
    """He-normal weights of seed 0 and zero biases."""
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for n, (i, o) in channels.items():
        weights[f"features.{n}.weight"] = torch.randn(o, i, 3, 3, generator=generator) * (2 / (9 * i)) ** 0.5
        weights[f"features.{n}.bias"] = torch.zeros(o)
    return weights


def _read(path: Path) -> dict[str, Tensor]:
    """Read the Caffe model's weights from a safetensors file.

    Raises:
        BadInput: if they are missing or of another kind.
    """
    remedy = "give a safetensors file of VGG-19, or `torchvision`, or null for random weights"
    if not path.is_file():
        raise BadInput(f"{path}: no such file; {remedy}")
    try:
        with safe_open(path, "pt") as file:
            order = (file.metadata() or {}).get("order")
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise BadInput(f"{path}: {error}; {remedy}") from error
    if order != "BGR":
        raise BadInput(f"{path}: channel order {order} in its metadata, expected BGR (Caffe's VGG-19); {remedy}")
    for n, (i, o) in CONVOLUTIONS.items():
        name = f"features.{n}.weight"
        if name not in weights or tuple(weights[name].shape) != (o, i, 3, 3) or f"features.{n}.bias" not in weights:
            raise BadInput(f"{path}: no {name} of shape {(o, i, 3, 3)} with its bias; {remedy}")
    return weights


def _torchvision() -> dict[str, Tensor]:
    from torchvision.models import VGG19_Weights  # slow to import, and rarely needed

    try:
        return dict(VGG19_Weights.IMAGENET1K_V1.get_state_dict(progress=True, check_hash=True))
    except (OSError, RuntimeError) as error:  # no network; a file that does not match its checksum
        raise BadInput(f"torchvision's VGG-19: {error}; give a file of weights, or null for random ones") from error
