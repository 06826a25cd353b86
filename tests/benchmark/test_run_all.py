"""All trainings in one resumable command: its order, what it skips, and what time, failures and signals do to it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from small import ENVIRONMENT, change_params, make_project

from benchmark import cli, config, grid, run_all, session, train
from benchmark.cluster.claims import Claims
from benchmark.training import processes
from datasets.face import BadInput
from methods.mtun import TINY as MTUN

COMMAND = [sys.executable, "-m", "benchmark.run_all", "--device", "cpu", "--jobs", "1"]
SCORING = ["predict", "evaluate"]
SHORT = ("--only", "vdsr", "broken", "bicubic")


def set_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the commands that a test starts from the working directory."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny experiment, nothing of it trained, as the working directory."""
    monkeypatch.chdir(tmp_path)
    set_environment(monkeypatch)
    return make_project(tmp_path)


@pytest.fixture(scope="module")
def first_call(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The tiny experiment's folder after one call for the short runs, and what that call printed."""
    folder = make_project(tmp_path_factory.mktemp("whole"))
    answer = subprocess.run(
        [*COMMAND, *SHORT], cwd=folder, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, check=False
    )
    return folder, answer


@pytest.fixture
def trained(
    first_call: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A copy of that folder, as the working directory."""
    shutil.copytree(first_call[0], tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    set_environment(monkeypatch)
    return tmp_path / "project"


def call(*arguments: str) -> int:
    """Exit status of the command; its stages are processes of their own."""
    with pytest.raises(SystemExit) as left:
        run_all.main(run_all.parser().parse_args(["--device", "cpu", "--jobs", "1", *arguments]))
    assert isinstance(left.value.code, int)
    return left.value.code


def started(text: str) -> list[str]:
    """The stages that a printed text says were started, in order."""
    return re.findall(r"^(.* seed \d: \w+) starts$", text, re.MULTILINE)


def states(text: str) -> dict[tuple[str, str], str]:
    """The table's state by run and seed."""
    rows = re.findall(r"^ *(\w+) +(\d) +(stored|skipped|failed|not reached) ", text, re.MULTILINE)
    return {(run, seed): state for run, seed, state in rows}


def record(run: str, seed: int = 0) -> dict[str, Any]:
    return json.loads(Path(f"results/small/weights/{run}/seed{seed}/config.json").read_text())


def test_first_call_trains_in_order_and_goes_on_past_a_failure(
    first_call: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, answer = first_call
    assert answer.returncode == 1
    assert started(answer.stdout) == [
        "stn0 seed 0: align_stn0",
        *(f"vdsr seed 0: {stage}" for stage in ("train", *SCORING)),
        "broken seed 0: train",
        *(f"bicubic seed 0: {stage}" for stage in ("train", *SCORING)),
        *(f"vdsr seed 1: {stage}" for stage in ("train", *SCORING)),
    ]
    assert answer.stderr.splitlines()[-1] == "failed: broken seed 0 (train, status 2)"
    assert "position_patch faces 1000" in answer.stderr  # the stage's own words pass through
    stored = {("stn0", "0"), ("vdsr", "0"), ("bicubic", "0"), ("vdsr", "1")}
    assert states(answer.stdout) == {("broken", "0"): "failed", **dict.fromkeys(stored, "stored")}
    # After seed 0 the run was scored by itself, in the end with both.
    assert answer.stdout.count("vdsr: missing seed 1; this is of seed 0 alone") == 2
    facts = json.loads((folder / "results/small/metrics/vdsr.facts.json").read_text())
    assert facts["seeds"] == 2
    assert facts["scored_seeds"] == [0, 1]
    assert facts["training"][1]["seed"] == 1
    assert not (folder / "results/small/metrics/broken.json").exists()


def test_second_call_skips_what_is_there(trained: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call("--only", "vdsr", "bicubic") == 0
    printed = capfd.readouterr().out
    assert started(printed) == []
    assert printed.count("stored before, skipped") == 4
    assert set(states(printed).values()) == {"skipped"}


def test_anew_trains_what_was_not_trained_here(trained: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = config.load().run("vdsr")
    before = [(run.weights(seed) / "weights.safetensors").read_bytes() for seed in run.seeds]
    shutil.rmtree(train.work_of(run, 1))  # as if these weights had been brought from elsewhere
    assert call("--only", "vdsr", "--anew") == 0
    assert started(capfd.readouterr().out) == ["vdsr seed 1: train"]
    assert [(run.weights(seed) / "weights.safetensors").read_bytes() for seed in run.seeds] == before
    assert call("--only", "vdsr", "--anew") == 0
    assert started(capfd.readouterr().out) == []
    (train.work_of(run, 0) / session.MADE_HERE).unlink()  # as where a kill left resume state beside stored weights
    assert call("--only", "vdsr", "--anew") == 0
    assert started(capfd.readouterr().out) == ["vdsr seed 0: train"]


def test_anew_with_names_leaves_stn0_alone(trained: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("stn0", "bicubic"):
        [training] = [t for t in grid.trainings_of(config.load()) if t.name == name]
        shutil.rmtree(grid.work_of(training), ignore_errors=True)
    assert call("--only", "bicubic", "--anew") == 0
    assert started(capfd.readouterr().out)[0] == "bicubic seed 0: train"
    assert call("--only", "stn0", "--anew") == 0
    assert started(capfd.readouterr().out) == ["stn0 seed 0: align_stn0"]


def test_seed_that_no_run_has_is_refused(project: Path) -> None:
    with pytest.raises(BadInput, match="--seed 7: no such run has it"):
        run_all.main(run_all.parser().parse_args(["--only", "vdsr", "--seed", "7"]))


def test_what_was_scored_elsewhere_is_not_trained_again(trained: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree("results/small/weights")  # as in a checkout of what another machine has trained
    shutil.rmtree("work")
    assert call("--only", "vdsr", "bicubic", "--unscored") == 0
    assert started(capfd.readouterr().out) == []
    change_params(runs={"vdsr": {"seeds": 3}}, training={"seeds": 3})
    assert left() == ["vdsr seed 2"]
    change_params(stn0={"epochs": 2})
    assert left() == ["stn0 seed 0", "bicubic seed 0", "vdsr seed 2"]


def left() -> list[str]:
    """What would be trained for the sake of scores that are missing."""
    return [str(training) for training in grid.unscored(grid.trainings_of(config.load(), ["vdsr", "bicubic"]))]


def test_nohup_is_heeded(project: Path) -> None:
    command = [*COMMAND, "--only", "long"]
    with Path("said").open("w") as said:
        process = subprocess.Popen(["nohup", *command], stdout=said, stderr=said)
    while "starts" not in Path("said").read_text():
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGHUP)
    assert process.wait(120) == 0


@pytest.mark.parametrize("tampered", ["weights/vdsr/seed1/weights.safetensors", "metrics/vdsr.csv"])
def test_metrics_that_are_not_of_the_stored_weights_are_made_again(trained: Path, tampered: str) -> None:
    run = config.load().run("vdsr")
    assert grid.scored(run)
    path = Path("results/small", tampered)
    path.write_bytes(path.read_bytes() + b" ")
    assert not grid.scored(run)


def test_changed_option_trains_that_run_alone_and_jobs_write_logs(
    trained: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    change_params(runs={"bicubic": {"align": "oracle"}})
    before = record("bicubic")
    assert call("--only", "vdsr", "bicubic", "--jobs", "2") == 0
    printed = capfd.readouterr().out
    assert started(printed) == [f"bicubic seed 0: {stage}" for stage in ("train", *SCORING)]
    assert states(printed) == {("bicubic", "0"): "stored", ("vdsr", "0"): "skipped", ("vdsr", "1"): "skipped"}
    assert (before["align"], record("bicubic")["align"]) == ("stn0", "oracle")
    assert json.loads(Path("results/small/metrics/bicubic.facts.json").read_text())["training"] == [record("bicubic")]
    log = Path("work/run_all/small-bicubic-seed0.log").read_text()
    assert "weights/bicubic/seed0: stored" in log
    assert "bicubic: PSNR" in log
    assert "bicubic: PSNR" not in printed


def test_out_of_time_goes_on_to_the_weights_of_an_unbroken_run(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    child = session.child

    async def hurried(command: list[str], environment: dict[str, str], log: Path | None) -> int:
        """The training has no second left, however fast this machine is."""
        given = command.index("--seconds") + 1
        return await child([*command[:given], "0", *command[given + 1 :]], environment, log)

    with monkeypatch.context() as patch:
        patch.setattr(session, "child", hurried)
        assert call("--only", "long", "--seconds", "600") == cli.OUT_OF_TIME
    printed = capfd.readouterr().out
    assert started(printed) == ["long seed 0: train"]
    assert states(printed) == {("long", "0"): "not reached"}
    assert printed.splitlines()[-1] == "time is up; the same command goes on from here"
    assert not Path("results/small/weights/long").exists()

    assert call("--only", "long") == 0
    printed = capfd.readouterr().out
    assert re.search(r"going on from work/.*: phase 1, epoch", printed)
    assert states(printed) == {("long", "0"): "stored"}

    weights = Path("results/small/weights/long/seed0/weights.safetensors")
    resumed = weights.read_bytes()
    shutil.rmtree("results")
    shutil.rmtree("work")
    train.main(train.parser().parse_args(["--run", "long", "--device", "cpu"]))
    assert "going on from" not in capfd.readouterr().out
    assert weights.read_bytes() == resumed


def test_nothing_is_started_with_too_little_time(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(*SHORT, "--seconds", "4") == cli.OUT_OF_TIME
    printed = capfd.readouterr().out
    assert started(printed) == []
    assert set(states(printed).values()) == {"not reached"}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and only Linux ends the children of a killed process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGUSR2])
def test_no_training_outlives_the_command(project: Path, number: int) -> None:
    change_params(runs={"long": {"epochs": 100_000}})
    # Tests in a shell's background are started deaf to SIGINT, and what they start would be too.
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    parent = subprocess.Popen([*COMMAND, "--only", "long"], stdout=subprocess.DEVNULL, preexec_fn=heard)
    wait_for(lambda: bool(trainings_of(parent)))
    [child] = trainings_of(parent)
    parent.send_signal(number)
    try:
        status = {signal.SIGKILL: -signal.SIGKILL, signal.SIGUSR2: cli.OUT_OF_TIME}  # the latter is a scheduler's
        assert parent.wait(30) == status.get(signal.Signals(number), cli.INTERRUPTED)
        wait_for(lambda: ended(child))
    finally:
        parent.kill()
        if not ended(child):
            os.kill(int(child.name), signal.SIGKILL)


def trainings_of(parent: subprocess.Popen) -> list[Path]:
    """The /proc folders of a command's trainings, not of its other children, which may end at any moment."""
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    return [process for process in map(Path("/proc").joinpath, children) if b"benchmark.train" in command_line(process)]


def command_line(process: Path) -> bytes:
    """What a process of /proc was started with; nothing once it is gone."""
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def ended(process: Path) -> bool:
    """Whether a process of /proc is gone, or waits to be cleared away."""
    try:
        return "\nState:\tZ" in (process / "status").read_text()
    except OSError:
        return True


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it holds, half a minute at most."""
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("waited for half a minute")


def fake_stages(monkeypatch: pytest.MonkeyPatch, **status: int) -> list[list[str]]:
    """Stages that do nothing and end with a status (default 0); returns the list that their commands are added to."""
    commands = []

    async def child(command: list[str], environment: dict[str, str], log: Path | None) -> int:
        commands.append(command[2:])
        return status.get(command[2].split(".")[1], 0)

    monkeypatch.setattr(session, "child", child)
    monkeypatch.setattr(run_all, "table", lambda trainings: pd.DataFrame({"seconds": [0.0]}))
    return commands


def test_other_stn0_is_trained_first_and_its_failure_holds_up_those_that_need_it(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    change_params(stn0={"epochs": 2})
    commands = fake_stages(monkeypatch, align_stn0=3, train=3)
    assert call(*SHORT) == 1
    assert [command[0] for command in commands] == ["benchmark.align_stn0", "benchmark.train"]
    assert "broken" in commands[1]
    assert "failed: stn0 seed 0 (align_stn0, status 3)" in capfd.readouterr().err


def test_stages_get_experiment_device_and_the_seconds_that_are_left(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = fake_stages(monkeypatch)
    call("--only", "vdsr", "--seconds", "1000")
    assert [command[0] for command in commands] == [f"benchmark.{stage}" for stage in ("train", *SCORING)] * 2
    for command, seed in zip(commands[::3], "01", strict=True):
        given = train.parser().parse_args(command[1:])
        assert (given.experiment, given.run, given.seed, given.device) == ("small", "vdsr", int(seed), "cpu")
        assert 900 < given.seconds <= 1000 - session.START_UP


def test_what_another_machine_is_at_is_left_until_that_ends(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    other = Claims(grid.LOGS / "claims", place="another machine").take("small-vdsr-seed-0")
    assert other is not None
    commands = fake_stages(monkeypatch)
    fake = session.child

    async def child(command: list[str], environment: dict[str, str], log: Path | None) -> int:
        if command[-4:-2] == ["--seed", "1"]:
            other.release()
        return await fake(command, environment, log)

    monkeypatch.setattr(session, "child", child)
    assert call("--only", "vdsr") == 0
    seeds = [train.parser().parse_args(command[1:]).seed for command in commands if command[0] == "benchmark.train"]
    assert seeds == [1, 0]
    assert re.findall("^(vdsr seed .): .* is at it; left until that ends$", capfd.readouterr().out, re.MULTILINE) == [
        "vdsr seed 0"
    ]


def test_a_shared_phase_is_trained_and_no_more(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    change_params(methods={"mtun": {**MTUN, "random_vgg_width": 4}})
    change_params(runs={"long": {"method": "mtun", "epochs": 1000}})
    assert call("--only", "long", "--until", "front") == 0
    assert started(capfd.readouterr().out) == ["long seed 0: train"]
    assert list(Path("work").glob("shared-*/front-*/*.ckpt"))
    assert not Path("results/small/weights/long").exists()


def test_wrong_run_option_and_jobs_are_told_before_anything_starts(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = fake_stages(monkeypatch)
    for arguments, says in ((["--only", "ours"], "no run 'ours'"), (["--jobs", "0"], "--jobs 0: give 1 or more")):
        with pytest.raises(BadInput, match=says):
            run_all.main(run_all.parser().parse_args(arguments))
    change_params(runs={"long": {"depht": 3}})
    with pytest.raises(BadInput, match="no option 'depht'"):
        run_all.main(run_all.parser().parse_args([]))
    shutil.rmtree("data")
    with pytest.raises(
        BadInput, match=r"data/small/train: no such folder; run `python -m benchmark.prepare --experiment small` first"
    ):
        run_all.main(run_all.parser().parse_args([]))
    assert commands == []


def test_one_seed_of_all_comes_before_more_seeds(project: Path) -> None:
    found = [str(training) for training in grid.trainings_of(config.load())]
    first = [f"{name} seed 0" for name in ("stn0", "vdsr", "broken", "bicubic", "long")]
    assert found == [*first, "vdsr seed 1"]
    without_stn0 = grid.trainings_of(config.load(), ["long", "vdsr"])
    assert [str(training) for training in without_stn0] == ["vdsr seed 0", "long seed 0", "vdsr seed 1"]


def test_what_decides_a_training_decides_whether_it_is_done(trained: Path) -> None:
    experiment = config.load()
    run = experiment.run("bicubic")
    assert train.stored(run, 0)
    assert not train.stored(run, 1)
    weights = config.load().run("vdsr").weights(1) / "weights.safetensors"
    weights.rename("kept")
    assert not train.stored(config.load().run("vdsr"), 1)  # its record alone is no network
    Path("kept").rename(weights)
    stn0 = experiment.aligner("stn0").weights() / "weights.safetensors"
    content = stn0.read_bytes()
    stn0.write_bytes(content + b" ")
    assert not train.stored(run, 0)  # aligned by another training of the same STN_0
    assert train.stored(config.load().run("vdsr"), 1)
    stn0.write_bytes(content)
    assert train.stored(run, 0)
    change_params(stn0={"epochs": 2})
    assert not train.stored(config.load().run("bicubic"), 0)  # aligned by an STN_0 that is another now
    assert train.stored(config.load().run("vdsr"), 1)
    for change in ({"align": "oracle"}, {"align": "none", "width": 5}):
        change_params(runs={"vdsr": change})
        assert not train.stored(config.load().run("vdsr"), 1)
    (experiment.data / "manifest.json").write_text('{"hash": "other faces"}')
    assert not train.stored(run, 0)


def test_status_tells_where_each_training_stands_and_starts_nothing(
    trained: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run_all.main(run_all.parser().parse_args(["--status", "--only", "vdsr", "long"]))
    lines = [line.split()[:3] for line in capfd.readouterr().out.splitlines()]
    assert lines == [
        ["run", "seed", "state"],
        ["vdsr", "0", "stored"],
        ["long", "0", "waiting"],
        ["vdsr", "1", "stored"],
    ]
    assert not Path("results/small/weights/long").exists()


def test_a_missing_vgg_file_fails_the_trainings_alone(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    change_params(training={"vgg": "absent.safetensors"})
    assert call("--only", "vdsr", "bicubic") == 1
    printed = capfd.readouterr()
    assert states(printed.out)["bicubic", "0"] == "stored"
    assert states(printed.out)["vdsr", "0"] == "failed"
    assert "absent.safetensors: no such file" in printed.err


def test_status_needs_no_vgg_file(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    change_params(training={"vgg": "absent.safetensors"})
    run_all.main(run_all.parser().parse_args(["--status", "--only", "vdsr", "--seed", "0"]))
    assert capfd.readouterr().out.splitlines()[1].split()[:3] == ["vdsr", "0", "waiting"]


def test_a_missing_vgg_file_fails_what_is_stored_and_trained_anew_alone(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    change_params(training={"vgg": "absent.safetensors"})
    run = config.load().run("vdsr")
    run.weights(0).mkdir(parents=True)
    (run.weights(0) / "config.json").write_text(json.dumps(train.expected(run, 0)))  # as if brought from elsewhere
    (run.weights(0) / "weights.safetensors").touch()
    assert call("--only", "vdsr", "bicubic", "--anew", "--seed", "0") == 1
    found = states(capfd.readouterr().out)
    assert found == {("vdsr", "0"): "failed", ("bicubic", "0"): "stored", ("stn0", "0"): "stored"}


def test_as_many_trainings_at_a_time_as_have_their_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "cpu_count", lambda: 8)
    assert len(processes.slots("cpu", None, threads=1)) == 8
    assert len(processes.slots("cpu", None, threads=3)) == 2
    assert len(processes.slots("cpu", None, threads=16)) == 1
    assert len(processes.slots("cpu", 5, threads=1)) == 5


def test_jobs_take_the_cuda_devices_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert processes.slots("cpu", None) == [{}]
    assert processes.slots("cpu", 3) == [{}, {}, {}]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [slot["CUDA_VISIBLE_DEVICES"] for slot in processes.slots("auto", None)] == ["0", "1"]
    assert [slot["CUDA_VISIBLE_DEVICES"] for slot in processes.slots("auto", 3)] == ["0", "1", "0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert [slot["CUDA_VISIBLE_DEVICES"] for slot in processes.slots("cuda", 2)] == ["5", "7"]
