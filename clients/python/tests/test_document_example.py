"""The document's example runs as it is printed, and the README shows the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import document
from fake_server import FakeServer, Reply


def test_the_example_runs_as_printed(server: FakeServer, tmp_path: Path, model: Path, requirements: Path) -> None:
    # It is still being built when the example's next line wants a prediction.
    building = {**document.example("Get Deployment"), "status": "building"}
    server.next("GET", "/api/v1/deployments/dep-abc123", Reply(200, building))
    finished = subprocess.run(
        [sys.executable, "-c", document.code("Python", "python")],
        cwd=tmp_path,
        env={**os.environ, "SERVEML_URL": server.url},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert finished.stderr == ""
    assert finished.stdout == "0\nTotal predictions: 1542\n"
    (deployed,) = server.received("POST", "/api/v1/deploy")
    assert deployed.form["name"] == (None, b"my-model")
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer your-api-key"}


def test_the_readme_shows_it() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    assert document.code("Python", "python") in readme
