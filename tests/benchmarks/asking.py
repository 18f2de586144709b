"""Asks a served model one question at a time, and holds its answers against the estimator's own."""

from __future__ import annotations

import http.client
import json
import time
import urllib.parse

from workshop import Failure


def ask(url: str, body: dict, patience: float = 60.0) -> tuple[int, bytes]:
    """Status and body of the answer to one question, on a connection of its own."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=patience)
    try:
        connection.request("POST", parts.path, json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def first_prediction(url: str, question: dict, process, patience: float = 120.0) -> float:
    """Asks until there is a prediction, and gives when that was (`time.monotonic`)."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if process.poll() is not None:
            raise Failure(f"the server of {url} ended with {process.returncode}")
        try:
            status, answer = ask(url, question["body"])
            if status == 200:
                now = time.monotonic()
                check(url, question, answer)
                return now
        except OSError:
            pass  # it does not listen yet
        time.sleep(0.002)
    raise Failure(f"{url} gave no prediction within {patience:.0f} s")


def check(url: str, question: dict, answer: bytes) -> None:
    """The answer must be exactly what the estimator predicts itself."""
    predictions = json.loads(answer)["predictions"]
    if predictions != question["predictions"]:
        raise Failure(f"{url} predicts {predictions}; the estimator itself predicts {question['predictions']}")


def check_all(url: str, questions: list[dict]) -> None:
    """All questions must be answered rightly."""
    for question in questions:
        status, answer = ask(url, question["body"])
        if status != 200:
            raise Failure(f"{url} answered {status}: {answer[:500]!r}")
        check(url, question, answer)
