"""What the API answers, as typed values. Each whole answer keeps the JSON it came as in ``raw``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, TypeVar

T = TypeVar("T")

Scalar = float | int | str | bool | None
Row = Sequence[Scalar] | Mapping[str, Any]
"""One input: its values in the order of the model's features, or by the features' names."""

Rows = Sequence[Sequence[Any] | Mapping[str, Any]]
"""Several inputs."""


class Array(Protocol):
    """An array of NumPy, PyTorch or the like: one row or several."""

    def tolist(self) -> Any:
        """Give the array as lists of numbers."""


DeploymentStatus = Literal["building", "active", "updating", "failed", "deleted"]
Framework = Literal["sklearn", "pytorch", "tensorflow"]
Resolution = Literal["1m", "5m", "1h", "1d"]
WebhookEvent = Literal[
    "deployment.created",
    "deployment.building",
    "deployment.ready",
    "deployment.failed",
    "deployment.deleted",
    "prediction.error",
]


@dataclass(frozen=True)
class User:
    """An account; the counts come with ``me`` only."""

    id: str
    email: str
    username: str
    full_name: str | None = None
    created_at: datetime | None = None
    deployment_count: int | None = None
    total_predictions: int | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Token:
    """What a login gives; the client uses it from then on."""

    access_token: str = field(repr=False)
    token_type: str = "bearer"  # noqa: S105 - the scheme, no secret
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Registration:
    """What a registration gives: a token, as a login does, and the new account."""

    access_token: str = field(repr=False)
    user: User
    token_type: str = "bearer"  # noqa: S105 - the scheme, no secret
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class ApiKey:
    """An API key as the list shows it: by its first characters."""

    id: str
    name: str
    prefix: str | None = None
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class NewApiKey:
    """A new API key; ``api_key`` is told this once and never again."""

    id: str
    name: str
    api_key: str = field(repr=False)
    created_at: datetime | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class ModelMetadata:
    """What the platform found in the model file. Shapes are as the model tells them."""

    framework: str | None = None
    model_type: str | None = None
    size_mb: float | None = None
    input_shape: Any = None
    output_shape: Any = None


@dataclass(frozen=True)
class Configuration:
    """How a deployment runs: memory in MB, timeout in seconds, instances kept ready and allowed at most."""

    memory_mb: int | None = None
    timeout_seconds: int | None = None
    min_instances: int | None = None
    max_instances: int | None = None


@dataclass(frozen=True)
class MetricsSummary:
    """A deployment's figures in short; ``error_rate`` is a fraction of 1."""

    total_predictions: int | None = None
    avg_latency_ms: float | None = None
    error_rate: float | None = None


@dataclass
class DeploymentRecord:
    """What the API tells of a deployment; lists and updates tell less than ``get_deployment``."""

    id: str
    name: str | None = None
    status: str = "building"
    created_at: datetime | None = None
    updated_at: datetime | None = None
    endpoint_url: str | None = None
    current_version: str | None = None
    error: str | None = None
    model_metadata: ModelMetadata | None = None
    configuration: Configuration | None = None
    metrics_summary: MetricsSummary | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of a list: ``items``, from ``offset`` on, of ``total``."""

    items: list[T]
    total: int
    limit: int
    offset: int
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Prediction:
    """The answer to one row. ``probabilities`` is there if the model gives any, one for each class."""

    prediction: Any
    probabilities: Any = None
    model_version: str | None = None
    response_time_ms: float | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class BatchPrediction:
    """The answer to several rows, in their order."""

    predictions: list[Any]
    probabilities: Any = None
    model_version: str | None = None
    response_time_ms: float | None = None
    batch_size: int | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Period:
    """From when to when metrics were counted."""

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class TimeSeries:
    """Metrics over time: the three lists go together, one entry for each step of the resolution."""

    timestamps: list[datetime] = field(default_factory=list)
    request_counts: list[int] = field(default_factory=list)
    avg_latencies: list[float | None] = field(default_factory=list)


@dataclass(frozen=True)
class CostEstimate:
    """What the period cost in US dollars, and for what."""

    total_usd: float | None = None
    breakdown: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Metrics:
    """A deployment's figures over a period: counts, latencies in milliseconds, series and cost."""

    deployment_id: str
    request_count: int = 0
    error_count: int = 0
    avg_latency_ms: float | None = None
    p95_latency_ms: float | None = None
    p99_latency_ms: float | None = None
    cold_starts: int = 0
    unique_users: int = 0
    period: Period | None = None
    time_series: TimeSeries | None = None
    cost_estimate: CostEstimate | None = None
    dashboard_url: str | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Version:
    """A version of a deployment's model."""

    version: str
    created_at: datetime | None = None
    status: str | None = None
    is_current: bool = False
    changes: str | None = None


@dataclass(frozen=True)
class Webhook:
    """An address that is told of events."""

    id: str
    url: str
    events: list[str]
    created_at: datetime | None = None
    enabled: bool = True
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class WebhookDelivery:
    """One attempt to tell a webhook of an event."""

    id: str
    event: str
    attempt: int = 1
    status_code: int | None = None
    error: str | None = None
    delivered_at: datetime | None = None
    succeeded: bool = False


@dataclass(frozen=True)
class Deleted:
    """What was deleted."""

    id: str
    message: str | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Health:
    """The platform answers."""

    status: str
    message: str | None = None
    version: str | None = None
    timestamp: datetime | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Status:
    """How each part of the platform does, such as ``operational``; ``issues`` says what does not."""

    api: str
    deployments: str
    predictions: str
    database: str
    storage: str
    issues: list[Any] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class UploadProgress:
    """How far an upload is, in bytes."""

    sent_bytes: int
    total_bytes: int
