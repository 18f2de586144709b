"""From an HTTP answer to the call's typed value, or to the error that it means."""

from __future__ import annotations

import email.utils
import time
from typing import Any, TypeVar

import httpx

from ._call import Call
from .errors import (
    ERRORS_BY_CODE,
    APIError,
    ConnectionFailedError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    RateLimitedError,
    RequestTimeoutError,
    ServeMLError,
    ServiceError,
    UnauthorizedError,
    UnexpectedAnswerError,
    UploadError,
    ValidationError,
)

T = TypeVar("T")

_ERRORS_BY_STATUS: dict[int, type[APIError]] = {
    400: InvalidInputError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    413: InvalidInputError,
    422: ValidationError,
    429: RateLimitedError,
}


def read_answer(call: Call[T], response: httpx.Response) -> T:
    """Make the call's typed value of a successful answer."""
    try:
        body = response.json()
    except ValueError:
        raise UnexpectedAnswerError(
            f"{call.method} {call.path}: expected JSON, got {response.headers.get('content-type', 'no content type')} "
            f"(is {response.url.host} a ServeML API?)"
        ) from None
    return call.parse(body)


def error_of(response: httpx.Response) -> APIError:
    """Make the typed error of an answer that is none of success, whoever gave it: the API or a gateway before it."""
    error: dict[str, Any] = {}
    request_id = response.headers.get("x-request-id")
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        if isinstance(body.get("error"), dict):
            error = body["error"]
        elif isinstance(body.get("message"), str):
            error = {"message": body["message"]}
        request_id = body.get("request_id") or request_id
    code = error.get("code")
    kind = ERRORS_BY_CODE.get(code) if isinstance(code, str) else _ERRORS_BY_STATUS.get(response.status_code)
    if kind is None:
        kind = ServiceError if code is None and response.status_code >= 500 else APIError
    details = error.get("details")
    known: dict[str, Any] = {
        "code": code if isinstance(code, str) else None,
        "details": details if isinstance(details, dict) else {"details": details} if details else None,
        "request_id": request_id,
        "status": response.status_code,
    }
    message = str(error.get("message") or f"HTTP {response.status_code} {response.reason_phrase}".strip())
    if issubclass(kind, RateLimitedError):
        return kind(
            message,
            **known,
            retry_after=retry_after(response),
            limit=_integer(response.headers.get("x-ratelimit-limit")),
            reset=_integer(response.headers.get("x-ratelimit-reset")),
        )
    return kind(message, **known)


def upload_error_of(response: httpx.Response) -> UploadError:
    """Make the error of the storage's answer to an upload."""
    body = response.text[:1000]
    return UploadError(
        f"the storage refused the upload with HTTP {response.status_code}: {body}",
        status=response.status_code,
        body=body,
    )


def transport_error_of(error: httpx.HTTPError | httpx.InvalidURL, url: object) -> ServeMLError:
    """Make the error of a request that got no answer."""
    if isinstance(error, httpx.TimeoutException):
        return RequestTimeoutError(f"no answer from {url} in time ({type(error).__name__})")
    return ConnectionFailedError(f"no answer from {url}: {error or type(error).__name__}")


def can_be_repeated(error: httpx.HTTPError | httpx.InvalidURL) -> bool:
    """Whether another attempt may go better: the network failed, not the request."""
    return isinstance(error, httpx.NetworkError | httpx.TimeoutException | httpx.RemoteProtocolError | httpx.ProxyError)


def retry_after(response: httpx.Response) -> float | None:
    """Read ``Retry-After``: seconds, or a date."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _integer(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdigit() else None
