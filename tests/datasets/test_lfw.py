"""LFW: faces of its archive."""

import io
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from reading import refusal, write

from datasets import lfw
from datasets.align import anchor_points
from datasets.portrait.drawing import draw


def jpeg(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=95)
    return file.getvalue()


def portraits() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Three synthetic faces of two identities as LFW's are, in the middle of 250 x 250 pixels; 68 landmarks of each."""
    found = {}
    for i, name in enumerate(("Ann_Lee/Ann_Lee_0001.jpg", "Ann_Lee/Ann_Lee_0002.jpg", "Bo_Ek/Bo_Ek_0001.jpg")):
        face = draw(i, 0, 5, 10.0)
        scale = 0.9 * 250 / max(face.image.shape)
        shift = 125 - scale * face.landmarks.mean(0)
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        image = cv2.warpAffine(face.image, matrix, (250, 250), borderMode=cv2.BORDER_REPLICATE)
        found[name] = image, face.landmarks * scale + shift
    return found


@pytest.mark.slow
def test_lfw_becomes_faces_and_tells_where_there_is_none(tmp_path: Path) -> None:
    drawn = portraits()
    found = {name: jpeg(image) for name, (image, _) in drawn.items()}
    wide = np.concatenate([drawn[name][0] for name in sorted(drawn, reverse=True)], 1)  # Ann_Lee_0002 amid
    found |= {"Cy/1.jpg": jpeg(wide), "Di/1.jpg": jpeg(np.full((250, 250, 3), 128, np.uint8)), "Di/2.jpg": b""}
    write(tmp_path / "lfw", *found, "README.txt", ".hidden.jpg", "._x.jpg")
    for name, data in found.items():
        (tmp_path / "lfw" / name).write_bytes(data)
    packed = shutil.make_archive(str(tmp_path / "a"), "gztar", tmp_path, "lfw")
    lfw.get({"images": packed}, tmp_path / "raw")
    contents = lfw.verify(tmp_path / "raw", {})
    names = ["Ann_Lee_0001", "Ann_Lee_0002", "Bo_Ek_0001", "Cy_1", "Di_1", "Di_2"]
    assert [e.name for e in contents.faces] == [f"lfw_{name}" for name in names]
    assert [e.identity for e in contents.faces[:3]] == ["lfw_Ann_Lee", "lfw_Ann_Lee", "lfw_Bo_Ek"]
    assert len({e.photo for e in contents.faces}) == 6
    assert contents.unused == {"lfw/README.txt": "not an image", "lfw/.hidden.jpg": "hidden file"}
    truths = [points for _, points in drawn.values()]
    for entry, truth in zip(contents.faces, [*truths, truths[1] + (250, 0)], strict=False):
        landmarks = lfw.read(tmp_path / "raw", entry).landmarks
        assert len(landmarks) == 68
        anchors, expected = anchor_points(landmarks)[0], anchor_points(truth)[0]
        assert np.linalg.norm(anchors - expected, axis=1).mean() < 0.2 * np.linalg.norm(expected[0] - expected[1])
    for entry, says in zip(contents.faces[4:], ("1.jpg: dlib finds no face", "2.jpg: cannot be decoded"), strict=True):
        assert refusal(tmp_path / "raw", entry).startswith(f"lfw/lfw/Di/{says}")
