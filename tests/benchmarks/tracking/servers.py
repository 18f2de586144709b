"""The two sides: each in a process and a data folder of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from .connection import Connection
from .loading import load_platform


# A server with several workers takes its time on a small machine that has other work.
PATIENCE = 600


class Server:
    """A server on this machine, over a folder that is loaded once."""

    name = ""

    def __init__(self, folder):
        self.folder = folder
        self.process = None
        self.port = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def prepare(self, amount, rebuild):
        """Starts it over loaded data; loads the data where there is none of this amount."""
        loaded = self.folder / "loaded.json"
        wanted = {"runs": amount.runs, "others": amount.others}
        if rebuild or not loaded.exists() or json.loads(loaded.read_text()) != wanted:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            begun = time.monotonic()
            print(f"{self.name}: loading {amount.runs} runs …", file=sys.stderr, flush=True)
            self.load(amount)
            loaded.write_text(json.dumps(wanted))
            print(f"{self.name}: loaded in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        if self.process is None:
            self.start()

    def connect(self):
        """A new connection to it."""
        return Connection(self.port)

    def wait_until_healthy(self):
        """Waits until it answers; raises when it ends instead."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}; see {self.folder}/server.log")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=10):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError(f"{self.name} does not answer; see {self.folder}/server.log")

    def stop(self):
        """Ends it and its processes."""
        if self.process is not None and self.process.poll() is None:
            self.ask_to_stop()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.process = None

    def ask_to_stop(self):
        """Asks the process to end."""
        os.killpg(self.process.pid, signal.SIGTERM)

    def log(self):
        """Where its output goes."""
        return open(self.folder / "server.log", "ab")


class Platform(Server):
    """The laptop cloud."""

    name = "serveml"

    def __init__(self, binary, folder, project):
        super().__init__(folder / "tracking-serveml")
        self.binary = binary
        self.project = project
        if not binary.exists():
            raise SystemExit(f"{binary} is not there; `cargo build` makes it, or --binary names another one")

    def load(self, amount):
        self.start()
        load_platform(self.port, amount)

    def start(self):
        self.process = subprocess.Popen(
            [self.binary, "serve", "--port", "0", "--quiet", "--until-input-closes", "--data", self.folder / "data"],
            cwd=self.project,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log(),
            text=True,
            start_new_session=True,
        )
        for line in self.process.stdout:
            url = next((word for word in line.split() if word.startswith("http://localhost:")), None)
            if url:
                self.port = int(url.rsplit(":", 1)[1].rstrip("/"))
                break
        else:
            raise RuntimeError(f"{self.name} did not start; see {self.folder}/server.log")
        self.wait_until_healthy()

    def ask_to_stop(self):
        self.process.stdin.close()


class MlflowServer(Server):
    """`mlflow server` on SQLite, from an environment of its own. One worker: the requests come one by one."""

    name = "mlflow server"

    def __init__(self, requirement, folder):
        super().__init__(folder / "tracking-mlflow")
        self.environment = folder / "tracking-python"
        self.requirement = requirement
        self.install()
        self.version = self.run_python("-c", "import mlflow; print(mlflow.__version__)").strip().splitlines()[-1]

    def install(self):
        """Makes the environment with uv where it is not there yet."""
        complete = self.environment / "complete"
        if complete.exists() and complete.read_text() == self.requirement:
            return
        print(f"{self.name}: installing {self.requirement} …", file=sys.stderr, flush=True)
        shutil.rmtree(self.environment, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", self.environment], check=True)
        uv = shutil.which("uv")
        if uv is None:
            subprocess.run([self.python(), "-m", "pip", "install", "--quiet", "uv"], check=True)
            uv = self.environment / "bin/uv"
        subprocess.run([uv, "pip", "install", "--quiet", "--python", self.python(), self.requirement], check=True)
        complete.write_text(self.requirement)

    def python(self):
        """The environment's interpreter."""
        return self.environment / "bin/python"

    def run_python(self, *arguments):
        """Runs the environment's interpreter; gives its output."""
        command = [self.python(), *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=self.variables()).stdout

    def variables(self):
        """Its surroundings: nothing is sent anywhere."""
        return {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}

    def database(self):
        """The URI of its database."""
        return f"sqlite:///{self.folder}/mlflow.db"

    def load(self, amount):
        script = Path(__file__).with_name("fill_mlflow_store.py")
        self.run_python(script, self.database(), str(self.folder / "artifacts"), str(amount.runs), str(amount.others))

    def start(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [self.environment / "bin/mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port),
             "--workers", "1", "--backend-store-uri", self.database(), "--artifacts-destination", str(self.folder / "artifacts")],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.log(), stderr=subprocess.STDOUT,
            env={**self.variables(), "PATH": f"{self.environment}/bin:{os.environ['PATH']}"}, start_new_session=True,
        )
        self.wait_until_healthy()
