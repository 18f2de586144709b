#!/usr/bin/env python3
"""Uploads a training script, and shows its output while it trains.

Needs Python 3.10 or later and nothing else.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import pathlib
import shutil
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

EXAMPLES = """\
examples:
  Train, with what the script needs and what it is to know:
    python examples/upload_training_script.py \\
      --script examples/training_scripts/lightgbm_classification.py \\
      --experiment my_experiment --model my_model \\
      --requirements lightgbm scikit-learn pandas \\
      --env N_ESTIMATORS=200 --env LEARNING_RATE=0.05 --timeout 600

  Train and deploy; the model's URL is the last line:
    python examples/upload_training_script.py --script train.py --model my_model --deploy

  Start it and go; look again later:
    python examples/upload_training_script.py --script train.py --model my_model --no-follow
    python examples/upload_training_script.py --job JOB_ID

The exit code is 0 when the job ended well (or was started, with --no-follow), 1 when it failed or was refused,
2 when the command line is wrong and 130 after Ctrl-C, which leaves the job running.
"""

FINAL = {"completed", "deployed", "failed"}
# How long a platform may be away, in seconds, before following a job gives up.
PATIENCE = 60.0
REQUEST_TIMEOUT = 35.0


class Refused(Exception):
    """The platform answered with an error; the text is for the user."""


class Unreachable(Exception):
    """The platform did not answer; the text is for the user."""


class Platform:
    """The HTTP API of the platform."""

    def __init__(self, url: str, api_key: str | None = None) -> None:
        self.url = url.rstrip("/")
        self.api_key = api_key
        # A proxy cannot reach this machine itself.
        host = urllib.parse.urlsplit(self.url).hostname or ""
        handlers = [urllib.request.ProxyHandler({})] if host in {"localhost", "127.0.0.1", "::1"} else []
        self._opener = urllib.request.build_opener(*handlers)

    def call(self, method: str, path: str, body: dict | None = None, headers: dict | None = None) -> dict:
        """Sends a request and returns the answer's JSON object."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        request.add_header("Accept", "application/json")
        if self.api_key:
            request.add_header("Authorization", f"Bearer {self.api_key}")
        if data is not None:
            request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with self._opener.open(request, timeout=REQUEST_TIMEOUT) as response:
                answer = json.loads(response.read())
        except urllib.error.HTTPError as error:
            text = describe(error)
            if error.code in {429, 500, 502, 503, 504}:
                raise Unreachable(text) from error
            raise Refused(text) from error
        except (urllib.error.URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise Unreachable(f"{self.url} does not answer: {reason}. Is it running? Start it with: cargo run") from error
        except ValueError as error:
            raise Refused(f"{self.url}{path} did not answer with JSON; is this the platform's address?") from error
        if not isinstance(answer, dict):
            raise Refused(f"{self.url}{path} did not answer with a JSON object; is this the platform's address?")
        return answer

    def start(self, path: str, body: dict) -> dict:
        """Starts a job, once, however often the request has to be sent."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        for attempt in range(3):
            try:
                return self.call("POST", path, body, headers)
            except Unreachable:
                if attempt == 2:
                    raise
                time.sleep(1 + attempt)
        raise AssertionError("unreachable")


def describe(error: urllib.error.HTTPError) -> str:
    """What an error answer says: its detail, and the field that each part of it is about."""
    raw = error.read(100_000).decode(errors="replace")
    try:
        detail = json.loads(raw)["detail"]
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}: {raw.strip()[:300] or error.reason}"
    if isinstance(detail, list):
        parts = []
        for problem in detail:
            where = ".".join(str(part) for part in problem.get("loc", []) if part != "body")
            parts.append(f"{where}: {problem.get('msg', problem)}" if where else str(problem.get("msg", problem)))
        detail = "; ".join(parts)
    return f"HTTP {error.code}: {detail}"


class Screen:
    """The job's output, above a line that shows how the job stands."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._line_shown = False
        self._in_line = False
        self._last_status = ""

    def output(self, text: str) -> None:
        """Writes a part of the job's output."""
        if not text:
            return
        self.clear()
        sys.stdout.write(text)
        sys.stdout.flush()
        self._in_line = not text.endswith("\n")

    def status(self, status: str, seconds: float) -> None:
        """Shows the status; on a terminal in place, else as a line when it changes."""
        if self._is_terminal:
            if self._in_line:
                return
            width = max(shutil.get_terminal_size().columns - 1, 20)
            spinner = "|/-\\"[int(seconds * 4) % 4]
            sys.stdout.write("\r" + f"{spinner} {status} ({duration(seconds)})"[:width].ljust(width))
            self._line_shown = True
        elif status != self._last_status and not self._in_line:
            sys.stdout.write(f"[{status}]\n")
            self._last_status = status
        sys.stdout.flush()

    def clear(self) -> None:
        """Removes the status line."""
        if self._line_shown:
            width = max(shutil.get_terminal_size().columns - 1, 20)
            sys.stdout.write("\r" + " " * width + "\r")
            self._line_shown = False

    def end_line(self) -> None:
        """Goes to the beginning of a line."""
        self.clear()
        if self._in_line:
            sys.stdout.write("\n")
            self._in_line = False
        sys.stdout.flush()


def duration(seconds: float) -> str:
    """12.3 s, or 3 min 05 s."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"


def follow(platform: Platform, path: str) -> dict:
    """Shows a job's output and status until it ends; returns the job."""
    screen = Screen()
    begin = time.monotonic()
    shown = ""
    away_since: float | None = None
    interval = 0.4
    try:
        while True:
            try:
                job = platform.call("GET", path)
                away_since = None
            except Unreachable as error:
                now = time.monotonic()
                away_since = away_since or now
                if now - away_since > PATIENCE:
                    raise
                screen.status(f"waiting for the platform ({error})", now - begin)
                time.sleep(1)
                continue
            logs = job.get("logs") or ""
            if logs.startswith(shown):
                new = logs[len(shown):]
            else:
                new = f"\n[the output begins anew]\n{logs}"
            shown = logs
            status = str(job.get("status"))
            if status not in FINAL:
                screen.status(status, time.monotonic() - begin)
            screen.output(new)
            if status in FINAL:
                screen.end_line()
                return job
            screen.status(status, time.monotonic() - begin)
            # Quick while something happens, patient in long silences.
            interval = 0.4 if new else min(interval * 1.2, 2.0)
            time.sleep(interval)
    except KeyboardInterrupt:
        screen.end_line()
        raise


def report(job: dict, seconds: float) -> int:
    """Says how a job ended; returns the exit code."""
    took = duration(job.get("duration_seconds") or seconds)
    if job.get("status") == "failed":
        print(f"❌ failed after {took}: {job.get('error')}", file=sys.stderr)
        return 1
    version = f"{job.get('model_name')} version {job.get('model_version')}"
    if job.get("status") == "completed":
        print(f"✅ completed in {took}: {version}, run {job.get('run_id')}")
        return 0
    url = job.get("deployment_url")
    print(f"✅ deployed in {took}: {version}")
    print(f"Predict with POST {url}/predict; GET {url}/metadata names the inputs")
    print(url)
    return 0


def key_value(text: str) -> tuple[str, str]:
    """KEY=VALUE as a pair."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def arguments() -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(
        description="Upload a training script, watch it train, and deploy what it made.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_argument_group("what to run")
    what.add_argument("--script", type=pathlib.Path, metavar="FILE", help="the Python script; it must log a model with MLflow")
    what.add_argument("--model", metavar="NAME", help="the registered model that gets a new version")
    what.add_argument("--experiment", metavar="NAME", help="the experiment that keeps the runs (default: the model's name)")
    what.add_argument(
        "--requirements", nargs="*", default=[], metavar="PACKAGE",
        help="packages that the script imports, with versions if you like: scikit-learn 'xgboost>=2'; MLflow is added",
    )
    what.add_argument(
        "--env", action="append", default=[], type=key_value, metavar="KEY=VALUE", help="an environment variable; repeatable"
    )
    what.add_argument("--timeout", type=int, default=300, metavar="SECONDS", help="stop the script after so long, 60 to 3600 (default: 300)")
    what.add_argument("--tag", action="append", default=[], type=key_value, metavar="KEY=VALUE", help="a tag of the version; repeatable")
    deploy = parser.add_argument_group("deploying")
    deploy.add_argument("--deploy", action="store_true", help="deploy the model that the script makes, to a URL of its own")
    deploy.add_argument("--replicas", type=int, metavar="N", help="with --deploy: the most instances that run at once")
    watching = parser.add_argument_group("watching")
    watching.add_argument("--no-follow", dest="follow", action="store_false", help="print the job's id and return at once")
    watching.add_argument("--job", metavar="JOB_ID", help="upload nothing; watch this job (with --deploy, if it is a deployment)")
    parser.add_argument("--url", default="http://localhost:8000", help="the platform's address (default: %(default)s)")
    parser.add_argument(
        "--api-key",
        default=os.environ.get("SERVEML_API_KEY"),
        metavar="KEY",
        help="an API key or token, where the platform asks for one (default: the environment variable SERVEML_API_KEY)",
    )
    options = parser.parse_args()
    if not options.job:
        missing = [name for name in ("script", "model") if getattr(options, name) is None]
        if missing:
            parser.error("missing: " + ", ".join(f"--{name}" for name in missing))
        if options.replicas is not None and not options.deploy:
            parser.error("--replicas goes with --deploy")
    elif options.script:
        parser.error("--job watches a job that was started; leave --script out")
    if not options.url.startswith(("http://", "https://")):
        parser.error(f"--url must start with http:// or https://, not {options.url!r}")
    return options


def upload(platform: Platform, options: argparse.Namespace) -> str:
    """Starts the job; returns its id."""
    try:
        content = options.script.read_bytes()
    except OSError as error:
        raise Refused(f"{options.script} cannot be read: {error.strerror}") from error
    body = {
        "script_name": options.script.name,
        "script_content": base64.b64encode(content).decode("ascii"),
        "experiment_name": options.experiment or options.model,
        "model_name": options.model,
        "requirements": options.requirements,
        "environment_vars": dict(options.env),
        "timeout": options.timeout,
    }
    if options.tag:
        body["tags"] = dict(options.tag)
    if options.replicas is not None:
        body["replicas"] = options.replicas
    path = "/mlops/deploy" if options.deploy else "/mlops/training/upload"
    return str(platform.start(path, body)["job_id"])


def main() -> int:
    """Runs the command; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character must not end the program.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    options = arguments()
    platform = Platform(options.url, options.api_key)
    job_id = options.job
    try:
        if not job_id:
            job_id = upload(platform, options)
            print(f"Job {job_id} {'deploys' if options.deploy else 'trains'} {options.model} with {options.script.name}")
        kind = "deployments" if options.deploy else "training/jobs"
        path = f"/mlops/{kind}/{urllib.parse.quote(job_id, safe='')}"
        if not options.follow:
            print(f"Status: {platform.url}{path}")
            return 0
        begin = time.monotonic()
        return report(follow(platform, path), time.monotonic() - begin)
    except (Refused, Unreachable) as error:
        print(f"❌ {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if not job_id:
            return 130
        again = ["python", sys.argv[0], "--job", job_id]
        if options.deploy:
            again.append("--deploy")
        if options.url != "http://localhost:8000":
            again += ["--url", options.url]
        print(f"\nThe job goes on. Watch it again with:\n  {' '.join(again)}", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
