"""Who is compared: each starts a server, hands out its URL and the processes whose memory counts, and ends it."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from dataclasses import dataclass

import deployment
import processes
from asking import first_prediction
from workshop import FOLDER, HERE, Workshop


@dataclass
class Served:
    """A server that has given its first prediction."""

    url: str
    # Seconds from nothing to the first prediction.
    cold_start: float
    # Gives the processes that hold the model, and those that it would not run without here but on AWS would.
    holding: object
    around: object = list


class Server:
    """A server that is one command."""

    def __init__(self, workshop: Workshop, name: str, title: str, path: str, command: list, variables: dict[str, str]):
        self.workshop, self.name, self.title = workshop, name, title
        self.path, self.command, self.variables = path, command, variables

    @contextlib.contextmanager
    def served(self):
        """The server, from its start to its end. `{port}` in its command is a free port."""
        port = free_port()
        command = [str(part).replace("{port}", str(port)) for part in self.command]
        url = f"http://127.0.0.1:{port}{self.path}"
        began = time.monotonic()
        with processes.running(command, FOLDER / f"{self.name}.log", env={**os.environ, **self.variables}, cwd=FOLDER) as process:
            cold_start = first_prediction(url, self.workshop.questions[0], process) - began
            yield Served(url, cold_start, lambda: processes.tree(process.pid))


class Deployed:
    """The URL of a deployed model that sleeps; the platform runs already when the time begins."""

    name, title = "deployed", "ServeML, deployed URL"

    def __init__(self, workshop: Workshop, url: str):
        self.workshop, self.url = workshop, url

    @contextlib.contextmanager
    def served(self):
        """The URL, from its first call on."""
        with deployment.platform(self.workshop) as (process, _):
            processes.until(lambda: not processes.instances(process.pid), "the model's sleep")
            began = time.monotonic()
            cold_start = first_prediction(self.url, self.workshop.questions[0], process) - began

            def around():
                holding = set(processes.instances(process.pid))
                return [other for other in processes.tree(process.pid) if other not in holding]

            yield Served(self.url, cold_start, lambda: processes.instances(process.pid), around)


def all_of(workshop: Workshop, deployment_url: str) -> list:
    """All contestants, the one that the others are compared with first."""
    forest = {"FOREST": str(workshop.forest / "model.joblib")}

    def program(environment: str, name: str):
        return workshop.environments[environment] / "bin" / name

    def within(environment: str, **variables: str) -> dict[str, str]:
        return {**variables, "PATH": f"{workshop.environments[environment] / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    mlflow = [program("mlflow", "mlflow"), "models", "serve", "--model-uri", workshop.forest / "model", "--env-manager", "local"]
    uvicorn = [program("fastapi", "uvicorn"), "--app-dir", HERE / "peers", "fastapi_app:app", "--no-access-log"]
    bentoml = [program("bentoml", "bentoml"), "serve", "--working-dir", HERE / "peers", "bentoml_service:Forest"]
    own = [workshop.model_server, "--root", workshop.image]
    versions = workshop.versions
    no_telemetry = {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(FOLDER / "bentoml")}
    on = ["--host", "127.0.0.1", "--port", "{port}"]
    return [
        Server(workshop, "mlflow", f"mlflow models serve {versions['mlflow']}", "/invocations", mlflow + on, within("mlflow")),
        Server(workshop, "fastapi", f"FastAPI {versions['fastapi']}", "/predict", uvicorn + on, within("fastapi", **forest)),
        Server(workshop, "bentoml", f"BentoML {versions['bentoml']}", "/predict", bentoml + on, within("bentoml", **forest, **no_telemetry)),
        Deployed(workshop, deployment_url),
        Server(workshop, "model-server", "ServeML, model server alone", "/predict", own + on, {}),
    ]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
