"""What can go wrong, as classes: one for each error code of the API, and a few for what happens before an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ServeMLError(Exception):
    """The base of everything that this package raises on purpose."""


class ConfigurationError(ServeMLError):
    """The client was given something that it cannot work with, such as a base URL without ``https://``."""


class ConnectionFailedError(ServeMLError):
    """No answer came: the server is unreachable, or the connection broke."""


class RequestTimeoutError(ConnectionFailedError):
    """No answer came in time."""


class UnexpectedAnswerError(ServeMLError):
    """The server answered with success, but not with what the API's document says."""


class UploadError(ServeMLError):
    """The storage refused a model file; ``status`` is its HTTP status, ``body`` the beginning of what it said."""

    def __init__(self, message: str, *, status: int, body: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class WaitTimeoutError(ServeMLError):
    """A deployment was not ready within the time that the caller gave; it is still being built."""

    def __init__(self, message: str, *, deployment_id: str, last_status: str) -> None:
        super().__init__(message)
        self.deployment_id = deployment_id
        self.last_status = last_status


class APIError(ServeMLError):
    """The API answered with an error.

    Attributes:
        code: The API's word for it, such as ``NOT_FOUND``.
        message: What was wrong, for a person.
        details: What the API adds, such as the field and the reason; empty where it adds nothing.
        request_id: Under which the platform's log has the request.
        status: The HTTP status; ``None`` for a deployment that failed after its request had been accepted.
    """

    default_code = "UNKNOWN"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
        request_id: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.message = message
        self.details: dict[str, Any] = dict(details or {})
        self.request_id = request_id
        self.status = status

    def __str__(self) -> str:
        text = f"{self.code}: {self.message}"
        if self.details:
            text += " (" + ", ".join(f"{name}: {value}" for name, value in self.details.items()) + ")"
        if self.request_id:
            text += f" [{self.request_id}]"
        return text


class UnauthorizedError(APIError):
    """401: the API key or token is missing, wrong or expired."""

    default_code = "UNAUTHORIZED"


class ForbiddenError(APIError):
    """403: the key is valid, but not for this."""

    default_code = "FORBIDDEN"


class NotFoundError(APIError):
    """404: there is no such thing, or it belongs to somebody else."""

    default_code = "NOT_FOUND"


class InvalidInputError(APIError):
    """400 (413 for a body that is too large): the request says something that cannot be."""

    default_code = "INVALID_INPUT"


class ValidationError(APIError):
    """422: a field of the request is missing or of the wrong type."""

    default_code = "VALIDATION_ERROR"


class DeploymentFailedError(APIError):
    """400, or the end of a wait: the model was refused or could not be deployed; the message says why."""

    default_code = "DEPLOYMENT_FAILED"


class PredictionError(APIError):
    """500: the model raised an error with this input."""

    default_code = "PREDICTION_ERROR"


class RateLimitedError(APIError):
    """429: too many requests.

    Attributes:
        retry_after: Seconds to wait before the next request, if the API said so.
        limit: Requests allowed in the window, if the API said so.
        reset: When the window ends, in seconds since 1970, if the API said so.
    """

    default_code = "RATE_LIMITED"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
        request_id: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
        limit: int | None = None,
        reset: float | None = None,
    ) -> None:
        super().__init__(message, code=code, details=details, request_id=request_id, status=status)
        self.retry_after = retry_after
        self.limit = limit
        self.reset = reset


class ServiceError(APIError):
    """500 and above: a fault of the platform, which its log has under ``request_id``."""

    default_code = "SERVICE_ERROR"


ERRORS_BY_CODE: dict[str, type[APIError]] = {
    error.default_code: error
    for error in (
        UnauthorizedError,
        ForbiddenError,
        NotFoundError,
        InvalidInputError,
        ValidationError,
        DeploymentFailedError,
        PredictionError,
        RateLimitedError,
        ServiceError,
    )
}
