"""An experiment's trainings as jobs: which there are, and what each waits for."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import pytest
import yaml
from small import make_project

from benchmark import config, jobs, run_all, train
from benchmark.grid import Training, trainings_of
from datasets.face import BadInput
from methods.mtun import TINY

RUNS = {
    "bicubic": {"method": "bicubic"},
    "free": {"method": "bicubic", "align": "none"},
    "ours": {"method": "mtun", "seeds": 2},
    "ours_p": {"method": "mtun", "feature": False, "adversarial": False},
    "ours_r16": {"method": "mtun", "heb_at": 16, "skip": False},
    "wide": {"method": "mtun", "width": 6},
}


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> config.Experiment:
    monkeypatch.chdir(make_project(tmp_path))
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["experiments"]["small"]["methods"]["mtun"] = {**TINY, "random_vgg_width": 4}
    params["runs"] = RUNS
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return config.load()


def options(*words: str) -> argparse.Namespace:
    return run_all.parser().parse_args(["--cluster", "slurm", "--device", "cpu", *words])


def planned(experiment: config.Experiment, *words: str) -> dict[str, tuple[str, ...]]:
    """What each job waits for."""
    return {job.name: job.needs for job in jobs.jobs_of(experiment, trainings_of(experiment), options(*words))}


def test_stn0_and_a_shared_first_phase_come_first_and_the_report_last(experiment: config.Experiment) -> None:
    found = planned(experiment)
    front = "front of ours seed 0"
    assert list(found)[:2] == ["stn0", front]
    assert found["bicubic seed 0"] == ("stn0",)
    assert found["free seed 0"] == ()
    assert found["ours seed 0"] == found["ours_p seed 0"] == (front,)
    assert found["wide seed 0"] == found["ours seed 1"] == ()  # whose front is no other's
    assert list(found)[-2:] == ["recognise", "report"]
    assert set(found["recognise"]) == {*found} - {"recognise", "report"}
    assert found["report"] == ("recognise",)


def test_each_stn0_is_made_for_those_that_need_it(experiment: config.Experiment) -> None:
    told = {"bicubic_told": {"method": "bicubic", "align": "stn0_told"}}
    with pytest.raises(BadInput, match=r"no options of stn0_told: add it to experiments\.small"):
        trainings_of(dataclasses.replace(experiment, runs=RUNS | told))
    params = {**experiment.params, "stn0_told": {"epochs": 1}}
    experiment = dataclasses.replace(experiment, params=params, runs=RUNS | told)
    found = planned(experiment)
    assert list(found)[:2] == ["stn0", "stn0_told"]
    assert (found["bicubic seed 0"], found["bicubic_told seed 0"]) == (("stn0",), ("stn0_told",))
    assert [str(t) for t in trainings_of(experiment, ["bicubic_told"])] == ["stn0_told seed 0", "bicubic_told seed 0"]
    assert train.expected(experiment.run("bicubic_told"), 0)["stn0"] == {"epochs": 1}


def test_what_is_done_needs_no_job(experiment: config.Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    done = {"stn0", "ours", "free"}
    monkeypatch.setattr(jobs, "stored", lambda training: training.name in done)
    monkeypatch.setattr(jobs, "scored", lambda run: run.name != "free")
    found = planned(experiment)
    assert found["bicubic seed 0"] == ()
    assert found["free seed 0"] == ()  # is to be scored
    assert "stn0" not in found
    assert not [name for name in found if name.startswith("ours seed")]
    assert [name for name in found if name.startswith("front of")] in ([], ["front of ours_p seed 0"])


def test_a_job_is_a_call_for_one_training_with_less_than_its_time(experiment: config.Experiment) -> None:
    found = jobs.jobs_of(experiment, trainings_of(experiment), options("--minutes", "60"))
    front, ours = (next(job for job in found if job.name == name) for name in ("front of ours seed 0", "ours seed 1"))
    given = run_all.parser().parse_args(ours.command[3:])
    assert ours.command[1:3] == ("-m", "benchmark.run_all")
    assert (given.experiment, given.only, given.seed, given.until) == ("small", ["ours"], 1, None)
    assert 3000 < given.seconds < 3600
    assert run_all.parser().parse_args(front.command[3:]).until == "front"
    assert [str(t) for t in trainings_of(experiment, given.only, given.seed)] == ["ours seed 1"]
    assert [str(t) for t in trainings_of(experiment, ["stn0"], 0)] == ["stn0 seed 0"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--minutes", "0"), "--minutes 0: give 3"),
        (("--array", "0"), "--array 0: give 1"),
        (("--nodes", "0"), "--nodes 0: give 1"),
        (("--gpus", "-1"), "--gpus -1: give 0"),
        (("--seconds", "60"), "--seconds: a job ends by --minutes"),
    ],
)
def test_wrong_numbers_are_told(experiment: config.Experiment, words: tuple[str, ...], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        jobs.run(experiment, [], options(*words))


def test_paper_shares_its_fronts_by_seed_and_kind() -> None:
    paper = config.load("standin", Path(__file__).parents[2] / "params.yaml")
    trainings = [Training(paper.run(name), 0) for name in ("ours", "ours_s1", "no_heb_p", "vdsr", "srgan")]
    names = [[str(training) for training in sharers] for _, sharers in jobs.shared_phases(trainings)]
    assert names == [["ours seed 0", "ours_s1 seed 0", "no_heb_p seed 0"]]
