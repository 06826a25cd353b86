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
    unit: str = ""

    def signed(self, value: float, digits: int | None = None) -> str:
        """A difference as text, without its unit."""
        return f"{self.factor * value:+z.{digits or self.digits}f}"

    def change(self, effect: float, low: float, high: float, unit: str = "", note: str = "") -> str:
        """A difference and its interval as text, with `unit` behind the one and `note` in the other."""
        return f"{self.signed(effect)}{unit} [{self.signed(low)}, {self.signed(high)}{note}]"


MEASURES = {
    "psnr": Measure("PSNR, dB", 2, unit=" dB"),
    "ssim": Measure("SSIM", 3),
    "psnr_y": Measure("PSNR on Y, dB", 2, unit=" dB"),
    "ssim_y": Measure("SSIM on Y", 3),
    "distance": Measure("identity distance", 3, lower=True),
    "nme": Measure("landmark error, %", 2, factor=100, lower=True, unit=" %"),
    "vgg": Measure("VGG-19 distance", 3, lower=True),
    "rotation_degrees": Measure("rotation error, °", 2, lower=True, unit="°"),
    "shift_percent": Measure("shift error, %", 2, lower=True, unit=" %"),
    "peak_px": Measure("heatmap error, px", 2, lower=True, unit=" px"),
}
