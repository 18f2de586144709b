#!/usr/bin/env python3
"""Puts the platform beside `mlflow server` on SQLite: the same requests, one after the other, to both.

    cargo build && python3 tests/benchmarks/tracking.py

Each side holds an experiment of many runs (30,000), and many experiments, registered models and versions. They are
loaded once and kept under target/benchmarks; --rebuild loads them again. The platform is loaded through its own API, the
other one through its store. Prints a table, writes target/benchmarks/tracking.json.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tracking import data, lines, report  # noqa: E402
from tracking.servers import MlflowServer, Platform  # noqa: E402

PROJECT = Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=PROJECT / "target/debug/serveml", help="the platform's program")
    parser.add_argument("--mlflow", default="mlflow>=3.13,<3.14", help="the requirement of the server beside it")
    parser.add_argument("--runs", type=int, default=30_000, help="how many runs the large experiment has")
    parser.add_argument("--others", type=int, default=3_000, help="how many experiments, models and versions there are")
    parser.add_argument("--requests", type=int, default=200, help="how many requests each line is made of")
    parser.add_argument("--line", action="append", help="measure only lines whose name contains this; repeatable")
    parser.add_argument("--rebuild", action="store_true", help="load both sides again")
    options = parser.parse_args()

    folder = PROJECT / "target/benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    amount = data.Amount(runs=options.runs, others=options.others)
    with Platform(options.binary, folder, PROJECT) as platform, MlflowServer(options.mlflow, folder) as mlflow:
        for server in (platform, mlflow):
            server.prepare(amount, options.rebuild)
        measured = lines.measure(platform, mlflow, options.requests, options.line)
    print(report.table(measured))
    target = folder / "tracking.json"
    result = {"runs": amount.runs, "others": amount.others, "mlflow": mlflow.version, "lines": measured}
    target.write_text(json.dumps(result, indent=2) + "\n")
    print(f"\nwritten to {target}")


if __name__ == "__main__":
    main()
