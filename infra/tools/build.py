#!/usr/bin/env python3
"""Makes the Lambda layer with the tools that the pipeline's functions run.

    build.py TARGET --program target/debug/serveml            for the laptop cloud
    build.py TARGET --architecture arm64 --with-python 3.12   for AWS

TARGET then holds what the functions find under /opt:

    bin/uv            makes Python environments and installs packages
    bin/model-server  the program that goes into every model's image
    python/           with --with-python: a Python that runs from wherever it lies
    bin/python3       with --with-python: starts it

Run it again and it does what is missing; when nothing is, it needs no network. It changes nothing outside TARGET: pip
installs into a folder of its own, never into the Python that runs this. Needs Python 3.10 or later with pip, and
nothing else.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

UV_VERSION = "0.13.9"
# Raised when what this makes changes, so that an older layer is made anew.
FORMAT = 1
RECORD = ".tools.json"
PROJECT = pathlib.Path(__file__).resolve().parents[2]
LAMBDA_MODEL_SERVER = PROJECT / "target" / "lambda" / "model-server" / "bootstrap"

# The wheels and Pythons that run on AWS Lambda's Amazon Linux 2023, by its names for architectures.
WHEELS = {"x86_64": "manylinux_2_17_x86_64", "arm64": "manylinux_2_28_aarch64"}
PYTHONS = {"x86_64": "linux-x86_64-gnu", "arm64": "linux-aarch64-gnu"}
# What no function needs of a Python: a layer has 250 MB in all.
PYTHON_LEFT_OUT = ["include", "share", "lib/pkgconfig", "lib/tcl*", "lib/tk*", "lib/itcl*", "lib/thread*", "lib/libtcl*", "lib/libtk*"]
STANDARD_LIBRARY_LEFT_OUT = ["config-*", "ensurepip", "idlelib", "test", "tkinter", "turtledemo", "**/__pycache__"]

# Settings of pip that would send packages elsewhere than where they are told to go. The others (index, proxy,
# certificates) are how this machine reaches packages at all, and stay.
PIP_SETTINGS_IGNORED = ["PIP_TARGET", "PIP_USER", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV", "PIP_NO_BINARY", "PYTHONPATH"]


class Failure(Exception):
    """What went wrong, for a person."""


def run(command: list[str | os.PathLike[str]], doing: str, environment: dict[str, str] | None = None) -> None:
    """Runs a program; what it says is shown only when it fails."""
    try:
        result = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except OSError as error:
        raise Failure(f"{doing}: {command[0]} cannot be run: {error.strerror}") from error
    if result.returncode != 0:
        raise Failure(f"{doing}: {pathlib.Path(command[0]).name} ended with {result.returncode}:\n{result.stdout.strip()}")


def native_architecture() -> str | None:
    """Lambda's name for this machine's architecture; None on anything but Linux."""
    names = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
    return names.get(platform.machine().lower()) if sys.platform == "linux" else None


def fetch_uv(folder: pathlib.Path, architecture: str | None) -> pathlib.Path:
    """Installs uv's wheel into a folder; returns the program. Without an architecture, the one for this machine."""
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode != 0:
        raise Failure(f"{sys.executable} has no pip. Install it (Debian and Ubuntu: apt install python3-pip) and run this again")
    command: list[str | os.PathLike[str]] = [
        sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-user",
        "--no-deps", "--only-binary", ":all:", "--target", folder,
    ]
    if architecture is not None:
        command += ["--platform", WHEELS[architecture], "--implementation", "py", "--abi", "none"]
    environment = {name: value for name, value in os.environ.items() if name not in PIP_SETTINGS_IGNORED}
    environment["PYTHONNOUSERSITE"] = "1"
    run([*command, f"uv=={UV_VERSION}"], f"Fetching uv {UV_VERSION}", environment)
    program = folder / "bin" / "uv"
    if not program.is_file():
        raise Failure(f"uv's package has no bin/uv; {folder} holds {sorted(path.name for path in folder.iterdir())}")
    program.chmod(0o755)
    return program


