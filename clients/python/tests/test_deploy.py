"""How a model file travels, and how a client waits for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_server import FakeServer, Reply, deployment, error_reply

from serveml import (
    ConfigurationError,
    DeploymentFailedError,
    RateLimitedError,
    UploadError,
    UploadProgress,
    WaitTimeoutError,
)

ONE = "/api/v1/deployments/dep-abc123"


def test_a_small_file_goes_along(client: Any, server: FakeServer, model: Path, requirements: Path) -> None:
    seen: list[UploadProgress] = []
    found = client.deploy(
        model,
        requirements,
        "iris-classifier",
        memory=2048,
        timeout=60,
        deployment_id="dep-abc123",
        changes="more data",
        trusted=True,
        on_progress=seen.append,
    )
    (request,) = server.received("POST", "/api/v1/deploy")
    assert request.form == {
        "model_file": ("model.pkl", model.read_bytes()),
        "requirements_file": ("requirements.txt", b"scikit-learn\n"),
        "name": (None, b"iris-classifier"),
        "memory": (None, b"2048"),
        "timeout": (None, b"60"),
        "deployment_id": (None, b"dep-abc123"),
        "changes": (None, b"more data"),
        "trusted": (None, b"true"),
    }
    assert request.headers["authorization"] == "Bearer key"
    assert len(request.headers["idempotency-key"]) == 36
    assert "transfer-encoding" not in request.headers
    assert seen[-1] == UploadProgress(len(request.body), len(request.body))
    assert server.received("POST", "/api/v1/uploads") == []
    assert (found.id, found.status) == ("dep-abc123", "active")


def test_what_is_not_given_is_not_sent(client: Any, server: FakeServer, model: Path) -> None:
    client.deploy(str(model), idempotency_key="mine")
    (request,) = server.received("POST", "/api/v1/deploy")
    assert list(request.form) == ["model_file"]
    assert request.headers["idempotency-key"] == "mine"


def test_a_large_file_goes_by_an_upload(client: Any, server: FakeServer, large_model: Path, requirements: Path) -> None:
    seen: list[UploadProgress] = []
    client.deploy(large_model, requirements, on_progress=seen.append)
    (asked,) = server.received("POST", "/api/v1/uploads")
    assert asked.json == {"file_name": "large.pt", "size_bytes": 5_120_000}
    (stored,) = server.received("PUT", "/storage/up-1")
    assert stored.body == large_model.read_bytes()
    assert stored.query == {"X-Amz-Signature": "secret"}
    assert stored.headers["content-length"] == "5120000"
    assert stored.headers["content-type"] == "application/octet-stream"
    assert "authorization" not in stored.headers
    (request,) = server.received("POST", "/api/v1/deploy")
    assert request.form == {
        "upload_id": (None, b"up-1"),
        "requirements_file": ("requirements.txt", b"scikit-learn\n"),
    }
    sizes = [progress.sent_bytes for progress in seen]
    assert len(sizes) > 10
    assert sizes == sorted(sizes)
    assert seen[-1] == UploadProgress(5_120_000, 5_120_000)


def test_the_limit_counts_the_requirements_too(client: Any, server: FakeServer, model: Path, tmp_path: Path) -> None:
    model.write_bytes(b"x" * 4_000_000)
    client.deploy(model)
    assert server.received("POST", "/api/v1/uploads") == []
    long = tmp_path / "long.txt"
    long.write_text("#")
    client.deploy(model, long)
    assert len(server.received("POST", "/api/v1/uploads")) == 1


def test_an_upload_is_repeated_from_its_beginning(
    client: Any, server: FakeServer, large_model: Path, pauses: list[float]
) -> None:
    server.next("PUT", "/storage/up-1", Reply(503, b"<Error/>"), Reply(drop=True))
    seen: list[int] = []
    client.deploy(large_model, on_progress=lambda progress: seen.append(progress.sent_bytes))
    assert [len(each.body) for each in server.received("PUT", "/storage/up-1")] == [5_120_000] * 3
    assert seen.count(5_120_000) == 3
    assert len(pauses) == 2


def test_a_refused_upload(client: Any, server: FakeServer, large_model: Path) -> None:
    server.next("PUT", "/storage/up-1", Reply(403, b"<Code>AccessDenied</Code>", {"Content-Type": "application/xml"}))
    with pytest.raises(UploadError, match="AccessDenied") as caught:
        client.deploy(large_model)
    assert caught.value.status == 403
    assert server.received("POST", "/api/v1/deploy") == []


def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    client: Any, server: FakeServer, model: Path, pauses: list[float]
) -> None:
    server.next("POST", "/api/v1/deploy", Reply(drop=True), error_reply("SERVICE_ERROR", 503))
    client.deploy(model, wait=False)
    requests = server.received("POST", "/api/v1/deploy")
    assert len(requests) == 3
    assert len({request.headers["idempotency-key"] for request in requests}) == 1
    assert len({request.body for request in requests}) == 1
    assert len(pauses) == 2


def test_files_that_cannot_be_deployed(client: Any, server: FakeServer, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        client.deploy(tmp_path / "none.pkl")
    with pytest.raises(ConfigurationError, match="no file"):
        client.deploy(tmp_path)
    (tmp_path / "empty.pkl").touch()
    with pytest.raises(ConfigurationError, match="empty"):
        client.deploy(tmp_path / "empty.pkl")
    assert server.requests == []


def test_without_waiting(client: Any, server: FakeServer, model: Path) -> None:
    found = client.deploy(model, wait=False)
    assert found.status == "building"
    assert found.model_metadata.size_mb == 1.2
    assert server.received("GET", ONE) == []
    found.wait_until_ready()
    assert found.status == "active"


def test_waiting_looks_less_and_less_often(client: Any, server: FakeServer, model: Path, pauses: list[float]) -> None:
    server.next("GET", ONE, *[Reply(200, deployment(status=status)) for status in ["building"] * 14 + ["updating"]])
    looks: list[str] = []
    client.deploy(model, on_look=lambda found: looks.append(found.status))
    assert looks == ["building"] * 14 + ["updating", "active"]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (1.0, 15.0)


def test_a_failed_deployment(client: Any, server: FakeServer, model: Path) -> None:
    server.next("GET", ONE, Reply(200, deployment(status="failed", error="no package scikit-lern")))
    with pytest.raises(DeploymentFailedError, match="scikit-lern") as caught:
        client.deploy(model)
    assert caught.value.code == "DEPLOYMENT_FAILED"
    assert caught.value.details == {"deployment_id": "dep-abc123"}
    assert caught.value.status is None


def test_a_failed_new_version(client: Any, server: FakeServer, model: Path) -> None:
    server.next("GET", ONE, Reply(200, deployment(status="updating")))
    server.next("GET", ONE, Reply(200, deployment(status="active", error="the smoke prediction failed")))
    with pytest.raises(DeploymentFailedError, match="smoke prediction"):
        client.deploy(model, deployment_id="dep-abc123")


def test_a_deployment_deleted_meanwhile(client: Any, server: FakeServer) -> None:
    server.next("GET", ONE, Reply(200, deployment(status="deleted")))
    with pytest.raises(DeploymentFailedError, match="is deleted"):
        client.wait_until_ready("dep-abc123")


def test_a_wait_ends(client: Any, server: FakeServer, model: Path) -> None:
    server.next("GET", ONE, Reply(200, deployment(status="building")))
    with pytest.raises(WaitTimeoutError, match="building") as caught:
        client.deploy(model, wait_timeout=0)
    assert (caught.value.deployment_id, caught.value.last_status) == ("dep-abc123", "building")


def test_a_wait_outlasts_a_rate_limit(client: Any, server: FakeServer, pauses: list[float]) -> None:
    server.next("GET", ONE, error_reply("RATE_LIMITED", 429, retry_after="120"))
    assert client.wait_until_ready("dep-abc123", timeout=600).status == "active"
    assert pauses == [120.0]
    server.next("GET", ONE, error_reply("RATE_LIMITED", 429, retry_after="700"))
    with pytest.raises(RateLimitedError):
        client.wait_until_ready("dep-abc123", timeout=600)
