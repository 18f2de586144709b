"""Everything that is fetched or made for the benchmarks, under `target/benchmarks`: nothing is installed elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
FOLDER = PROJECT / "target" / "benchmarks"

# The environments, by name. scikit-learn and numpy are the same in all: MLflow's environment says which.
MLFLOW = ["mlflow>=3.13,<3.14", "scikit-learn"]
PEERS = {"fastapi": ["fastapi", "uvicorn[standard]"], "bentoml": ["bentoml"]}


class Failure(Exception):
    """What went wrong, for a person."""


def run(command: list, doing: str, **options) -> str:
    """Runs a program to its end and gives what it wrote; it must succeed."""
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    if result.returncode != 0:
        raise Failure(f"{doing}: {command[0]} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return result.stdout


class Workshop:
    """Makes what is missing and knows where it is."""

    def __init__(self, binary: pathlib.Path):
        tools = FOLDER / "tools"
        FOLDER.mkdir(parents=True, exist_ok=True)
        run([sys.executable, PROJECT / "infra" / "tools" / "build.py", tools, "--program", binary], "Fetching uv")
        self.binary = binary
        self.uv = tools / "bin" / "uv"
        # The one binary, started under this name, is the program of a deployed model's container.
        self.model_server = tools / "bin" / "model-server"
        self.variables = dict(os.environ, UV_CACHE_DIR=str(FOLDER / "uv-cache"))
        self.environments = {"mlflow": self.environment("mlflow", MLFLOW)}
        self.versions = self.installed("mlflow", ("mlflow", "scikit-learn", "numpy"))
        same = [f"{name}=={self.versions[name]}" for name in ("scikit-learn", "numpy")]
        for name, packages in PEERS.items():
            self.environments[name] = self.environment(name, packages + same)
        self.versions.update(self.installed("fastapi", ("fastapi", "uvicorn")), **self.installed("bentoml", ("bentoml",)))
        self.forest = self.made("forest", (HERE / "forest.py", HERE / "prepare.py"), self.prepare)
        self.questions = json.loads((self.forest / "questions.json").read_text())
        self.image = self.made("image", (self.forest / "model" / "requirements.txt",), self.make_image)

    def environment(self, name: str, packages: list[str]) -> pathlib.Path:
        """The folder of an environment that has these packages, compiled, so that nobody compiles while it is measured."""
        folder = FOLDER / f"environment-{name}"

        def make(folder):
            run([self.uv, "venv", "--quiet", "--python", sys.executable, folder], f"Making the environment {name}", env=self.variables)
            command = [self.uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", folder / "bin" / "python", *packages]
            run(command, f"Fetching {', '.join(packages)}", env=self.variables)

        return once(folder, json.dumps([packages, sys.version]), make)

    def installed(self, environment: str, names: tuple[str, ...]) -> dict[str, str]:
        """Versions of packages in an environment."""
        program = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
        python = self.environments[environment] / "bin" / "python"
        return json.loads(run([python, "-c", program, *names], f"Asking {environment} for its versions"))

    def made(self, name: str, sources: tuple[pathlib.Path, ...], make) -> pathlib.Path:
        """A folder that is made anew when the versions or one of its sources change."""
        return once(FOLDER / name, json.dumps([self.versions, [source.read_text() for source in sources]]), make)

    def prepare(self, folder: pathlib.Path) -> None:
        python = self.environments["mlflow"] / "bin" / "python"
        run([python, HERE / "prepare.py", folder], "Training the forest", cwd=FOLDER)

    def make_image(self, folder: pathlib.Path) -> None:
        """What a deployed model's image holds below /opt/serveml: model.json, model/ and its packages in python/."""
        folder.mkdir()
        (folder / "model").symlink_to(self.forest / "model")
        description = {"engine": "python", "model_name": "forest", "model_version": "1", "framework": "sklearn", "signature": None}
        (folder / "model.json").write_text(json.dumps(description))
        command = [self.uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", sys.executable, "--target", folder / "python"]
        run([*command, "--requirements", self.forest / "model" / "requirements.txt"], "Fetching the model's packages", env=self.variables)


def once(folder: pathlib.Path, recipe: str, make) -> pathlib.Path:
    """Makes a folder unless it was made whole by the same recipe before."""
    mark = folder.with_name(f"{folder.name}.recipe")
    digest = hashlib.sha256(recipe.encode()).hexdigest()
    if not (mark.is_file() and mark.read_text() == digest and folder.is_dir()):
        mark.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        print(f"preparing {folder.relative_to(PROJECT)}", file=sys.stderr, flush=True)
        make(folder)
        mark.write_text(digest)
    return folder
