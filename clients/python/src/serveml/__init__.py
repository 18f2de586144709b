"""The Python client of ServeML: deploy a model file, predict, watch it.

::

    from serveml import Client

    client = Client(api_key="your-api-key")
    deployment = client.deploy(model_path="model.pkl", requirements_path="requirements.txt", name="my-model")
    result = deployment.predict([5.1, 3.5, 1.4, 0.2])
    print(result.prediction)
"""

from ._version import __version__
from .async_client import AsyncClient
from .async_deployment import AsyncDeployment
from .client import Client
from .deployment import Deployment
from .errors import (
    APIError,
    ConfigurationError,
    ConnectionFailedError,
    DeploymentFailedError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    PredictionError,
    RateLimitedError,
    RequestTimeoutError,
    ServeMLError,
    ServiceError,
    UnauthorizedError,
    UnexpectedAnswerError,
    UploadError,
    ValidationError,
    WaitTimeoutError,
)
from .models import (
    ApiKey,
    BatchPrediction,
    Configuration,
    CostEstimate,
    Deleted,
    Health,
    Metrics,
    MetricsSummary,
    ModelMetadata,
    NewApiKey,
    Page,
    Period,
    Prediction,
    Registration,
    Status,
    TimeSeries,
    Token,
    UploadProgress,
    User,
    Version,
    Webhook,
    WebhookDelivery,
)

__all__ = [
    "APIError",
    "ApiKey",
    "AsyncClient",
    "AsyncDeployment",
    "BatchPrediction",
    "Client",
    "Configuration",
    "ConfigurationError",
    "ConnectionFailedError",
    "CostEstimate",
    "Deleted",
    "Deployment",
    "DeploymentFailedError",
    "ForbiddenError",
    "Health",
    "InvalidInputError",
    "Metrics",
    "MetricsSummary",
    "ModelMetadata",
    "NewApiKey",
    "NotFoundError",
    "Page",
    "Period",
    "Prediction",
    "PredictionError",
    "RateLimitedError",
    "Registration",
    "RequestTimeoutError",
    "ServeMLError",
    "ServiceError",
    "Status",
    "TimeSeries",
    "Token",
    "UnauthorizedError",
    "UnexpectedAnswerError",
    "UploadError",
    "UploadProgress",
    "User",
    "ValidationError",
    "Version",
    "WaitTimeoutError",
    "Webhook",
    "WebhookDelivery",
    "__version__",
]
