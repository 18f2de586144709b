#!/usr/bin/env python3
"""Serves MLflow's own web pages, from the MLflow that is installed in this Python, over the platform's data.

Needs MLflow 3 (pip install mlflow) and nothing else.
"""

from __future__ import annotations

import argparse
import http.client
import importlib.util
import mimetypes
import pathlib
import shutil
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EXAMPLES = """\
examples:
  python examples/mlflow_pages.py
  python examples/mlflow_pages.py --url https://abc.execute-api.eu-central-1.amazonaws.com --port 5001
"""

# What a proxy must not hand on: it concerns one connection only, or is said anew.
NOT_HANDED_ON = {"connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}


def pages_folder() -> pathlib.Path:
    """The folder of the pages in the installed MLflow."""
    found = importlib.util.find_spec("mlflow")  # found without the seconds that importing it takes
    if found is None or found.origin is None:
        sys.exit("MLflow is not installed in this Python; install it with: pip install mlflow")
    folder = pathlib.Path(found.origin).parent / "server" / "js" / "build"
    if not (folder / "index.html").is_file():
        sys.exit(f"the installed MLflow has no web pages in {folder}; mlflow-skinny has none, mlflow has")
    return folder.resolve()


def handler(pages: pathlib.Path, platform: str) -> type[BaseHTTPRequestHandler]:
    """Answers a browser: the pages' own files from the folder, everything else from the platform."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/":
                self.send_page(pages / "index.html")
            elif path.startswith("/static-files/"):
                self.send_page((pages / path.removeprefix("/static-files/")).resolve())
            else:
                self.pass_on()

        def do_POST(self) -> None:
            self.pass_on()

        do_PUT = do_PATCH = do_DELETE = do_POST

        def send_page(self, file: pathlib.Path) -> None:
            if not file.is_relative_to(pages) or not file.is_file():
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", mimetypes.guess_type(file.name)[0] or "application/octet-stream")
            self.send_header("Content-Length", str(file.stat().st_size))
            self.end_headers()
            with file.open("rb") as content:
                shutil.copyfileobj(content, self.wfile)

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
            headers = {name: value for name, value in self.headers.items() if name.lower() not in NOT_HANDED_ON}
            request = urllib.request.Request(platform + self.path, data=body, headers=headers, method=self.command)
            try:
                # A download's redirect to the storage is followed here, so that the browser stays on this address.
                answer = urllib.request.urlopen(request)
            except urllib.error.HTTPError as error:
                answer = error
            except (urllib.error.URLError, http.client.HTTPException) as error:
                self.send_error(502, explain=f"the platform at {platform} does not answer: {error}")
                return
            with answer:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in NOT_HANDED_ON:
                        self.send_header(name, value)
                # Without a length, the end of the connection is the end of the answer.
                self.send_header("Connection", "close")
                self.end_headers()
                shutil.copyfileobj(answer, self.wfile)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="http://localhost:8000", help="the platform [default: %(default)s]")
    parser.add_argument("--port", type=int, default=5000, help="the port of the pages on this machine [default: %(default)s]")
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", options.port), handler(pages_folder(), options.url.rstrip("/")))
    server.daemon_threads = True
    print(f"MLflow's pages over {options.url}: http://localhost:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
