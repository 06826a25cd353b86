"""STN_0: its architecture, that it learns to undo warps, and how it is scored."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny
import torch

from benchmark import align_stn0, config
from benchmark.align_stn0 import score
from benchmark.alignment import alignment, load_stn0
from benchmark.scoring.estimates import warp_errors
from benchmark.training.engine import Settings, train
from datasets import degrade
from datasets.batch import to_float, to_uint8
from datasets.face import BadInput
from datasets.pairs import Pairs
from methods.interface import Context, discover
from methods.stn0 import NETWORKS, STN0, ToldSTN0

CPU = torch.device("cpu")


def test_layers_are_the_papers() -> None:
    shapes = [tuple(p.shape) for p in STN0().module.parameters()]
    assert shapes == [(64, 3, 5, 5), (64,), (20, 64, 5, 5), (20,), (20, 80), (20,), (4, 20), (4,)]
    assert "stn0" not in discover()


def test_starts_as_the_identity() -> None:
    lr = torch.rand(3, 3, 16, 16)
    aligned, warp = STN0().align(lr)
    torch.testing.assert_close(aligned, lr)
    assert warp.tolist() == [[0, 1, 0, 0]] * 3


def test_errors_of_a_warp() -> None:
    truth = torch.tensor([[0.1, 0.8, 0.0, 0.0], [math.pi - 0.01, 1.0, 0.1, 0.1]])
    estimate = torch.tensor([[0.2, 0.88, 0.03, 0.04], [-math.pi + 0.01, 1.0, 0.1, 0.1]])
    errors = warp_errors(estimate, truth)
    assert errors["rotation_degrees"] == pytest.approx(math.degrees((0.1 + 0.02) / 2), rel=1e-4)
    assert errors["shift_percent"] == pytest.approx(100 * 0.05 / 2 / 2, rel=1e-4)
    assert errors["scale_percent"] == pytest.approx(100 * 0.1 / 2, rel=1e-4)


def test_the_told_one_learns_from_warps_alone() -> None:
    method = ToldSTN0()
    warp = torch.tensor([[0.2, 1.0, 0.0, 0.0], [0.0, 0.9, 0.0, 0.05]])  # one unit of rotation; two of scale, one of ty
    batch = SimpleNamespace(lr=torch.rand(2, 3, 16, 16), warp=warp)  # no HR face, which it must not look at
    terms, _ = method.loss(batch, 0)  # type: ignore[arg-type]
    assert terms.keys() == {"L_w"}
    assert terms["L_w"].item() == pytest.approx((1 + 4 + 1) / 8, rel=1e-5)


def look_alikes(n: int, seed: int) -> Pairs:
    """Faces that are one lop-sided pattern with a little of their own, so that their pose shows."""
    generator = torch.Generator().manual_seed(seed)
    pattern = degrade.resize(torch.rand(1, 3, 5, 5, generator=torch.Generator().manual_seed(3)), 128)
    own = degrade.resize(torch.rand(n, 3, 8, 8, generator=generator), 128)
    hr = to_uint8(0.85 * pattern + 0.15 * own)
    warp = degrade.sample_warps(n, generator)
    lr = to_uint8(degrade.degrade(to_float(hr), warp))
    base = tiny.make_pairs(n, 0)
    return Pairs(hr.numpy(), lr.numpy(), warp.numpy(), base.landmarks, base.visible, base.faces)


@pytest.mark.parametrize("network", NETWORKS.values())
def test_learns_to_undo_warps(network: type[STN0], tmp_path: Path) -> None:
    torch.manual_seed(0)
    method = network({"epochs": 20, "batch_size": 16})
    # Mirrored, a lop-sided pattern is another pattern: too much for a test's time.
    phase = method.phases(Context(CPU))[0]
    method.phases = lambda context: [phase.__class__(**{**vars(phase), "flip": False})]  # type: ignore[method-assign]
    context = Context(CPU, workdir=tmp_path, log=tmp_path / "log.csv")
    train(method, look_alikes(256, 0), context, Settings(checkpoint_seconds=1e9))
    errors = score(method, look_alikes(200, 1))
    assert errors["faces"] == 200
    assert 15 < errors["identity"]["rotation_degrees"] < 30
    assert errors["stn0"]["rotation_degrees"] < errors["identity"]["rotation_degrees"] / 4
    assert errors["stn0"]["shift_percent"] < errors["identity"]["shift_percent"]
    assert errors["stn0"]["scale_percent"] < errors["identity"]["scale_percent"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with a tiny experiment, as the working directory."""
    monkeypatch.chdir(tmp_path)
    tiny.write_pairs(tiny.make_pairs(), tmp_path / "data/tiny/train")
    tiny.write_pairs(tiny.make_pairs(6), tmp_path / "data/tiny/test")
    training = {"recipe": "tuned", "seeds": 1, "vgg": None}
    params = {
        "experiment": "tiny",
        "experiments": {"tiny": {"training": training, "stn0": {"epochs": 1, "batch_size": 8}, "methods": {}}},
        "runs": {},
    }
    (tmp_path / "params.yaml").write_text(json.dumps(params))
    return tmp_path


