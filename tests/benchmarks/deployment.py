"""The platform on this machine, and the time that a deployment takes on it, stage by stage."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
import urllib.request

import processes
from workshop import FOLDER, HERE, Failure, Workshop

DATA, CACHE = FOLDER / "platform", FOLDER / "platform-cache"
# Seconds without a call until the model sleeps: short, since its awakening is measured.
IDLE = 5


@contextlib.contextmanager
def platform(workshop: Workshop):
    """The platform over the data of the run: its process and its URL."""
    command = [workshop.binary, "serve", "--port", "0", "--quiet", "--data", DATA, "--cache", CACHE, "--model-idle", str(IDLE)]
    with processes.running(command, FOLDER / "platform.log", stdout=subprocess.PIPE, text=True, cwd=FOLDER) as process:
        for line in process.stdout:
            found = [word for word in line.split() if word.startswith("http://localhost:")]
            if found:
                yield process, found[0]
                return
        raise Failure(f"the platform did not start; {FOLDER / 'platform.log'} says why")


def forget() -> None:
    """Removes all data and all caches of the platform: the next deployment is the first."""
    for folder in (DATA, CACHE):
        shutil.rmtree(folder, ignore_errors=True)


def deploy(url: str, workshop: Workshop, turn: int) -> dict:
    """Deploys the forest and waits; the job as the API gives it."""
    versions = workshop.versions
    request = {
        "script_name": "forest.py",
        "script_content": (HERE / "forest.py").read_text(),
        "experiment_name": "benchmarks",
        "model_name": "forest",
        "requirements": [f"{name}=={versions[name]}" for name in ("mlflow", "scikit-learn", "numpy")],
        # What is told differs from turn to turn, so that nothing is taken for a repetition.
        "environment_vars": {"TURN": str(turn)},
    }
    job_id = _json(f"{url}/mlops/deploy", request)["job_id"]
    while True:
        job = _json(f"{url}/mlops/deployments/{job_id}")
        if job["status"] == "deployed":
            return job
        if job["status"] == "failed":
            raise Failure(f"the deployment failed: {job['error']}\n{job['logs']}")
        time.sleep(0.1)


def stages(job: dict) -> dict[str, float]:
    """Seconds that a deployment took in each stage and in all."""
    told = {stage["status"]: stage["duration_seconds"] for stage in job["stages"] if stage.get("duration_seconds") is not None}
    return {**told, "all": job["duration_seconds"]}


def _json(url: str, body: dict | None = None) -> dict:
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)
