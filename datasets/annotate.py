"""68 points for faces that come with five: dlib's predictor, or FAN, the paper's reference [4]."""

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from datasets.align import anchor_points
from datasets.face import BadInput

Annotate = Callable[[np.ndarray, np.ndarray], np.ndarray]

# Side of the box that the predictor starts from, over the distance from eyes to mouth; 1.8 to 2.6 were tried on the
# hand-labelled HELEN and LFPW training faces, whose error is lowest at 2.2.
BOX_SIDE = 2.2


def face_box(five: np.ndarray) -> tuple[float, float, float, float]:
    """Return the square (left, top, right, bottom) in pixels about five points (5, 2) as a detector would."""
    eyes, mouth = five[:2].mean(0), five[3:].mean(0)
    width = five[1, 0] - five[0, 0]
    unit = max(float(np.linalg.norm(mouth - eyes)), float(width))
    x, y = (eyes + mouth) / 2
    half = BOX_SIDE * unit / 2
    return x - half, y - half, x + half, y + half


def model_file(name: str) -> Path:
    """Return the path of the weights NAME.dat in the package face_recognition_models."""
    # Importing the package needs pkg_resources, which newer setuptools lack; only its data file is wanted.
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or not spec.submodule_search_locations:
        raise BadInput("face_recognition_models is not installed; run `pip install face_recognition_models==0.3.0`")
    return Path(spec.submodule_search_locations[0]) / "models" / f"{name}.dat"


@cache
def dlib_annotator() -> Annotate:
    """Load dlib's ensemble of regression trees with face_recognition_models' weights; it runs inside `face_box`."""
    import dlib

    predictor = dlib.shape_predictor(str(model_file("shape_predictor_68_face_landmarks")))

    def annotate(image: np.ndarray, five: np.ndarray) -> np.ndarray:
        left, top, right, bottom = (round(v) for v in face_box(five))
        shape = predictor(np.ascontiguousarray(image), dlib.rectangle(left, top, right, bottom))
        return np.array([(p.x, p.y) for p in shape.parts()], np.float64)

    return annotate


@cache
def fan_annotator() -> Annotate:
    """Load Bulat and Tzimiropoulos' FAN from the package face-alignment (optional extra `fan`)."""
    try:
        import face_alignment
        import torch
    except ImportError as error:
        raise BadInput("annotator fan needs face-alignment; run `pip install face-alignment` or set dlib") from error
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = face_alignment.FaceAlignment(face_alignment.LandmarksType.TWO_D, device=device)

    def annotate(image: np.ndarray, five: np.ndarray) -> np.ndarray:
        faces = network.get_landmarks_from_image(image, detected_faces=[np.array(face_box(five))])
        if not faces:
            raise BadInput("FAN found no landmarks; remove the image or use annotator dlib")
        return np.asarray(faces[0], np.float64)

    return annotate


ANNOTATORS: dict[str, Callable[[], Annotate]] = {"dlib": dlib_annotator, "fan": fan_annotator}


def require_annotator(name: str) -> None:
    """Refuse a name that is not among ANNOTATORS."""
    if name not in ANNOTATORS:
        raise BadInput(f"params.yaml: no annotator '{name}'; there is {', '.join(ANNOTATORS)}")


def annotator(name: str) -> Annotate:
    """Load the annotator `name`: image (H, W, 3) uint8 and five points (5, 2) to 68 points (68, 2) in pixels."""
    require_annotator(name)
    return ANNOTATORS[name]()


def check_annotation(landmarks: np.ndarray, five: np.ndarray, name: str) -> None:
    """Refuse 68 points that lie, on average, over half the eye-mouth distance from the five given ones."""
    anchors, _ = anchor_points(landmarks)
    unit = np.linalg.norm(five[:2].mean(0) - five[3:].mean(0))
    error = np.linalg.norm(anchors - five, axis=1).mean() / unit
    if not error < 0.5:
        raise BadInput(f"{name}: annotation lies {error:.2f} eye-mouth distances off its five points; correct them")


def normalised_error(estimate: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean distance of the inner 51 of 68 points over that of the outer eye corners (300-W)."""
    ocular = np.linalg.norm(truth[36] - truth[45])
    return float(np.linalg.norm(estimate[17:] - truth[17:], axis=1).mean() / ocular)
