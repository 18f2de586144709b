"""A deployment with what can be done with it, for programs that wait for each answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

from ._decoding import decode
from .models import (
    Array,
    BatchPrediction,
    Deleted,
    DeploymentRecord,
    Metrics,
    Prediction,
    Resolution,
    Row,
    Rows,
    Version,
)

if TYPE_CHECKING:
    from .client import Client


class Deployment(DeploymentRecord):
    """A deployment. ``refresh``, ``update``, ``rollback`` and ``wait_until_ready`` change it in place."""

    def __init__(self, client: Client, record: DeploymentRecord) -> None:
        """Join what the API told of a deployment to the client that asked."""
        self._client = client
        self._take(record)

    def _take(self, record: DeploymentRecord) -> None:
        for field in dataclasses.fields(DeploymentRecord):
            setattr(self, field.name, getattr(record, field.name))

    def _merge(self, record: DeploymentRecord) -> None:
        # An update's answer tells a part only.
        self._take(decode(DeploymentRecord, {**self.raw, **record.raw}))

    def refresh(self) -> Deployment:
        """Ask the API how the deployment is now."""
        self._take(self._client.get_deployment(self.id))
        return self

    def wait_until_ready(
        self, timeout: float = 900.0, *, on_look: Callable[[Deployment], object] | None = None
    ) -> Deployment:
        """Wait until it is active, at most ``timeout`` seconds; ``on_look`` is told what each look found.

        Raises:
            DeploymentFailedError: It failed; the message says why.
            WaitTimeoutError: It is not ready yet.
        """
        self._take(self._client.wait_until_ready(self.id, timeout, on_look=on_look))
        return self

    @overload
    def predict(self, data: Row) -> Prediction: ...
    @overload
    def predict(self, data: Rows) -> BatchPrediction: ...
    @overload
    def predict(self, data: Array) -> Any: ...
    def predict(self, data: Any) -> Any:
        """Predict for one row (a ``Prediction``), or for several at once (a ``BatchPrediction``)."""
        return self._client.predict(self.id, data)

    @overload
    def test_model(self, data: Row) -> Prediction: ...
    @overload
    def test_model(self, data: Rows) -> BatchPrediction: ...
    @overload
    def test_model(self, data: Array) -> Any: ...
    def test_model(self, data: Any) -> Any:
        """Try the model with named features; it answers as ``predict`` does."""
        return self._client.test_model(self.id, data)

    def get_metrics(self, hours: int | None = None, resolution: Resolution | None = None) -> Metrics:
        """Give its figures over the last hours (at most 168; the API's default: 24)."""
        return self._client.get_metrics(self.id, hours, resolution)

    def get_logs(self) -> str:
        """Give the log of its build."""
        return self._client.get_logs(self.id)

    def list_versions(self) -> list[Version]:
        """List its versions, the latest first."""
        return self._client.list_versions(self.id)

    def rollback(self, version: str) -> Deployment:
        """Make an earlier version, such as ``v2``, the current one."""
        self._merge(self._client.rollback(self.id, version))
        return self

    def update(
        self,
        *,
        name: str | None = None,
        memory_mb: int | None = None,
        timeout_seconds: int | None = None,
        min_instances: int | None = None,
        max_instances: int | None = None,
    ) -> Deployment:
        """Change its name or configuration; what is ``None`` stays. It is ``updating`` for a while."""
        self._merge(
            self._client.update_deployment(
                self.id,
                name=name,
                memory_mb=memory_mb,
                timeout_seconds=timeout_seconds,
                min_instances=min_instances,
                max_instances=max_instances,
            )
        )
        return self

    def delete(self) -> Deleted:
        """Delete it, its versions and its endpoint."""
        return self._client.delete_deployment(self.id)
