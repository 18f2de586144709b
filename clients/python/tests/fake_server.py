"""A server on a free port that answers as the API's document shows, and fails where a test says so."""

from __future__ import annotations

import json
import re
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import document


@dataclass
class Recorded:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, tuple[str | None, bytes]]:
        boundary = self.headers["content-type"].split("boundary=")[1].encode()
        parts: dict[str, tuple[str | None, bytes]] = {}
        for part in self.body.split(b"--" + boundary)[1:-1]:
            head, content = part.removeprefix(b"\r\n").split(b"\r\n\r\n", 1)
            name = re.search(rb' name="([^"]*)"', head)
            file_name = re.search(rb'filename="([^"]*)"', head)
            assert name
            parts[name[1].decode()] = (file_name[1].decode() if file_name else None, content.removesuffix(b"\r\n"))
        return parts


@dataclass
class Reply:
    """An answer; ``drop`` closes the connection instead."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


def error_reply(code: str, status: int, message: str = "no", **headers: str) -> Reply:
    body = {"error": {"code": code, "message": message, "details": {"field": "data"}}, "request_id": "req-1"}
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


Answer = Callable[[Recorded], Reply]


class _QuickServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        # HTTPServer would ask the name service who it is.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]


class FakeServer:
    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self._scripted: list[tuple[str, str, Reply]] = []
        self._lock = threading.Lock()
        self._server = _QuickServer(("127.0.0.1", 0), _handler_of(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._routes = _routes(self.url)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def next(self, method: str, path: str, *replies: Reply) -> None:
        """Answer the next requests of this route so; then as the document shows again."""
        with self._lock:
            self._scripted += [(method, path, reply) for reply in replies]

    def received(self, method: str, path: str) -> list[Recorded]:
        with self._lock:
            return [request for request in self.requests if (request.method, request.path) == (method, path)]

    @property
    def last(self) -> Recorded:
        return self.requests[-1]

    def answer(self, request: Recorded) -> Reply:
        with self._lock:
            self.requests.append(request)
            for index, (method, path, reply) in enumerate(self._scripted):
                if (method, path) == (request.method, request.path):
                    del self._scripted[index]
                    return reply
        for method, pattern, answer in self._routes:
            if method == request.method and re.fullmatch(pattern, request.path):
                return answer(request)
        return error_reply("NOT_FOUND", 404, f"{request.method} {request.path}")


def _handler_of(server: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_any(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            reply = server.answer(Recorded(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body))
            if reply.drop:
                self.close_connection = True
                return
            content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_any  # noqa: N815

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            pass

    return Handler


def deployment(**changes: Any) -> dict[str, Any]:
    """The document's deployment, with changes."""
    return {**document.example("Get Deployment"), **changes}


def _routes(url: str) -> list[tuple[str, str, Answer]]:
    def says(title: str, label: str = "Response", status: int = 200) -> Answer:
        return lambda _: Reply(status, document.example(title, label))

    def gives(body: Any, status: int = 200) -> Answer:
        return lambda _: Reply(status, body)

    def predict(request: Recorded) -> Reply:
        data = request.json["data"]
        batch = isinstance(data, list) and isinstance(data[0], list | dict)
        return Reply(200, document.example("Make Prediction", "Response (Batch)" if batch else "Response (Single)"))

    def deploy(request: Recorded) -> Reply:
        assert "model_file" in request.form or "upload_id" in request.form
        return Reply(202, document.example("Create Deployment"))

    def upload(request: Recorded) -> Reply:
        signed = {"content-type": "application/octet-stream", "x-amz-meta-upload": "up-1"}
        body = {
            "upload_id": "up-1",
            "upload_url": f"{url}/storage/up-1?X-Amz-Signature=secret",
            "method": "PUT",
            "headers": signed,
            "expires_at": "2024-01-15T11:30:00Z",
            "max_size_bytes": 10_000_000_000,
        }
        return Reply(201, body)

    def storage(request: Recorded) -> Reply:
        # As S3 does: no second authentication beside the signature, no chunked bodies, the signed headers as they are.
        if "authorization" in request.headers or "transfer-encoding" in request.headers:
            return Reply(400, b"<Error><Code>InvalidArgument</Code></Error>", {"Content-Type": "application/xml"})
        if request.headers.get("x-amz-meta-upload") != "up-1":
            return Reply(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>", {"Content-Type": "application/xml"})
        return Reply(200, b"", {"ETag": '"1"'})

    one = r"/api/v1/deployments/[^/]+"
    hook = {
        "id": "wh-1",
        "url": "https://your-app.com/webhook",
        "events": ["deployment.ready"],
        "created_at": "2024-01-15T10:00:00Z",
        "enabled": True,
    }
    delivery = {
        "id": "del-1",
        "event": "deployment.ready",
        "attempt": 2,
        "status_code": 500,
        "error": "answered 500",
        "delivered_at": "2024-01-15T10:35:00.123456789Z",
        "succeeded": False,
    }
    key = {"id": "key-1", "name": "ci", "created_at": "2024-01-15T10:00:00Z"}
    return [
        ("POST", "/api/v1/auth/register", says("Register User", status=201)),
        ("POST", "/api/v1/auth/login", says("Login")),
        ("GET", "/api/v1/auth/me", says("Get Current User")),
        ("POST", "/api/v1/api-keys", gives({**key, "api_key": "sk-secret"}, 201)),
        ("GET", "/api/v1/api-keys", gives({"items": [{**key, "prefix": "sk-s", "last_used_at": None}]})),
        ("DELETE", "/api/v1/api-keys/[^/]+", gives({"message": "API key deleted", "id": "key-1"})),
        ("POST", "/api/v1/uploads", upload),
        ("PUT", "/storage/up-1", storage),
        ("POST", "/api/v1/deploy", deploy),
        ("GET", "/api/v1/deployments", says("List Deployments")),
        ("GET", one, says("Get Deployment")),
        ("PATCH", one, says("Update Deployment")),
        ("DELETE", one, says("Delete Deployment")),
        ("GET", one + "/logs", gives({"deployment_id": "dep-abc123", "logs": "building\nready\n"})),
        ("GET", one + "/versions", says("List Deployment Versions")),
        ("POST", one + "/rollback", lambda r: Reply(200, deployment(current_version=r.json["version"]))),
        ("POST", "/api/v1/predict/[^/]+", predict),
        ("POST", "/api/v1/test-model", predict),
        ("GET", "/api/v1/metrics/[^/]+", says("Get Deployment Metrics")),
        ("POST", "/api/v1/webhooks", gives(hook, 201)),
        ("GET", "/api/v1/webhooks", gives({"items": [hook]})),
        ("DELETE", "/api/v1/webhooks/[^/]+", gives({"message": "Webhook deleted", "id": "wh-1"})),
        ("POST", "/api/v1/webhooks/[^/]+/test", gives({"delivery_id": "del-1"}, 202)),
        ("GET", "/api/v1/webhooks/[^/]+/deliveries", gives({"items": [delivery]})),
        ("GET", "/", says("Health Check")),
        ("GET", "/api/v1/status", says("API Status")),
    ]
