"""One function for each route of the API, which describes its request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar, cast
from urllib.parse import quote

from ._call import Call
from ._decoding import decode
from .errors import UnexpectedAnswerError
from .models import (
    ApiKey,
    BatchPrediction,
    Deleted,
    DeploymentRecord,
    Health,
    Metrics,
    NewApiKey,
    Page,
    Prediction,
    Registration,
    Status,
    Token,
    User,
    Version,
    Webhook,
    WebhookDelivery,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Upload:
    """Where a large model file goes before it is deployed by ``upload_id``."""

    upload_id: str
    upload_url: str
    method: str = "PUT"
    headers: dict[str, str] | None = None
    expires_at: datetime | None = None
    max_size_bytes: int | None = None


def _path(*parts: str) -> str:
    return "/api/v1/" + "/".join(quote(part, safe="") for part in parts)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _object(kind: type[T], call: tuple[str, str], **request: Any) -> Call[T]:
    return Call(*call, parse=lambda body: decode(kind, body), **request)


def _list(kind: type[T], name: str, call: tuple[str, str]) -> Call[list[T]]:
    def parse(body: Any) -> list[T]:
        items = body.get(name) if isinstance(body, dict) else None
        if not isinstance(items, list):
            raise UnexpectedAnswerError(f"answer.{name}: expected a list")
        return [decode(kind, item, f"answer.{name}[{index}]") for index, item in enumerate(items)]

    return Call(*call, parse=parse)


def _text(name: str, call: tuple[str, str]) -> Call[str]:
    def parse(body: Any) -> str:
        text = body.get(name) if isinstance(body, dict) else None
        if not isinstance(text, str):
            raise UnexpectedAnswerError(f"answer.{name}: expected a text")
        return text

    return Call(*call, parse=parse)


def register(email: str, username: str, password: str, full_name: str | None) -> Call[Registration]:
    body = _given(email=email, username=username, password=password, full_name=full_name)
    return _object(Registration, ("POST", _path("auth", "register")), json=body, authenticated=False)


def login(email: str, password: str) -> Call[Token]:
    body = {"email": email, "password": password}
    return _object(Token, ("POST", _path("auth", "login")), json=body, authenticated=False)


def me() -> Call[User]:
    return _object(User, ("GET", _path("auth", "me")))


def create_api_key(name: str) -> Call[NewApiKey]:
    return _object(NewApiKey, ("POST", _path("api-keys")), json={"name": name})


def list_api_keys() -> Call[list[ApiKey]]:
    return _list(ApiKey, "items", ("GET", _path("api-keys")))


def delete_api_key(key_id: str) -> Call[Deleted]:
    return _object(Deleted, ("DELETE", _path("api-keys", key_id)))


def create_upload(file_name: str, size_bytes: int) -> Call[Upload]:
    return _object(Upload, ("POST", _path("uploads")), json={"file_name": file_name, "size_bytes": size_bytes})


def deploy(form: Mapping[str, tuple[str | None, bytes]], idempotency_key: str) -> Call[DeploymentRecord]:
    return _object(DeploymentRecord, ("POST", _path("deploy")), form=form, idempotency_key=idempotency_key)


def list_deployments(
    limit: int | None, offset: int | None, status: str | None, framework: str | None, search: str | None
) -> Call[Page[DeploymentRecord]]:
    query = {"limit": limit, "offset": offset, "status": status, "framework": framework, "search": search}
    return Call("GET", _path("deployments"), parse=_page, query=query)


def _page(body: Any) -> Page[DeploymentRecord]:
    items = _list(DeploymentRecord, "items", ("GET", "")).parse(body)
    counts = [body.get(name) for name in ("total", "limit", "offset")]
    if not all(isinstance(count, int) for count in counts):
        raise UnexpectedAnswerError("answer: expected whole numbers as total, limit and offset")
    total, limit, offset = cast(list[int], counts)
    return Page(items=items, total=total, limit=limit, offset=offset, raw=body)


def get_deployment(deployment_id: str) -> Call[DeploymentRecord]:
    return _object(DeploymentRecord, ("GET", _path("deployments", deployment_id)))


def update_deployment(deployment_id: str, changes: Mapping[str, Any]) -> Call[DeploymentRecord]:
    return _object(DeploymentRecord, ("PATCH", _path("deployments", deployment_id)), json=_given(**changes))


def delete_deployment(deployment_id: str) -> Call[Deleted]:
    return _object(Deleted, ("DELETE", _path("deployments", deployment_id)))


def get_logs(deployment_id: str) -> Call[str]:
    return _text("logs", ("GET", _path("deployments", deployment_id, "logs")))


def list_versions(deployment_id: str) -> Call[list[Version]]:
    return _list(Version, "versions", ("GET", _path("deployments", deployment_id, "versions")))


def rollback(deployment_id: str, version: str) -> Call[DeploymentRecord]:
    path = _path("deployments", deployment_id, "rollback")
    return _object(DeploymentRecord, ("POST", path), json={"version": version})


def _prediction(body: Any) -> Prediction | BatchPrediction:
    if isinstance(body, dict) and "predictions" in body:
        return decode(BatchPrediction, body)
    return decode(Prediction, body)


def predict(deployment_id: str, data: Any) -> Call[Prediction | BatchPrediction]:
    return Call("POST", _path("predict", deployment_id), parse=_prediction, json={"data": plain(data)})


def test_model(deployment_id: str, data: Any) -> Call[Prediction | BatchPrediction]:
    body = {"deployment_id": deployment_id, "data": plain(data)}
    return Call("POST", _path("test-model"), parse=_prediction, json=body)


def plain(data: Any) -> Any:
    """Make what JSON knows of arrays and numbers of other libraries (NumPy, PyTorch, pandas series)."""
    if hasattr(data, "tolist"):
        return data.tolist()
    if isinstance(data, Mapping):
        return {str(name): plain(value) for name, value in data.items()}
    if isinstance(data, Sequence) and not isinstance(data, str | bytes | bytearray):
        return [plain(value) for value in data]
    return data


def get_metrics(deployment_id: str, hours: int | None, resolution: str | None) -> Call[Metrics]:
    def parse(body: Any) -> Metrics:
        counts = body.get("metrics") if isinstance(body, dict) else None
        if not isinstance(counts, dict):
            raise UnexpectedAnswerError("answer.metrics: expected a JSON object")
        return replace(decode(Metrics, {**counts, **body}), raw=body)

    query = {"hours": hours, "resolution": resolution}
    return Call("GET", _path("metrics", deployment_id), parse=parse, query=query)


def create_webhook(url: str, events: Sequence[str], secret: str) -> Call[Webhook]:
    body = {"url": url, "events": list(events), "secret": secret}
    return _object(Webhook, ("POST", _path("webhooks")), json=body)


def list_webhooks() -> Call[list[Webhook]]:
    return _list(Webhook, "items", ("GET", _path("webhooks")))


def delete_webhook(webhook_id: str) -> Call[Deleted]:
    return _object(Deleted, ("DELETE", _path("webhooks", webhook_id)))


def test_webhook(webhook_id: str) -> Call[str]:
    return _text("delivery_id", ("POST", _path("webhooks", webhook_id, "test")))


def list_webhook_deliveries(webhook_id: str) -> Call[list[WebhookDelivery]]:
    return _list(WebhookDelivery, "items", ("GET", _path("webhooks", webhook_id, "deliveries")))


def health() -> Call[Health]:
    return _object(Health, ("GET", "/"), authenticated=False)


def status() -> Call[Status]:
    return _object(Status, ("GET", _path("status")), authenticated=False)
