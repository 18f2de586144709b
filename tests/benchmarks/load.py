"""Puts load on a URL: with wrk where it is installed, else with threads of Python, which cost more of the same machine."""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import threading
import time
import urllib.parse

from workshop import FOLDER, HERE, Failure


def generator() -> str:
    """What puts the load on."""
    return "wrk" if shutil.which("wrk") else "python"


def measure(url: str, questions: list[dict], connections: int, seconds: int) -> dict[str, float]:
    """Latencies in milliseconds, requests, and requests per second; every answer must be a 2xx."""
    bodies = [json.dumps(question["body"]) for question in questions]
    result = (_wrk if generator() == "wrk" else _threads)(url, bodies, connections, seconds)
    if result["refused"] or result["broken"] or not result["requests"]:
        raise Failure(f"{url} at {connections} connections: {result}")
    told = {key: result[key] for key in ("p50_ms", "p99_ms", "requests")}
    return {**told, "per_second": result["requests"] / result["seconds"]}


def _wrk(url: str, bodies: list[str], connections: int, seconds: int) -> dict:
    questions: pathlib.Path = FOLDER / "questions.txt"
    questions.write_text("\n".join(bodies) + "\n")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", HERE / "wrk.lua", url]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ, QUESTIONS=str(questions)))
    lines = result.stdout.strip().splitlines()
    if result.returncode != 0 or not lines or not lines[-1].startswith("{"):
        raise Failure(f"wrk on {url} ended with {result.returncode}: {result.stdout}{result.stderr}")
    return json.loads(lines[-1])


def _threads(url: str, bodies: list[str], connections: int, seconds: int) -> dict:
    parts = urllib.parse.urlsplit(url)
    latencies: list[float] = []
    refused, broken = [], []
    begun = time.perf_counter()

    def converse(turn: int) -> None:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        while time.perf_counter() - begun < seconds:
            asked = time.perf_counter()
            try:
                connection.request("POST", parts.path, bodies[turn % len(bodies)], {"content-type": "application/json"})
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                broken.append(error)
                connection.close()
                continue
            latencies.append((time.perf_counter() - asked) * 1000)
            if not 200 <= answer.status < 300:
                refused.append(answer.status)
            turn += 1
        connection.close()

    threads = [threading.Thread(target=converse, args=(turn,)) for turn in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begun
    parts_of_100 = statistics.quantiles(latencies, n=100) if len(latencies) > 1 else [0.0] * 99
    return {
        "p50_ms": parts_of_100[49], "p99_ms": parts_of_100[98], "requests": len(latencies), "seconds": took,
        "refused": len(refused), "broken": len(broken),
    }
