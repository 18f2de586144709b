#!/usr/bin/env python3
"""Compares the serving of one scikit-learn forest, and times a deployment: prints a table, writes JSON beside it.

    cargo build -p serveml && python3 tests/benchmarks/serving.py

Needs Python 3.10 or later with pip; fetches the rest into target/benchmarks. Measures with wrk where it is installed
(Debian and Ubuntu: apt-get install wrk; macOS: brew install wrk). Contestants take turns, round after round, and
nothing of one runs while another is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import sys
import time

import contestants
import deployment
import load
import processes
import report
from asking import check_all
from workshop import FOLDER, PROJECT, Failure, Workshop

CONNECTIONS = (1, 8)
WARM_UP_SECONDS = 2


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=PROJECT / "target" / "debug" / "serveml", help="the serveml to measure")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is started and measured; medians are told")
    parser.add_argument("--seconds", type=int, default=5, help="how long each load lasts")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="mlflow fastapi bentoml deployed model-server; the first is the base")
    parser.add_argument("--output", type=pathlib.Path, default=FOLDER / "serving.json", help="where the JSON goes")
    return parser.parse_args()


def say(text: str) -> None:
    """Tells how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def deployments(workshop: Workshop) -> tuple[dict, dict, str]:
    """The stages of a first deployment and of a second with the same requirements, and the model's URL."""
    deployment.forget()
    with deployment.platform(workshop) as (_, url):
        say("the first deployment, with empty caches")
        first = deployment.deploy(url, workshop, 1)
        say("the second deployment")
        second = deployment.deploy(url, workshop, 2)
    return deployment.stages(first), deployment.stages(second), second["deployment_url"] + "/predict"


def measured(contestant, workshop: Workshop, seconds: int) -> dict[str, float]:
    """One round of one contestant."""
    with contestant.served() as served:
        check_all(served.url, workshop.questions)
        load.measure(served.url, workshop.questions, max(CONNECTIONS), WARM_UP_SECONDS)
        result = {"cold_start": served.cold_start}
        for connections in CONNECTIONS:
            before = processes.cpu_seconds(served.holding() + served.around())
            told = load.measure(served.url, workshop.questions, connections, seconds)
            told["cpu_ms"] = 1000 * (processes.cpu_seconds(served.holding() + served.around()) - before) / told.pop("requests")
            result |= {f"{key}_{connections}": value for key, value in told.items()}
        result |= {"memory": processes.memory(served.holding()), "memory_around": processes.memory(served.around())}
        check_all(served.url, workshop.questions)
    return result


def main() -> int:
    """Runs the command; returns the exit code."""
    options = arguments()
    binary = options.binary.absolute()
    try:
        if not binary.is_file():
            raise Failure(f"there is no {binary}; build it first: cargo build -p serveml")
        if load.generator() != "wrk":
            say("wrk is not installed (apt-get install wrk): threads of Python put the load on, and take their part of the machine")
        busy = os.getloadavg()[0]
        if busy > processes.cores() / 2:
            say(f"this machine is busy (load {busy:.1f} on {processes.cores()} cores): only what is far apart means anything")
        workshop = Workshop(binary)
        first, second, url = deployments(workshop)
        everyone = contestants.all_of(workshop, url)
        if options.only:
            everyone = sorted((one for one in everyone if one.name in options.only), key=lambda one: options.only.index(one.name))
        rounds: dict[str, list] = {contestant.name: [] for contestant in everyone}
        for turn in range(1, options.rounds + 1):
            for contestant in everyone:
                result = measured(contestant, workshop, options.seconds)
                rounds[contestant.name].append(result)
                say(f"round {turn}, {contestant.title}: " + ", ".join(f"{key} {value:.2f}" for key, value in result.items()))
    except (Failure, TimeoutError) as failure:
        print(f"The benchmarks cannot be run: {failure}", file=sys.stderr)
        return 1
    base = everyone[0].name
    middle = {name: report.medians(results) for name, results in rounds.items()}
    titles = {contestant.name: contestant.title for contestant in everyone}
    print(report.serving(middle, titles, base), report.deployments(first, second), sep="\n\n")
    whole = {
        "machine": {"system": platform.platform(), "cores": processes.cores(), "load_before": busy, "python": platform.python_version()},
        "load": load.generator(), "versions": workshop.versions, "base": base, "medians": middle,
        "ratios": report.ratios(middle, base), "rounds": rounds, "deployments": {"first": first, "second": second},
    }
    options.output.write_text(json.dumps(whole, indent=2) + "\n")
    say(f"all figures are in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
