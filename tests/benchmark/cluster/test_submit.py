"""Jobs through submitit's local executor: their order, what failures and pre-emption do, and how many at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.cluster import submit
from benchmark.cluster.job import Job
from datasets.face import BadInput

ROOT = Path(__file__).parents[3]


def shell(name: str, script: str, *needs: str, always: bool = False) -> Job:
    return Job(name, ("sh", "-c", script), needs, always)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def local(*jobs: Job, slots: int = 2) -> dict[str, bool]:
    return submit.local(list(jobs), [{"SLOT": str(i)} for i in range(slots)], Path("logs"))


def test_jobs_wait_for_what_they_need_and_failures_stop_those_alone() -> None:
    outcome = local(
        shell("stn0", "sleep 1; touch stn0"),
        shell("broken", "exit 2"),
        shell("ours", "test -e stn0 && touch ours", "stn0"),
        shell("held up", "touch never", "broken"),
        shell("held up too", "touch never", "held up"),
        shell("report", "test -e ours && touch report", "ours", "held up too", always=True),
    )
    assert outcome == {
        "stn0": True,
        "broken": False,
        "ours": True,
        "held up": False,
        "held up too": False,
        "report": True,
    }
    assert Path("report").exists()
    assert not Path("never").exists()


def test_out_of_time_is_called_again_and_each_slot_has_one_job() -> None:
    script = (
        "mkdir slot$SLOT && sleep 0.5 && rmdir slot$SLOT || exit 2; test -e seen{0} || {{ touch seen{0}; exit 75; }}"
    )
    outcome = local(*(shell(str(i), script.format(i)) for i in range(3)))
    assert outcome == {"0": True, "1": True, "2": True}


def test_slurm_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BadInput, match="no srun to be found"):
        submit.slurm([], submit.Request(minutes=1, array=1), Path("logs"))
