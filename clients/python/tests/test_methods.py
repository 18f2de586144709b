"""Every method of both clients sends what the document says and gives what it answers."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import document
from fake_server import FakeServer, Reply, deployment

from serveml import BatchPrediction, Prediction

TEN = datetime(2024, 1, 15, 10, tzinfo=timezone.utc)


def test_register(client: Any, server: FakeServer) -> None:
    registration = client.register("user@example.com", "johndoe", "secure-password", full_name="John Doe")
    assert server.last.json == document.example("Register User", "Request Body")
    assert "authorization" not in server.last.headers
    assert (registration.user.id, registration.user.created_at) == ("user-123", TEN)
    client.me()
    assert server.last.headers["authorization"] == f"Bearer {registration.access_token}"


def test_login(client: Any, server: FakeServer) -> None:
    token = client.login("user@example.com", "secure-password")
    assert server.last.json == document.example("Login", "Request Body")
    assert token.token_type == "bearer"
    assert token.access_token not in repr(token)
    client.me()
    assert server.last.headers["authorization"] == f"Bearer {token.access_token}"


def test_me(client: Any, server: FakeServer) -> None:
    user = client.me()
    assert server.last.headers["authorization"] == "Bearer key"
    assert (user.full_name, user.deployment_count, user.total_predictions) == ("John Doe", 5, 15420)
    assert user.raw == document.example("Get Current User")


def test_api_keys(client: Any, server: FakeServer) -> None:
    key = client.create_api_key("ci")
    assert server.last.json == {"name": "ci"}
    assert key.api_key == "sk-secret"
    assert "sk-secret" not in repr(key)
    (listed,) = client.list_api_keys()
    assert (listed.id, listed.prefix, listed.last_used_at) == ("key-1", "sk-s", None)
    assert client.delete_api_key("key-1").id == "key-1"
    assert (server.last.method, server.last.path) == ("DELETE", "/api/v1/api-keys/key-1")


def test_list_deployments(client: Any, server: FakeServer) -> None:
    page = client.list_deployments(limit=20, offset=40, status="active", framework="sklearn", search="iris")
    assert server.last.query == {
        "limit": "20",
        "offset": "40",
        "status": "active",
        "framework": "sklearn",
        "search": "iris",
    }
    assert (page.total, page.limit, page.offset) == (42, 20, 0)
    assert page.items[0].model_metadata.model_type == "RandomForestClassifier"
    assert page.items[0].predict([1, 2]).prediction == 0


def test_deployments_go_through_all_pages(client: Any, server: FakeServer) -> None:
    def page(offset: int, *ids: str) -> Reply:
        return Reply(200, {"items": [{"id": each} for each in ids], "total": 3, "limit": 2, "offset": offset})

    server.next("GET", "/api/v1/deployments", page(0, "a", "b"), page(2, "c"))
    found = client.deployments(search="x", page_size=2)
    assert server.requests == []
    assert [each.id for each in found] == ["a", "b", "c"]
    assert [request.query for request in server.requests] == [
        {"limit": "2", "offset": "0", "search": "x"},
        {"limit": "2", "offset": "2", "search": "x"},
    ]


def test_deployments_end_where_a_page_is_empty(client: Any, server: FakeServer) -> None:
    server.next("GET", "/api/v1/deployments", Reply(200, {"items": [], "total": 9, "limit": 2, "offset": 0}))
    assert list(client.deployments()) == []


def test_get_deployment(client: Any, server: FakeServer) -> None:
    found = client.get_deployment("dep-abc123")
    assert server.last.path == "/api/v1/deployments/dep-abc123"
    assert found.configuration.max_instances == 10
    assert found.model_metadata.input_shape == [4]
    assert found.metrics_summary.avg_latency_ms == 45
    assert found.raw == deployment()


def test_an_id_stays_one_part_of_the_path(client: Any, server: FakeServer) -> None:
    client.get_deployment("../a b?x=1")
    assert server.last.path == "/api/v1/deployments/..%2Fa%20b%3Fx%3D1"
    assert server.last.query == {}


def test_update_deployment(client: Any, server: FakeServer) -> None:
    found = client.get_deployment("dep-abc123")
    found.update(name="new-name", memory_mb=2048, timeout_seconds=60, min_instances=1, max_instances=20)
    assert server.last.method == "PATCH"
    assert server.last.json == document.example("Update Deployment", "Request Body")
    assert (found.name, found.status, found.configuration.memory_mb) == ("new-name", "updating", 2048)
    # What the update does not tell stays known.
    assert found.endpoint_url.endswith("/dep-abc123")
    client.update_deployment("dep-abc123", min_instances=0)
    assert server.last.json == {"min_instances": 0}


def test_delete_deployment(client: Any, server: FakeServer) -> None:
    assert client.delete_deployment("dep-abc123").message == "Deployment deleted successfully"
    assert client.get_deployment("dep-abc123").delete().id == "dep-abc123"


def test_logs(client: Any, server: FakeServer) -> None:
    assert client.get_logs("dep-abc123") == "building\nready\n"
    assert client.get_deployment("dep-abc123").get_logs() == "building\nready\n"


def test_versions_and_rollback(client: Any, server: FakeServer) -> None:
    found = client.get_deployment("dep-abc123")
    latest, earlier = found.list_versions()
    assert (latest.version, latest.is_current, earlier.status) == ("v3", True, "inactive")
    assert latest.created_at == TEN
    found.rollback("v2")
    assert server.last.json == document.example("Rollback Version", "Request Body")
    assert found.current_version == "v2"


def test_predict_one_row(client: Any, server: FakeServer) -> None:
    result = client.predict("dep-abc123", [5.1, 3.5, 1.4, 0.2])
    assert server.last.json == document.example("Make Prediction", "Request Body (Single Prediction)")
    assert isinstance(result, Prediction)
    assert (result.prediction, result.probabilities, result.model_version) == (0, [0.98, 0.01, 0.01], "v1")
    assert result.response_time_ms == 42


def test_predict_several_rows(client: Any, server: FakeServer) -> None:
    request = document.example("Make Prediction", "Request Body (Batch Prediction)")
    result = client.predict("dep-abc123", tuple(map(tuple, request["data"])))
    assert server.last.json == request
    assert isinstance(result, BatchPrediction)
    assert (result.predictions, result.batch_size) == ([0, 2, 0], 3)


def test_predict_takes_arrays(client: Any, server: FakeServer) -> None:
    class Array:
        def tolist(self) -> Any:
            return [[1.5, 2.5]]

    assert client.predict("dep-abc123", Array()).batch_size == 3
    assert server.last.json == {"data": [[1.5, 2.5]]}
    client.predict("dep-abc123", {"a": Array()})
    assert server.last.json == {"data": {"a": [[1.5, 2.5]]}}


def test_test_model(client: Any, server: FakeServer) -> None:
    request = document.example("Test Model (Internal)", "Request Body")
    assert client.test_model("dep-abc123", request["data"]).prediction == 0
    assert server.last.json == request
    assert client.get_deployment("dep-abc123").test_model(request["data"]).prediction == 0


def test_metrics(client: Any, server: FakeServer) -> None:
    metrics = client.get_metrics("dep-abc123", hours=48, resolution="1h")
    assert server.last.query == {"hours": "48", "resolution": "1h"}
    assert (metrics.request_count, metrics.p99_latency_ms, metrics.cold_starts) == (1542, 250, 15)
    assert metrics.time_series.request_counts == [120, 145]
    assert metrics.time_series.timestamps[1] == datetime(2024, 1, 14, 11, tzinfo=timezone.utc)
    assert metrics.cost_estimate.breakdown["compute"] == 0.72
    assert metrics.period.end == TEN
    assert metrics.raw == document.example("Get Deployment Metrics")


def test_webhooks(client: Any, server: FakeServer) -> None:
    hook = client.create_webhook("https://your-app.com/webhook", ["deployment.ready"], "webhook-secret")
    assert server.last.json == {
        "url": "https://your-app.com/webhook",
        "events": ["deployment.ready"],
        "secret": "webhook-secret",
    }
    assert client.list_webhooks() == [hook]
    assert client.test_webhook("wh-1") == "del-1"
    (delivery,) = client.list_webhook_deliveries("wh-1")
    assert (delivery.attempt, delivery.status_code, delivery.succeeded) == (2, 500, False)
    assert delivery.delivered_at == datetime(2024, 1, 15, 10, 35, 0, 123456, tzinfo=timezone.utc)
    assert client.delete_webhook("wh-1").id == "wh-1"


def test_health_and_status(client: Any, server: FakeServer) -> None:
    assert client.health().version == "1.0.0"
    assert server.last.path == "/"
    status = client.status()
    assert (status.api, status.storage, status.issues) == ("operational", "operational", [])
    assert all("authorization" not in request.headers for request in server.requests)
