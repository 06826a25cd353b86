"""How pages show what is measured of a face: title, digits, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A measure as a table has it: stored values times `factor`, to so many digits. lower: less is better."""

    title: str
    digits: int
    factor: int = 1
    lower: bool = False


MEASURES = {
    "psnr": Measure("PSNR, dB", 2),
    "ssim": Measure("SSIM", 3),
    "psnr_y": Measure("PSNR on Y, dB", 2),
    "ssim_y": Measure("SSIM on Y", 3),
    "distance": Measure("identity distance", 3, lower=True),
    "nme": Measure("landmark error, %", 2, factor=100, lower=True),
    "vgg": Measure("VGG-19 distance", 3, lower=True),
}
