"""What each command does."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import platform
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from ..client import Client
from ..deployment import Deployment
from ..errors import ConfigurationError
from ..models import BatchPrediction
from . import credentials
from .progress import Display


def _client(options: argparse.Namespace) -> Client:
    client = Client(api_key=options.api_key, base_url=options.url)
    if options.api_key or os.environ.get("SERVEML_API_KEY"):
        return client
    kept = credentials.load(client.base_url)
    if kept is None:
        return client
    client.close()
    return Client(api_key=kept, base_url=options.url)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _login(options: argparse.Namespace) -> None:
    email = options.email
    if email is None:
        if options.password_stdin:
            raise ConfigurationError("--password-stdin needs --email")
        email = input("Email: ").strip()
    password = sys.stdin.readline().rstrip("\r\n") if options.password_stdin else getpass.getpass()
    with Client(base_url=options.url) as client:
        client.login(email, password)
        key = client.create_api_key(options.key_name or f"serveml on {platform.node() or 'this machine'}"[:100])
        path = credentials.save(client.base_url, key.api_key)
    if options.json:
        _print_json({"email": email, "url": client.base_url, "key_id": key.id, "credentials": str(path)})
    else:
        print(f"Logged in to {client.base_url} as {email}; the key {key.name!r} ({key.id}) is in {path}")


def _deploy(options: argparse.Namespace) -> None:
    display = Display()
    with _client(options) as client:
        try:
            deployment = client.deploy(
                options.model,
                options.requirements,
                options.name,
                memory=options.memory,
                timeout=options.timeout,
                deployment_id=options.deployment,
                changes=options.changes,
                trusted=options.trusted,
                wait=not options.no_wait,
                wait_timeout=options.wait_timeout,
                on_progress=display.uploaded,
                on_look=display.looked,
            )
        finally:
            display.end()
    if options.json:
        _print_json(deployment.raw)
        return
    print(f"{deployment.id}  {deployment.status}")
    if deployment.endpoint_url:
        print(deployment.endpoint_url)
    if options.no_wait:
        print(f"It is being built: serveml logs {deployment.id}", file=sys.stderr)


def _predict(options: argparse.Namespace) -> None:
    data = _read_data(options.data)
    with _client(options) as client:
        result = client.predict(options.deployment, data)
    if options.json:
        _print_json(result.raw)
        return
    predictions = result.predictions if isinstance(result, BatchPrediction) else [result.prediction]
    for prediction in predictions:
        print(json.dumps(prediction, ensure_ascii=False))


def _read_data(text: str) -> Any:
    if text == "-":
        source, text = "the standard input", sys.stdin.read()
    elif text.startswith("@"):
        source, text = text[1:], Path(text[1:]).read_text(encoding="utf-8")
    else:
        source = "the data"
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{source} is no JSON: {error}") from None
    # The body of a request, as the API's document shows it, will do too.
    if isinstance(data, dict) and set(data) == {"data"}:
        return data["data"]
    return data


def _logs(options: argparse.Namespace) -> None:
    with _client(options) as client:
        logs = client.get_logs(options.deployment)
    if options.json:
        _print_json({"deployment_id": options.deployment, "logs": logs})
    else:
        print(logs, end="" if logs.endswith("\n") else "\n")


def _list(options: argparse.Namespace) -> None:
    if options.limit is not None and options.limit < 1:
        raise ConfigurationError(f"--limit is {options.limit}; it must be 1 or more")
    with _client(options) as client:
        every = client.deployments(
            status=options.status,
            framework=options.framework,
            search=options.search,
            page_size=min(options.limit or 100, 100),
        )
        deployments = list(islice(every, options.limit))
    if options.json:
        _print_json({"items": [deployment.raw for deployment in deployments]})
        return
    _print_table([("ID", "NAME", "STATUS", "MODEL", "CREATED"), *map(_row, deployments)])


def _row(deployment: Deployment) -> tuple[str, ...]:
    metadata = deployment.model_metadata
    model = "/".join(part for part in (metadata.framework, metadata.model_type) if part) if metadata else ""
    created = deployment.created_at.strftime("%Y-%m-%d %H:%M") if deployment.created_at else ""
    return deployment.id, deployment.name or "", deployment.status, model, created


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _remove(options: argparse.Namespace) -> None:
    answers = []
    with _client(options) as client:
        for deployment_id in options.deployments:
            answers.append(client.delete_deployment(deployment_id))
            if not options.json:
                print(answers[-1].id)
    if options.json:
        _print_json({"items": [answer.raw for answer in answers]})


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "login": _login,
    "deploy": _deploy,
    "predict": _predict,
    "logs": _logs,
    "ls": _list,
    "rm": _remove,
}
