"""Only what is safe is sent again."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable
from typing import Any

import pytest
from fake_server import FakeServer, Reply, error_reply

import serveml
from serveml._retries import RetryPolicy

ONE = "/api/v1/deployments/dep-1"
FAILURES = [
    error_reply("SERVICE_ERROR", 502),
    error_reply("SERVICE_ERROR", 503),
    error_reply("SERVICE_ERROR", 504),
    error_reply("RATE_LIMITED", 429),
    Reply(drop=True),
]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize(("method", "name"), [("GET", "get_deployment"), ("DELETE", "delete_deployment")])
def test_repeated(client: Any, server: FakeServer, failure: Reply, method: str, name: str, pauses: list[float]) -> None:
    server.next(method, ONE, failure, failure)
    assert getattr(client, name)("dep-1").id == "dep-abc123"
    assert len(server.requests) == 3
    assert 0.25 <= pauses[0] <= 0.5 <= pauses[1] <= 1.0


@pytest.mark.parametrize("failure", FAILURES)
def test_posts_and_patches_are_not(client: Any, server: FakeServer, failure: Reply, pauses: list[float]) -> None:
    calls: list[tuple[str, str, Callable[[], object]]] = [
        ("POST", "/api/v1/predict/dep-1", lambda: client.predict("dep-1", [1])),
        ("POST", f"{ONE}/rollback", lambda: client.rollback("dep-1", "v1")),
        ("POST", "/api/v1/api-keys", lambda: client.create_api_key("ci")),
        ("POST", "/api/v1/auth/login", lambda: client.login("a", "b")),
        ("PATCH", ONE, lambda: client.update_deployment("dep-1", name="x")),
    ]
    for method, path, call in calls:
        server.next(method, path, failure)
        with pytest.raises((serveml.ServiceError, serveml.RateLimitedError, serveml.ConnectionFailedError)):
            call()
        assert len(server.received(method, path)) == 1
    assert pauses == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 500])
def test_what_would_fail_again_is_not(client: Any, server: FakeServer, status: int, pauses: list[float]) -> None:
    server.next("GET", ONE, error_reply("WHATEVER", status))
    with pytest.raises(serveml.APIError):
        client.get_deployment("dep-1")
    assert len(server.requests) == 1
    assert pauses == []


def test_it_ends(client: Any, server: FakeServer, pauses: list[float]) -> None:
    server.next("GET", ONE, *[error_reply("SERVICE_ERROR", 503, f"try {number}") for number in range(9)])
    with pytest.raises(serveml.ServiceError, match="try 3"):
        client.get_deployment("dep-1")
    assert len(server.requests) == 4
    assert len(pauses) == 3


def test_retry_after_is_kept(client: Any, server: FakeServer, pauses: list[float]) -> None:
    date = email.utils.formatdate(time.time() + 30, usegmt=True)
    server.next("GET", ONE, error_reply("RATE_LIMITED", 429, retry_after="17"))
    server.next("GET", ONE, error_reply("RATE_LIMITED", 429, retry_after=date))
    server.next("GET", ONE, error_reply("SERVICE_ERROR", 503, retry_after="soon"))
    client.get_deployment("dep-1")
    assert pauses[0] == 17
    assert 20 < pauses[1] <= 30
    assert pauses[2] <= 2


def test_no_retries() -> None:
    assert RetryPolicy(max_retries=0).delay(0, repeatable=True) is None


def test_delays_grow_to_a_limit_and_differ() -> None:
    policy = RetryPolicy(max_retries=20)
    delays = [policy.delay(attempt, repeatable=True) or 0 for attempt in range(20)]
    assert max(delays) <= 8
    assert min(delays[4:]) >= 4
    assert len(set(delays)) > 10
