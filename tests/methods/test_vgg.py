"""VGG-19's features against torchvision's own layers, and its weights."""

from pathlib import Path
from unittest.mock import MagicMock

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torchvision.models import VGG19_Weights, vgg

from datasets.face import BadInput
from methods.vgg import TORCHVISION, VGGFeatures
from tests.methods.common import assert_same

CAFFE = Path("../shared/weights/vgg19_conv1_1-conv3_2_bgr255.safetensors")


def reference_layers(weights: dict[str, Tensor], padded: bool) -> nn.Sequential:
    """torchvision's VGG-19 to ReLU3_2 with these weights."""
    layers = vgg.make_layers(vgg.cfgs["E"])[:14]
    layers.load_state_dict({name.removeprefix("features."): w for name, w in weights.items()})
    for conv in (m for m in layers if isinstance(m, nn.Conv2d) and not padded):
        conv.padding = (0, 0)
    return layers


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {f"features.{name}": w for name, w in vgg.make_layers(vgg.cfgs["E"])[:14].state_dict().items()}


def caffe_input(image: Tensor) -> Tensor:
    """0..255 BGR less the mean, from RGB in [-1, 1]."""
    red, green, blue = ((image + 1) * 127.5).unbind(1)
    return torch.stack([blue - 103.939, green - 116.779, red - 123.68], 1)


@pytest.mark.parametrize("padded", [False, True])
def test_vgg_features_are_torchvisions_layers(padded: bool, weights: dict[str, Tensor], tmp_path: Path) -> None:
    image = torch.rand(1, 3, 128, 128) * 2 - 1
    save_file(weights, tmp_path / "vgg.safetensors", {"order": "BGR"})
    psi = VGGFeatures(tmp_path / "vgg.safetensors", padded=padded)
    expected = reference_layers(weights, padded)(caffe_input(image)) / 127.5
    assert expected.shape == ((1, 256, 32, 32) if padded else (1, 256, 25, 25))
    torch.testing.assert_close(psi(image), expected)
    assert psi.source == "vgg.safetensors"
    assert not any(p.requires_grad for p in psi.parameters())


@pytest.mark.shared
@pytest.mark.skipif(not CAFFE.is_file(), reason=f"no {CAFFE}")
def test_caffe_weights_tell_a_face_from_its_channels_swapped(pairs) -> None:
    """The published weights, read as they are, agree with the reference on a face and depend on the channels' order."""
    image = torch.from_numpy(pairs.hr[:1]).permute(0, 3, 1, 2) / 127.5 - 1
    psi, reference = VGGFeatures(CAFFE), reference_layers(load_file(CAFFE), padded=False)
    torch.testing.assert_close(psi(image), reference(caffe_input(image)) / 127.5, rtol=1e-4, atol=1e-4)
    assert (psi(image.flip(1)) - psi(image)).abs().mean() > 0.05 * psi(image).abs().mean()


def test_torchvision_weights_see_standardised_rgb(weights: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    image = torch.rand(1, 3, 64, 64)
    monkeypatch.setattr(VGG19_Weights, "get_state_dict", lambda *_, **__: weights)
    psi = VGGFeatures(TORCHVISION, padded=True)
    monkeypatch.setattr(VGG19_Weights, "get_state_dict", MagicMock(side_effect=OSError("no route to host")))
    with pytest.raises(BadInput, match="no route to host"):
        VGGFeatures(TORCHVISION)
    assert "torchvision" in psi.source
    standardised = VGG19_Weights.IMAGENET1K_V1.transforms(crop_size=64, resize_size=64)(image)
    expected = reference_layers(weights, padded=True)(standardised)
    torch.testing.assert_close(psi(image * 2 - 1), expected * 0.452, rtol=1e-4, atol=1e-4)


def test_random_vgg_is_always_the_same() -> None:
    torch.manual_seed(0)
    first = VGGFeatures(None)
    torch.manual_seed(1)
    assert_same(VGGFeatures(None).state_dict(), first.state_dict())
    assert first.source == "random, width 64, seed 0"


def test_unfit_vgg_files_are_refused_in_one_line(weights: dict[str, Tensor], tmp_path: Path) -> None:
    save_file(weights, tmp_path / "rgb.safetensors", {"order": "RGB"})
    save_file({"features.0.weight": weights["features.0.weight"]}, tmp_path / "part.safetensors", {"order": "BGR"})
    (tmp_path / "text.safetensors").write_text("no weights at all")
    for name, says in {"rgb": "RGB", "part": "features.0", "text": "text", "absent": "no such file"}.items():
        with pytest.raises(BadInput, match=says) as error:
            VGGFeatures(tmp_path / f"{name}.safetensors")
        assert "\n" not in str(error.value)
