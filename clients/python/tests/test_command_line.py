"""The command ``serveml``, as a shell runs it and, for the terminal, in this process."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import document
import pytest
from fake_server import FakeServer, Reply, deployment, error_reply

import serveml
from serveml.command_line import main
from serveml.command_line.progress import Display


class Shell:
    def __init__(self, server: FakeServer, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "SERVEML_URL": server.url, "SERVEML_API_KEY": "key"}

    def run(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "serveml", *arguments],
            cwd=self.folder,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture
def shell(server: FakeServer, tmp_path: Path) -> Shell:
    return Shell(server, tmp_path)


def test_deploy(shell: Shell, server: FakeServer, model: Path, requirements: Path) -> None:
    server.next("GET", "/api/v1/deployments/dep-abc123", Reply(200, deployment(status="building")))
    done = shell.run("deploy", "model.pkl", "-r", "requirements.txt", "-n", "iris", "--memory", "2048", "--trusted")
    assert done.returncode == 0
    assert done.stdout == "dep-abc123  active\nhttps://api.serveml.com/api/v1/predict/dep-abc123\n"
    assert done.stderr == "dep-abc123 building\ndep-abc123 active\n"
    (request,) = server.received("POST", "/api/v1/deploy")
    assert request.headers["authorization"] == "Bearer key"
    assert {name: value for name, (_, value) in request.form.items() if not name.endswith("_file")} == {
        "name": b"iris",
        "memory": b"2048",
        "trusted": b"true",
    }


def test_deploy_without_waiting_as_json(shell: Shell, server: FakeServer, model: Path) -> None:
    done = shell.run("--json", "deploy", "model.pkl", "--no-wait", "--deployment", "dep-abc123", "--changes", "more")
    assert done.returncode == 0
    assert json.loads(done.stdout) == document.example("Create Deployment")


def test_a_failed_deployment(shell: Shell, server: FakeServer, model: Path) -> None:
    server.next(
        "GET", "/api/v1/deployments/dep-abc123", Reply(200, deployment(status="failed", error="no such package"))
    )
    done = shell.run("deploy", "model.pkl")
    assert done.returncode == 1
    assert "DEPLOYMENT_FAILED: no such package" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("data", ["[5.1, 3.5, 1.4, 0.2]", "-", "@row.json", '{"data": [5.1, 3.5, 1.4, 0.2]}'])
def test_predict(shell: Shell, server: FakeServer, data: str) -> None:
    (shell.folder / "row.json").write_text("[5.1, 3.5, 1.4, 0.2]")
    done = shell.run("predict", "dep-abc123", data, given="[5.1, 3.5, 1.4, 0.2]")
    assert (done.returncode, done.stdout) == (0, "0\n")
    assert server.last.json == document.example("Make Prediction", "Request Body (Single Prediction)")


def test_predict_several(shell: Shell, server: FakeServer) -> None:
    assert shell.run("predict", "dep-abc123", "[[1], [2], [3]]").stdout == "0\n2\n0\n"
    done = shell.run("predict", "dep-abc123", "--json", "[[1], [2], [3]]")
    assert json.loads(done.stdout) == document.example("Make Prediction", "Response (Batch)")


def test_logs(shell: Shell) -> None:
    assert shell.run("logs", "dep-abc123").stdout == "building\nready\n"
    assert json.loads(shell.run("logs", "dep-abc123", "--json").stdout) == {
        "deployment_id": "dep-abc123",
        "logs": "building\nready\n",
    }


def test_ls(shell: Shell, server: FakeServer) -> None:
    done = shell.run("ls", "--status", "active", "--framework", "sklearn", "--search", "iris", "--limit", "1")
    assert done.stdout.splitlines() == [
        "ID          NAME             STATUS  MODEL                           CREATED",
        "dep-abc123  iris-classifier  active  sklearn/RandomForestClassifier  2024-01-15 10:30",
    ]
    assert server.last.query == {
        "limit": "1",
        "offset": "0",
        "status": "active",
        "framework": "sklearn",
        "search": "iris",
    }
    items = json.loads(shell.run("ls", "--limit", "1", "--json").stdout)["items"]
    assert items == document.example("List Deployments")["items"]


def test_rm(shell: Shell, server: FakeServer) -> None:
    assert shell.run("rm", "dep-abc123", "dep-2").stdout == "dep-abc123\ndep-abc123\n"
    assert [(request.method, request.path) for request in server.requests] == [
        ("DELETE", "/api/v1/deployments/dep-abc123"),
        ("DELETE", "/api/v1/deployments/dep-2"),
    ]
    answer = json.loads(shell.run("rm", "dep-abc123", "--json").stdout)
    assert answer == {"items": [document.example("Delete Deployment")]}


def test_login_keeps_a_key_that_later_commands_use(shell: Shell, server: FakeServer) -> None:
    del shell.environment["SERVEML_API_KEY"]
    done = shell.run(
        "login", "--email", "user@example.com", "--password-stdin", "--key-name", "laptop", given="secure-password\n"
    )
    assert done.returncode == 0, done.stderr
    assert server.received("POST", "/api/v1/auth/login")[0].json == document.example("Login", "Request Body")
    (key,) = server.received("POST", "/api/v1/api-keys")
    assert key.json == {"name": "laptop"}
    assert key.headers["authorization"].startswith("Bearer eyJ0")
    path = Path(shell.environment["XDG_CONFIG_HOME"]) / "serveml/credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "sk-secret" not in done.stdout
    shell.run("logs", "dep-abc123")
    assert server.last.headers["authorization"] == "Bearer sk-secret"
    # The key is for this API alone, and what the caller names comes first.
    shell.run("logs", "dep-abc123", "--api-key", "other")
    assert server.last.headers["authorization"] == "Bearer other"
    shell.run("--url", server.url.replace("127.0.0.1", "localhost"), "logs", "dep-abc123")
    assert "authorization" not in server.last.headers


def test_login_asks(server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "user@example.com ")
    monkeypatch.setattr("getpass.getpass", lambda: "secure-password")
    assert main(["login", "--url", server.url, "--json"]) == 0
    assert server.received("POST", "/api/v1/auth/login")[0].json == document.example("Login", "Request Body")
    printed = json.loads(capsys.readouterr().out)
    assert (printed["email"], printed["url"], printed["key_id"]) == ("user@example.com", server.url, "key-1")


def test_kept_keys_that_cannot_be_read(shell: Shell) -> None:
    del shell.environment["SERVEML_API_KEY"]
    path = Path(shell.environment["XDG_CONFIG_HOME"]) / "serveml/credentials.json"
    path.parent.mkdir(parents=True)
    path.write_text("[]")
    done = shell.run("ls")
    assert done.returncode == 2
    assert "delete it and log in again" in done.stderr


def test_errors(shell: Shell, server: FakeServer) -> None:
    server.next("DELETE", "/api/v1/deployments/dep-1", error_reply("NOT_FOUND", 404, "no dep-1"))
    done = shell.run("rm", "dep-1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "serveml: NOT_FOUND: no dep-1 (field: data) [req-1]\n"
    server.next("DELETE", "/api/v1/deployments/dep-1", error_reply("NOT_FOUND", 404, "no dep-1"))
    assert json.loads(shell.run("rm", "dep-1", "--json").stderr) == {
        "error": {"code": "NOT_FOUND", "message": "no dep-1", "details": {"field": "data"}},
        "request_id": "req-1",
    }
    done = shell.run("deploy", "none.pkl")
    assert (done.returncode, done.stderr) == (1, "serveml: none.pkl: No such file or directory\n")
    assert "No such file" in json.loads(shell.run("deploy", "none.pkl", "--json").stderr)["error"]["message"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["deploy"],
        ["ls", "--status", "gone"],
        ["ls", "--limit", "0"],
        ["predict", "dep-1", "[1,"],
        ["ls", "--url", "nowhere"],
        ["login", "--password-stdin"],
    ],
)
def test_wrong_command_lines(shell: Shell, server: FakeServer, arguments: list[str]) -> None:
    done = shell.run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "serveml" in done.stderr
    assert "Traceback" not in done.stderr
    assert server.requests == []


def test_help_and_version(shell: Shell) -> None:
    assert shell.run("--version").stdout == f"serveml {serveml.__version__}\n"
    assert "deploy a model file" in shell.run("--help").stdout


def test_a_reader_that_has_enough(shell: Shell) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "serveml", "logs", "dep-abc123"],
        env=shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1


def test_interrupted(server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(serveml.Client, "get_logs", interrupt)
    assert main(["logs", "dep-1", "--url", server.url]) == 130
    assert capsys.readouterr().err == "serveml: interrupted\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_of_a_large_file(server: FakeServer, large_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(["deploy", str(large_model), "--url", server.url]) == 0
    drawn = terminal.getvalue()
    assert "uploading [##############################] 100% 5.1 of 5.1 MB" in drawn
    assert "dep-abc123 active, " in drawn
    assert drawn.endswith("s\n")


def test_the_bar_grows() -> None:
    terminal = Terminal()
    display = Display(terminal)
    display.uploaded(serveml.UploadProgress(1_000_000, 4_000_000))
    assert "[#######-----------------------]  25% 1.0 of 4.0 MB" in terminal.getvalue()
    display.end()
    assert terminal.getvalue().endswith("\n")
