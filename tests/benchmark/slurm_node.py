"""A SLURM of this one machine, without systemd, in a folder: munged, slurmctld and slurmd, started and stopped."""

import contextlib
import os
import platform
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol")
CPUS = 2
CONFIG = """\
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
MpiDefault=none
JobRequeue=1
ReturnToService=1
KillWait=15
UnkillableStepTimeout=300
MinJobAge=3600
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} State=UNKNOWN\n"


def missing() -> str:
    """Why SLURM cannot be started here; empty where it can."""
    if absent := [name for name in PROGRAMS if not shutil.which(name, path=search_path())]:
        return f"{', '.join(absent)} not installed: apt-get install slurm-wlm munge"
    return "" if os.geteuid() == 0 else "slurmd needs root"


def search_path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


@contextlib.contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """A running SLURM whose state is in `folder`; gives the environment in which its commands find it."""
    (folder / "state").mkdir(parents=True)
    host = platform.node()
    (folder / "spool" / host).mkdir(parents=True)
    folder.chmod(0o755)  # munged will not have its socket where others may write
    config = CONFIG.format(host=host, folder=folder, controller=free_port())
    node = NODE.format(name=host, host=host, port=free_port(), cpus=CPUS)
    (folder / "slurm.conf").write_text(config + node)
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": search_path()}
    munged = ["munged", "--foreground", "--force", "--key-file", str(key), "--socket", str(folder / "munge.socket")]
    for what in ("pid-file", "log-file", "seed-file"):
        munged += [f"--{what}", str(folder / f"munge.{what}")]
    with contextlib.ExitStack() as stack:
        start(stack, munged, environment, folder)
        wait_for(lambda: (folder / "munge.socket").exists(), "munged", folder)
        start(stack, ["slurmctld", "-D", "-c"], environment, folder)
        start(stack, ["slurmd", "-D", "-c", "-N", host], environment, folder)
        idle = ("sinfo", "--noheader", "--Node", "--states=idle", "--format=%N")
        wait_for(lambda: command(environment, *idle).split() == [host], "slurmd", folder)
        try:
            yield environment
        finally:
            command(environment, "scancel", "--full", "--signal=KILL", "--user=root")
            command(environment, "scancel", "--user=root")
            time.sleep(2)  # slurmd clears away its jobs


def start(stack: contextlib.ExitStack, words: list[str], environment: dict[str, str], folder: Path) -> None:
    """Start a daemon that ends with the stack."""
    log = stack.enter_context((folder / "daemons.log").open("ab"))
    daemon = subprocess.Popen(words, env={**os.environ, **environment}, stdout=log, stderr=log)

    def stop() -> None:
        daemon.terminate()
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    stack.callback(stop)


def command(environment: dict[str, str], *words: str) -> str:
    """What a command of SLURM prints; empty where it fails."""
    answer = subprocess.run(words, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    return answer.stdout if answer.returncode == 0 else ""


def wait_for(condition, what: str, folder: Path) -> None:
    """Until it holds, a minute at most; else what the daemons said."""
    for _ in range(120):
        if condition():
            return
        time.sleep(0.5)
    logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in folder.glob("*log*"))
    raise RuntimeError(f"{what} does not come up:\n{logs}")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
