"""The shared interface, held against every method that discovery finds; options, against every run of params.yaml."""

import copy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmark.runs.float64 import FastFloat64
from datasets.face import BadInput
from methods.interface import Method, create, discover
from methods.trained import TrainedMethod
from tests.methods.common import assert_same, tiny

pytestmark = pytest.mark.slow

METHODS = list(discover())

# Every ablation of the paper's Tables 1 to 3 and every recipe, whatever params.yaml holds.
ABLATIONS = {
    "ours": {"stacks": 4},
    "ours_no_skip": {"skip": False},
    "ours_no_autoencoder": {"autoencoder": False},
    "ours_r16": {"heb_at": 16, "skip": False},
    "ours_r32": {"heb_at": 32, "skip": False},
    "no_heb_pfu": {"stacks": 0},
    "zero_heatmaps": {"stacks": 0, "heatmaps": "zero"},
    "no_heb_authors": {"stacks": 0, "authors_trunk": True},
    "recipe_paper": {"recipe": "paper"},
    "recipe_authors": {"recipe": "authors"},
}
CASES = {name: (name, tiny(name)) for name in METHODS}
CASES |= {f"mtun-{name}": ("mtun", tiny("mtun") | options) for name, options in ABLATIONS.items()}
CASES |= {
    "tdae_retrained": ("tdae", tiny("tdae") | {"frontal_only": False, "noise": 0.0}),
    "vdsr_rgb": ("vdsr", tiny("vdsr") | {"colour": "rgb"}),
}


# One process fits a case and does all its tests.
@pytest.fixture(scope="module", params=[pytest.param(case, marks=pytest.mark.xdist_group(case)) for case in CASES])
def fitted(request: pytest.FixtureRequest, fit_briefly) -> Method:
    return fit_briefly(create(*CASES[request.param]))


@pytest.fixture(scope="module")
def lr(pairs) -> Tensor:
    """The LR faces of the validation fold: (4, 3, 16, 16)."""
    return torch.from_numpy(pairs.validation().lr).permute(0, 3, 1, 2).float() / 255


def same_options(method: Method) -> Method:
    """A fresh method of the same class and options."""
    return type(method)(method.options.model_dump())


@pytest.fixture
def loaded(fitted: Method, tmp_path: Path) -> Method:
    """The method again, from what it saves in tmp_path."""
    fitted.save(tmp_path)
    again = same_options(fitted)
    again.load(tmp_path)
    return again


def test_sr_faces_have_the_right_shape_range_and_type(fitted: Method, lr: Tensor) -> None:
    assert not fitted.requires_ground_truth
    sr = fitted.upscale(lr)
    assert (sr.shape, sr.dtype, sr.requires_grad) == ((4, 3, 128, 128), torch.float32, False)
    assert 0 <= sr.min() < sr.max() <= 1
    with pytest.raises(BadInput, match="shape"):
        fitted.upscale(lr[..., 1:])


def test_in_float64_the_same_faces_come_more_precisely(fitted: Method, lr: Tensor) -> None:
    """As `predict` asks for them. A value that was rounded to float32 on the way would be at least 1e-9 off."""
    narrow, found = fitted.upscale_and_inspect(lr)
    wide = copy.deepcopy(fitted).to("cpu", torch.float64)
    one, estimated = wide.upscale_and_inspect(lr.double())
    other = torch.cat([wide.upscale(face[None].double()) for face in lr])
    assert one.dtype == torch.float64
    torch.testing.assert_close(one.float(), narrow, rtol=0, atol=1e-4)
    torch.testing.assert_close(other, one, rtol=0, atol=1e-11)
    for name, value in estimated.items():
        torch.testing.assert_close(value.float(), found[name], rtol=1e-3, atol=1e-3)


def test_saved_and_loaded_method_is_the_same(fitted: Method, loaded: Method, lr: Tensor) -> None:
    assert_same(loaded.upscale(lr), fitted.upscale(lr))
    assert loaded.parameters_count() == fitted.parameters_count()


def test_threads_upscale_side_by_side(loaded: Method, lr: Tensor) -> None:
    loaded.to("cpu", torch.float64)
    parts = lr.double().split(1)

    def upscale(part: Tensor) -> Tensor:
        with torch.no_grad(), FastFloat64():
            return loaded.upscale(part)

    expected = [upscale(part) for part in parts]
    if isinstance(loaded, TrainedMethod):  # else one thread would end the evaluation mode of another
        assert not any(module.training for module in loaded.module.modules())
    with ThreadPoolExecutor(3) as pool:
        torch.testing.assert_close(list(pool.map(upscale, parts)), expected, rtol=0, atol=1e-9)


def test_estimates_are_named_and_shaped_as_the_interface_says(fitted: Method, lr: Tensor) -> None:
    for name, value in fitted.upscale_and_inspect(lr)[1].items():
        if name.startswith("warp_"):
            assert value.shape == (4, 4)
        else:
            assert name in ("heatmaps", "heatmaps_lr")
            assert value.shape == (4, 4, value.shape[3], value.shape[3])
        assert value.isfinite().all()
        assert not value.requires_grad


@pytest.mark.parametrize("name", METHODS)
def test_fitting_is_determined_by_the_seed(name: str, fit_briefly, lr: Tensor) -> None:
    faces = []
    for _ in range(2):
        torch.manual_seed(3)  # as benchmark.train does before it makes a method
        faces.append(fit_briefly(create(name, tiny(name)), seed=3).upscale(lr))
    assert_same(*faces)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (torch.zeros(2, 3, 16, 15), "shape"),
        (torch.zeros(3, 16, 16), "shape"),
        (torch.zeros(2, 1, 16, 16), "shape"),
        (torch.zeros(2, 3, 16, 16, dtype=torch.float64), "float64"),
        (torch.zeros(2, 3, 16, 16, dtype=torch.uint8), "uint8"),
        *((torch.full((2, 3, 16, 16), value), f"{value:.3g}") for value in (255.0, -0.5, float("nan"))),
    ],
    ids=lambda value: None if isinstance(value, Tensor) else value,
)
def test_wrong_input_is_refused_in_one_line(wrong: Tensor, says: str) -> None:
    with pytest.raises(BadInput, match=says) as error:
        create("bicubic").upscale(wrong)
    assert "\n" not in str(error.value)


def test_missing_weights_are_reported(fitted: Method, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    if not any(tmp_path.iterdir()):
        pytest.skip("saves nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="empty"):
        same_options(fitted).load(tmp_path / "empty")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_agrees_with_cpu(fitted: Method, loaded: Method, lr: Tensor) -> None:
    loaded.to("cuda")
    with torch.backends.cudnn.flags(allow_tf32=False):
        sr = loaded.upscale(lr.to("cuda"))
    torch.testing.assert_close(sr.cpu(), fitted.upscale(lr), rtol=0, atol=1e-3)