def put_in_place(new: pathlib.Path, place: pathlib.Path) -> None:
    """Moves a file or folder to its place in one step."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    os.replace(new, place)


def make_uv(target: pathlib.Path, work: pathlib.Path, architecture: str | None) -> None:
    """bin/uv."""
    put_in_place(fetch_uv(work / "uv", architecture), target / "bin" / "uv")


def make_python(target: pathlib.Path, work: pathlib.Path, architecture: str, version: str) -> None:
    """python/ and bin/python3."""
    if architecture == native_architecture():
        uv = target / "bin" / "uv"
    else:
        uv = fetch_uv(work / "native-uv", None)
    pythons = work / "pythons"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UV_PYTHON")}
    environment["UV_CACHE_DIR"] = str(work / "uv-cache")
    name = f"cpython-{version}-{PYTHONS[architecture]}"
    command = [uv, "--no-config", "python", "install", "--no-bin", "--install-dir", pythons, name]
    run(command, f"Fetching Python {version}", environment)
    folders = [path for path in pythons.iterdir() if path.is_dir() and not path.is_symlink() and (path / "bin").is_dir()]
    if len(folders) != 1:
        raise Failure(f"Fetching Python {version}: expected one Python in {pythons}, found {[path.name for path in folders]}")
    python = folders[0]
    trim(python)
    put_in_place(python, target / "python")
    # Not a link: archives of layers follow links, and a Python apart from its library does not start.
    starter = work / "python3"
    starter.write_text('#!/bin/sh\nexec "${0%/*}/../python/bin/python3" "$@"\n')
    starter.chmod(0o755)
    put_in_place(starter, target / "bin" / "python3")
    if architecture == native_architecture():
        run([target / "bin" / "python3", "-I", "-c", "import ssl, sqlite3, venv"], "Trying the new Python")


def trim(python: pathlib.Path) -> None:
    """Leaves out what no function needs."""
    # One program under one name: archives would hold a copy under each.
    programs = python / "bin"
    program = (programs / "python3").resolve()
    for path in list(programs.iterdir()):
        if path != program:
            remove(path)
    program.rename(programs / "python3")
    libraries = [path for path in (python / "lib").glob("python3.*") if path.is_dir()]
    left_out = [path for pattern in PYTHON_LEFT_OUT for path in python.glob(pattern)]
    left_out += [path for library in libraries for pattern in STANDARD_LIBRARY_LEFT_OUT for path in library.glob(pattern)]
    left_out += list((python / "lib").glob("**/*.a"))
    for path in left_out:
        remove(path)


def remove(path: pathlib.Path) -> None:
    """Removes a file, a link or a folder; there being none is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def make_model_server(target: pathlib.Path, work: pathlib.Path, program: pathlib.Path | None) -> str:
    """bin/model-server: a link to the program given, else a copy of the one that was built for Lambda."""
    place = target / "bin" / "model-server"
    if program is not None:
        if not program.is_file():
            raise Failure(f"--program {program}: there is no such file; build it first (cargo build)")
        program = program.resolve()
        if place.is_symlink() and pathlib.Path(os.readlink(place)) == program:
            return f"linked to {program} already"
        link = work / "model-server"
        link.symlink_to(program)
        put_in_place(link, place)
        return f"linked to {program}"
    if not LAMBDA_MODEL_SERVER.is_file():
        raise Failure(
            f"there is no model server to put in: build it for Lambda (cargo lambda build --release makes {LAMBDA_MODEL_SERVER}), "
            "or name a program with --program"
        )
    copy = work / "model-server"
    shutil.copyfile(LAMBDA_MODEL_SERVER, copy)
    copy.chmod(0o755)
    put_in_place(copy, place)
    return f"copied from {LAMBDA_MODEL_SERVER}"


def read_record(target: pathlib.Path) -> dict:
    """What TARGET holds, as an earlier run noted; empty when there was none."""
    try:
        record = json.loads((target / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def write_record(target: pathlib.Path, work: pathlib.Path, record: dict) -> None:
    """Notes what TARGET holds."""
    new = work / RECORD
    new.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    put_in_place(new, target / RECORD)


def make(target: pathlib.Path, options: argparse.Namespace) -> None:
    """Makes what is missing."""
    record = read_record(target)
    # What an earlier run left that was stopped; no other one runs now.
    for left_behind in target.glob(".making-*"):
        shutil.rmtree(left_behind)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=target) as name:
        work = pathlib.Path(name)
        uv = {"version": UV_VERSION, "architecture": options.architecture, "format": FORMAT}
        if record.get("uv") == uv and (target / "bin" / "uv").is_file():
            print(f"uv {UV_VERSION}: there already")
        else:
            make_uv(target, work, options.architecture)
            record["uv"] = uv
            write_record(target, work, record)
            print(f"uv {UV_VERSION}: fetched")
        if options.with_python:
            python = {"version": options.with_python, "architecture": options.architecture, "format": FORMAT}
            if record.get("python") == python and (target / "python" / "bin" / "python3").is_file() and (target / "bin" / "python3").is_file():
                print(f"Python {options.with_python}: there already")
            else:
                make_python(target, work, options.architecture, options.with_python)
                record["python"] = python
                write_record(target, work, record)
                print(f"Python {options.with_python}: fetched")
        print(f"model-server: {make_model_server(target, work, options.program)}")


def arguments() -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=pathlib.Path, metavar="TARGET", help="the folder of the layer")
    parser.add_argument(
        "--program", type=pathlib.Path, help="the program that is the model server here; without it, the one built for Lambda is copied"
    )
    parser.add_argument("--with-python", metavar="VERSION", help="put in a Python of that version, for example 3.12")
    parser.add_argument(
        "--architecture", choices=sorted(WHEELS), help="make it for AWS Lambda on that architecture; without it, for this machine"
    )
    options = parser.parse_args()
    if options.with_python and options.architecture is None:
        options.architecture = native_architecture()
        if options.architecture is None:
            parser.error("--with-python is for Lambda: say for which --architecture, x86_64 or arm64")
    return options


def main() -> int:
    """Runs the command; returns the exit code."""
    if sys.version_info < (3, 10):
        print(f"Python 3.10 or later is needed; this is {platform.python_version()}", file=sys.stderr)
        return 1
    options = arguments()
    target = options.target.absolute()
    try:
        target.mkdir(parents=True, exist_ok=True)
        # One at a time: the next one finds everything there.
        with open(target.with_name(f".{target.name}.lock"), "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            make(target, options)
    except Failure as failure:
        print(f"The tools cannot be made: {failure}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"The tools cannot be made: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
