"""SR faces that another program made, taken as they are, once they are complete and of the right size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from datasets.degrade import HR
from datasets.face import BadInput
from datasets.images import decode


def take(folder: Path, names: Sequence[str], target: Path) -> None:
    """Write target/NAME.png (8-bit RGB) of folder/NAME.png for each name.

    BadInput names files that are missing, not of the test set, mis-sized or unreadable.
    """
    check_names(folder, names)
    target.mkdir(parents=True)
    for name in tqdm(names, desc=f"take {folder}", unit="face"):
        path = folder / f"{name}.png"
        image = decode(path.read_bytes(), str(path))
        if image.shape != (HR, HR, 3):
            raise BadInput(f"{path}: {image.shape[1]} x {image.shape[0]}, expected {HR} x {HR}; make it anew")
        Image.fromarray(image).save(target / path.name, compress_level=1)


def check_names(folder: Path, names: Sequence[str]) -> None:
    """BadInput unless the folder holds NAME.png for each name, and nothing else but hidden files."""
    found = {path.name for path in folder.glob("[!.]*")}
    wanted = {f"{name}.png" for name in names}
    for kind, wrong in (("missing", wanted - found), ("not of the test set", found - wanted)):
        if wrong:
            shown = ", ".join(sorted(wrong)[:5]) + (", ..." if len(wrong) > 5 else "")
            raise BadInput(
                f"{folder}: {len(wrong)} files {kind}: {shown}; it is to hold a NAME.png for each of the {len(wanted)} "
                "faces that `python -m benchmark.export` writes, and nothing else"
            )
