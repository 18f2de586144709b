"""Processes that are started, measured and ended, each with everything that came of it."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import time

# How long a process may take to end before it is killed.
GRACE = 15


@contextlib.contextmanager
def running(command: list, log: pathlib.Path, **options):
    """Starts a process in a group of its own; in the end it and its group are gone."""
    with open(log, "ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=options.pop("stdout", output), stderr=output, start_new_session=True, **options
        )
    try:
        yield process
    finally:
        for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience)
        if process.stdout:
            process.stdout.close()


def tree(root: int) -> list[int]:
    """A process and all that descend from it."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children: dict[int, list[int]] = {}
    for line in listing.splitlines():
        process, parent = map(int, line.split())
        children.setdefault(parent, []).append(process)
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def memory(processes: list[int]) -> float:
    """Their memory in MB: what they share is counted once (PSS) where the system tells, else once for each (RSS)."""
    return sum(_memory_of(process) for process in processes) / 1024


def _memory_of(process: int) -> int:
    try:
        text = pathlib.Path(f"/proc/{process}/smaps_rollup").read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    except (OSError, StopIteration):
        shown = subprocess.run(["ps", "-o", "rss=", "-p", str(process)], capture_output=True, text=True, check=False).stdout
        return int(shown.strip() or 0)


def cpu_seconds(processes: list[int]) -> float:
    """The time that these processes have kept a core busy."""
    return sum(_cpu_seconds_of(process) for process in processes)


def _cpu_seconds_of(process: int) -> float:
    try:
        # What stands before the last bracket is the program's name, which may hold anything.
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        shown = subprocess.run(["ps", "-o", "time=", "-p", str(process)], capture_output=True, text=True, check=False).stdout
        parts = [float(part) for part in shown.strip().replace("-", ":").split(":") if part]
        return sum(part * 60**place for place, part in enumerate(reversed(parts)))


def instances(platform: int) -> list[int]:
    """The processes of deployed models below a platform: those that have a deployment's id in their environment."""
    found = []
    for process in tree(platform)[1:]:
        with contextlib.suppress(OSError):
            variables = pathlib.Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
            if any(variable.startswith(b"DEPLOYMENT_ID=") for variable in variables):
                found.append(process)
    return found


def until(condition, what: str, patience: float = 120.0):
    """Asks again until there is an answer, and gives it."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.005)
    raise TimeoutError(f"{what} did not happen within {patience:.0f} s")


def cores() -> int:
    """How many cores these processes may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
