"""Each error of the document is a class of its own; whatever else goes wrong is one of the package's too."""

from __future__ import annotations

import socket
from typing import Any

import document
import pytest
from fake_server import FakeServer, Reply, error_reply

import serveml
from serveml import errors

ME = "/api/v1/auth/me"


def test_there_is_a_class_for_each_code_of_the_document() -> None:
    assert errors.ERRORS_BY_CODE.keys() == document.error_codes().keys()
    assert all(getattr(serveml, kind.__name__) is kind for kind in errors.ERRORS_BY_CODE.values())


@pytest.mark.parametrize(("code", "status"), document.error_codes().items())
def test_each_code(client: Any, server: FakeServer, code: str, status: int) -> None:
    body = document.error_example()
    body["error"]["code"] = code
    server.next("POST", "/api/v1/predict/dep-1", Reply(status, body, {"Retry-After": "7"}))
    with pytest.raises(errors.ERRORS_BY_CODE[code]) as caught:
        client.predict("dep-1", [1])
    error = caught.value
    assert (error.code, error.status, error.request_id) == (code, status, "req-xyz789")
    assert error.message == "The provided input is invalid"
    assert error.details == {"field": "data", "reason": "Expected array of numbers"}
    assert str(error) == (
        f"{code}: The provided input is invalid (field: data, reason: Expected array of numbers) [req-xyz789]"
    )


def test_a_rate_limit_says_when_to_come_again(client: Any, server: FakeServer) -> None:
    reply = error_reply(
        "RATE_LIMITED", 429, retry_after="3600", x_ratelimit_limit="100", x_ratelimit_reset="1705316400"
    )
    server.next("GET", ME, reply)
    with pytest.raises(serveml.RateLimitedError) as caught:
        client.me()
    assert (caught.value.retry_after, caught.value.limit, caught.value.reset) == (3600, 100, 1705316400)


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (403, {"message": "Forbidden"}, serveml.ForbiddenError, "Forbidden"),
        (404, b"<html>", serveml.NotFoundError, "HTTP 404 Not Found"),
        (413, {"message": "Request Too Long"}, serveml.InvalidInputError, "Request Too Long"),
        (500, [], serveml.ServiceError, "HTTP 500 Internal Server Error"),
        (418, {"error": {"code": "TEAPOT", "message": "short and stout"}}, serveml.APIError, "short and stout"),
        (400, {"error": {"code": ["x"], "details": "no"}}, serveml.InvalidInputError, "HTTP 400 Bad Request"),
        (302, None, serveml.APIError, "HTTP 302 Found"),
    ],
)
def test_answers_of_others(
    client: Any, server: FakeServer, status: int, body: Any, kind: type[serveml.APIError], message: str
) -> None:
    server.next("GET", ME, Reply(status, body, {"X-Request-Id": "req-9"}))
    with pytest.raises(kind) as caught:
        client.me()
    assert (caught.value.status, caught.value.message, caught.value.request_id) == (status, message, "req-9")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"<html>", "expected JSON"),
        ([], "expected a JSON object"),
        ({"email": "a", "username": "b"}, "'id' is missing"),
        ({"id": 1, "email": "a", "username": "b"}, "answer.id: expected str, got 1"),
        ({"id": "1", "email": "a", "username": "b", "deployment_count": True}, "expected int, got True"),
        ({"id": "1", "email": "a", "username": "b", "created_at": "yesterday"}, "no time"),
    ],
)
def test_answers_that_the_document_does_not_know(client: Any, server: FakeServer, body: Any, where: str) -> None:
    server.next("GET", ME, Reply(200, body))
    with pytest.raises(serveml.UnexpectedAnswerError, match=where):
        client.me()


@pytest.mark.parametrize(
    ("method", "path", "arguments"),
    [
        ("list_webhooks", "/api/v1/webhooks", ()),
        ("list_deployments", "/api/v1/deployments", ()),
        ("get_logs", "/api/v1/deployments/d/logs", ("d",)),
        ("get_metrics", "/api/v1/metrics/d", ("d",)),
    ],
)
@pytest.mark.parametrize("body", [None, {}, {"items": {}, "logs": 1, "metrics": []}, {"items": [], "total": "1"}])
def test_lists_and_texts_that_are_none(
    client: Any, server: FakeServer, method: str, path: str, arguments: tuple[str, ...], body: Any
) -> None:
    if method == "list_webhooks" and body and body.get("items") == []:
        return
    server.next("GET", path, Reply(200, body))
    with pytest.raises(serveml.UnexpectedAnswerError):
        getattr(client, method)(*arguments)


def test_no_server(client: Any, pauses: list[float]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        inner = getattr(client, "inner", client)
        inner._configuration.base_url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(serveml.ConnectionFailedError):
            client.me()
        assert len(pauses) == 3


def test_a_server_that_hangs(client: Any) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        inner = getattr(client, "inner", client)
        inner._configuration.base_url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        inner._configuration.timeout = 0.05
        with pytest.raises(serveml.RequestTimeoutError):
            client.predict("dep-1", [1])