def aligner(name: str = "stn0") -> config.Aligner:
    return config.load().aligner(name)


def test_each_network_has_files_of_its_own(project: Path) -> None:
    told = ["--device", "cpu", "--network", "stn0_told"]
    with pytest.raises(BadInput, match=r"no options of stn0_told: add it to experiments\.tiny"):
        align_stn0.main(align_stn0.parser().parse_args(told))
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace('"methods"', '"stn0_told": {"epochs": 1}, "methods"'))
    align_stn0.main(align_stn0.parser().parse_args(told))
    assert align_stn0.stored(aligner("stn0_told"))
    assert not align_stn0.stored(aligner())
    scores = aligner("stn0_told").metrics.read_text()
    aligner("stn0_told").metrics.unlink()
    assert not align_stn0.stored(aligner("stn0_told"))  # as after a kill before it was scored
    aligner("stn0_told").metrics.write_text(scores)
    made = {str(path.relative_to(project / "results/tiny")) for path in (project / "results/tiny").rglob("*.*")}
    assert made == {
        "weights/stn0_told/weights.safetensors",
        "weights/stn0_told/config.json",
        "logs/stn0_told.csv",
        "logs/stn0_told.first.csv",
        "metrics/stn0_told.json",
        "provenance/stn0_told.json",
    }
    lr = torch.rand(2, 3, 16, 16)
    stored = ToldSTN0()
    stored.load(project / "results/tiny/weights/stn0_told")
    stored.to(CPU)
    assert torch.equal(alignment(config.load(), "stn0_told", CPU)(lr, None), stored.align(lr)[0])


def test_stage_stores_weights_and_score(project: Path) -> None:
    with pytest.raises(BadInput, match=r"weights/stn0/weights.safetensors: no weights"):
        load_stn0(aligner(), CPU)
    align_stn0.main(align_stn0.parser().parse_args(["--device", "cpu"]))
    results = project / "results/tiny"
    errors = json.loads((results / "metrics/stn0.json").read_text())
    assert errors["faces"] == 6
    assert errors["identity"]["rotation_degrees"] > 5
    facts = json.loads((results / "weights/stn0/config.json").read_text())
    assert facts["options"] == {"epochs": 1, "batch_size": 8, "lr": 3e-3}
    assert len((results / "logs/stn0.csv").read_text().splitlines()) == 2

    lr = torch.rand(2, 3, 16, 16)
    align = load_stn0(aligner(), CPU)
    stored = STN0()
    stored.load(results / "weights/stn0")
    stored.to(CPU)
    assert torch.equal(align(lr, None), stored.align(lr)[0])
    assert not torch.equal(align(lr, None), lr)


def test_time_limit_leaves_with_its_own_status_and_goes_on(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--device", "cpu", "--seconds"]
    with pytest.raises(SystemExit, match="75"):
        align_stn0.main(align_stn0.parser().parse_args([*arguments, "0"]))
    assert not align_stn0.stored(aligner())
    align_stn0.main(align_stn0.parser().parse_args([*arguments, "600"]))
    assert "going on from" in capsys.readouterr().out
    assert align_stn0.stored(aligner())


def test_a_full_device_is_one_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    monkeypatch.setattr(STN0, "loss", full)
    with pytest.raises(BadInput, match="cpu: the device's memory is full; lower batch_size, or take --step eager"):
        align_stn0.main(align_stn0.parser().parse_args(["--device", "cpu"]))


@pytest.mark.parametrize("change", ["lr", "data"])
def test_is_stored_only_as_params_and_data_stand(change: str, project: Path) -> None:
    align_stn0.main(align_stn0.parser().parse_args(["--device", "cpu"]))
    assert align_stn0.stored(aligner())
    if change == "lr":
        (project / "params.yaml").write_text((project / "params.yaml").read_text().replace("8}", '8, "lr": 0.5}'))
    else:
        (project / "data/tiny/manifest.json").write_text('{"hash": "other faces"}')
    assert not align_stn0.stored(aligner())


def test_round_trip(tmp_path: Path) -> None:
    method, other = STN0(), STN0()
    for parameter in method.module.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    method.save(tmp_path)
    other.load(tmp_path)
    lr = torch.rand(2, 3, 16, 16)
    assert torch.equal(method.upscale(lr), other.upscale(lr))
    assert method.upscale(lr).shape == (2, 3, 128, 128)
    torch.testing.assert_close(method.inspect(lr)["warp_stn0"], method.align(lr)[1])
