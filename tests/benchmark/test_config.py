"""params.yaml resolved, and its mistakes told in one line."""

import copy
import re
from pathlib import Path
from typing import Any

import experiments
import pytest
import yaml

from benchmark import config
from benchmark.runs import make
from datasets.face import BadInput

ROOT = Path(__file__).parents[2]
SMALL = experiments.block(
    "small",
    methods={"bicubic": None, "mtun": {"epochs": 3, "width": 4, "trunk": "trunk"}},
    pretrained={"stn0": {"method": "stn0"}, "trunk": {"method": "mtun_trunk", "seeds": 2}},
    runs={
        "bicubic": {"method": "bicubic", "align": "oracle"},
        "nearest": {"method": "nearest"},
        "ours": {"method": "mtun", "seeds": 3, "width": 8},
        "alone": {"method": "mtun", "trunk": "none"},
        "typo": {"method": "bicubic", "align": "stn1"},
        "lost": {"method": "mtun", "trunk": "oracle"},
    },
)


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return experiments.write(tmp_path, SMALL, experiments.block("large"))


def test_experiment_is_the_files_choice_or_ones_own(params: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.load().name == "small"
    assert config.load("large").name == "large"
    monkeypatch.setenv("EXPERIMENT", "large")
    assert config.load().name == "large"
    assert config.load("small").training.seeds == 2
    with pytest.raises(BadInput, match=r"'huge'.*small, large"):
        config.load("huge")


def test_run_has_the_experiments_options_and_its_own(params: Path) -> None:
    run = config.load().run("ours")
    assert (run.method, run.options, run.seeds) == ("mtun", {"epochs": 3, "width": 8}, [0, 1])
    assert (run.trunk, config.load().run("alone").trunk) == ("trunk", None)


@pytest.mark.parametrize(
    ("name", "align", "below"),
    [("bicubic", "oracle", []), ("nearest", "stn0", [("stn0", 0)]), ("ours", "none", [("trunk", 1)])],
)
def test_alignment_is_the_runs_own_or_the_methods_and_a_training_builds_on_stn0_and_its_seeds_trunk(
    name: str, align: str, below: list[tuple[str, int]], params: Path
) -> None:
    run = config.load().run(name)
    assert make.alignment_of(run) == align
    assert [(needed.name, seed) for needed, seed in make.foundations(run, 1)] == below


def test_every_experiment_has_what_the_pipeline_reads() -> None:
    blocks = yaml.safe_load((ROOT / "params.yaml").read_text())["experiments"]
    for path in set(re.findall(r"\bexperiment((?:\.[a-z]+)+)", (ROOT / "dvc.yaml").read_text())):
        for name, value in blocks.items():
            for key in path.split(".")[1:]:
                assert key in value, f"{name} lacks {path}, without which DVC refuses its stages"
                value = value[key]


@pytest.mark.parametrize(
    ("name", "says"), [("nope", "no run 'nope'"), ("typo", "'stn1'.* oracle, none"), ("lost", "'oracle'")]
)
def test_wrong_run_is_refused(name: str, says: str, params: Path) -> None:
    with pytest.raises(BadInput, match=says):
        config.load().run(name)


MERGED = "experiments:\n  small: &small {<<: {name: small}, corpus: a}\nexperiment: *small\n"
LACKS = r"lacks .*experiment.*; `git checkout params\.yaml`"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file or directory; run from the project's folder"),
        ("experiment: [a\nb: {", r"params\.yaml: not YAML"),
        *((content, LACKS) for content in ("", "3", "- a", "experiments: {}\n")),
        (MERGED + "experiment: *small\n", r"`experiment:` a second time in \"params.yaml\", line 4,"),
        (MERGED, r"experiments\.small\.corpora: field required"),  # a merged key is none that is repeated
    ],
)
def test_file_of_something_else_says_what_is_wrong(content: str | None, says: str, params: Path) -> None:
    params.unlink()
    if content is not None:
        params.write_text(content)
    with pytest.raises(BadInput, match=says):
        config.load()


@pytest.mark.parametrize(
    ("keys", "value", "says"),
    [
        (("prepare",), ..., r"small\.prepare: field required"),
        (("training", "vgg"), ..., r"training\.vgg: field required"),
        (("prepare", "copies_togther"), True, r"prepare\.copies_togther: no such key; known are .*copies_together"),
        (("training", "precison"), "float32", r"training\.precison: no such key; known are recipe, .*precision"),
        (("training", "precision"), "float16", r"training\.precision: 'float16': input should be 'auto', 'float32'"),
        (("training", "seeds"), 0, r"training\.seeds: 0: input should be greater than or equal to 1"),
        (("training", "seeds"), "3", r"training\.seeds: '3': input should be a valid integer"),
        (("training", "threads"), 1.5, r"training\.threads: 1\.5: input should be a valid integer"),
        (("prepare", "test_fraction"), 1.0, r"prepare\.test_fraction: 1\.0: input should be less than 1"),
        (("runs", "ours"), 3, r"runs\.ours: 3: input should be a valid dictionary"),
        (("runs", "ours", "seeds"), -1, r"runs\.ours\.seeds: -1: input should be greater"),
        (("runs", "ours", "method"), ..., r"runs\.ours\.method: field required"),
    ],
)
def test_wrong_option_is_named_with_its_value(keys: tuple[str, ...], value: Any, says: str, params: Path) -> None:
    block = parent = copy.deepcopy(SMALL)
    for key in keys[:-1]:
        parent = parent[key]
    if value is ...:
        del parent[keys[-1]]
    else:
        parent[keys[-1]] = value
    experiments.write(params.parent, block)
    with pytest.raises(BadInput, match=f"^params.yaml: experiments.*{says}"):
        config.load("small")


@pytest.mark.parametrize("name", yaml.safe_load((ROOT / "params.yaml").read_text())["experiments"])
def test_every_experiment_of_the_project_is_sound(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    experiment = config.load(name)
    for run in [*experiment.pretrained, *experiment.runs]:
        chosen = experiment.run(run)
        make.options_of(chosen)
        assert {below.name for below, _ in make.foundations(chosen, 0)} <= {*experiment.pretrained}
