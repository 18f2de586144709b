"""The client for programs that wait for each answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, TypeVar, overload

import httpx

from . import _calls
from ._answers import can_be_repeated, error_of, read_answer, retry_after, transport_error_of, upload_error_of
from ._call import Call
from ._calls import Upload
from ._configuration import Configuration
from ._deploying import (
    DeployRequest,
    FilePath,
    ProgressCallback,
    body_chunks,
    encode_form,
    file_chunks,
    upload_headers,
)
from ._retries import RETRIED_STATUSES
from ._waiting import Wait
from .deployment import Deployment
from .errors import RateLimitedError, ServeMLError
from .models import (
    ApiKey,
    Array,
    BatchPrediction,
    Deleted,
    DeploymentRecord,
    DeploymentStatus,
    Framework,
    Health,
    Metrics,
    NewApiKey,
    Page,
    Prediction,
    Registration,
    Resolution,
    Row,
    Rows,
    Status,
    Token,
    User,
    Version,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
)

T = TypeVar("T")


class Client:
    """A client of the ServeML API.

    Every method raises a subclass of ``ServeMLError`` where the API answers with an error or not at all. A client can
    be shared between threads; close it, or use it in a ``with`` block, to close its connections.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float | httpx.Timeout = 60.0,
        max_retries: int = 3,
        http_client: httpx.Client | None = None,
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            api_key: An API key or an access token; else ``SERVEML_API_KEY``; without either, requests carry none.
            base_url: Where the API is; else ``SERVEML_URL``, else ``https://api.serveml.com``.
            timeout: Seconds to wait for each part of an exchange (connecting: 10 at most), or an ``httpx.Timeout``.
            max_retries: How often a request that can be repeated safely is sent again.
            http_client: An ``httpx`` client of your own, for proxies and certificates; closing it stays yours.
        """
        self._configuration = Configuration.from_arguments(api_key, base_url, timeout, max_retries)
        self._http = http_client or httpx.Client()
        self._owns_http = http_client is None
        self._sleep: Callable[[float], object] = time.sleep

    @property
    def base_url(self) -> str:
        """Where the API is."""
        return self._configuration.base_url

    def close(self) -> None:
        """Close the connections."""
        if self._owns_http:
            self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Accounts

    def register(self, email: str, username: str, password: str, full_name: str | None = None) -> Registration:
        """Make an account; the client uses its token from then on."""
        registration = self._send(_calls.register(email, username, password, full_name))
        self._configuration.api_key = registration.access_token
        return registration

    def login(self, email: str, password: str) -> Token:
        """Log in; the client uses the token from then on, in place of its API key."""
        token = self._send(_calls.login(email, password))
        self._configuration.api_key = token.access_token
        return token

    def me(self) -> User:
        """Tell whose key this is."""
        return self._send(_calls.me())

    def create_api_key(self, name: str) -> NewApiKey:
        """Make an API key; it is shown this once."""
        return self._send(_calls.create_api_key(name))

    def list_api_keys(self) -> list[ApiKey]:
        """List the account's API keys."""
        return self._send(_calls.list_api_keys())

    def delete_api_key(self, key_id: str) -> Deleted:
        """Revoke an API key."""
        return self._send(_calls.delete_api_key(key_id))

    # Deployments

    def deploy(
        self,
        model_path: FilePath,
        requirements_path: FilePath | None = None,
        name: str | None = None,
        *,
        memory: int | None = None,
        timeout: int | None = None,
        deployment_id: str | None = None,
        changes: str | None = None,
        trusted: bool = False,
        wait: bool = True,
        wait_timeout: float = 900.0,
        on_progress: ProgressCallback | None = None,
        on_look: Callable[[Deployment], object] | None = None,
        idempotency_key: str | None = None,
    ) -> Deployment:
        """Deploy a model file, and wait until it answers predictions.

        Files of more than 4 MB go by an upload of their own. The request is sent again where the connection fails; its
        idempotency key lets the API deploy once.

        Args:
            model_path: The model: ``.pkl``, ``.joblib``, ``.pt``, ``.pth``, ``.h5``, ``.keras`` or ``.onnx``.
            requirements_path: The packages that the model needs, as ``requirements.txt``.
            name: The deployment's name.
            memory: Memory in MB (the API's default: 1024).
            timeout: Seconds that a prediction may take (the API's default: 30).
            deployment_id: Deploy a new version of this deployment instead of a new deployment.
            changes: What is new in this version, for the list of versions.
            trusted: Accept a pickle that imports what models do not need. Only for files that you made yourself.
            wait: Whether to wait; without, the deployment that comes back is still being built.
            wait_timeout: Seconds to wait at most.
            on_progress: Told of each piece of the upload; it starts again where the upload does.
            on_look: Told what each look of the wait found.
            idempotency_key: A key of your own, to repeat a deployment whose answer was lost with your program.

        Raises:
            DeploymentFailedError: The model was refused, or could not be deployed; the message says why.
            WaitTimeoutError: It is not ready yet.
            UploadError: The storage refused the file.
            OSError: A file cannot be read.
        """
        request = DeployRequest.prepare(
            model_path,
            requirements_path,
            idempotency_key,
            name=name,
            memory=memory,
            timeout=timeout,
            deployment_id=deployment_id,
            changes=changes,
            trusted=trusted,
        )
        upload = self._upload(request, on_progress) if request.needs_upload else None
        form_progress = on_progress if upload is None else None
        deployment = Deployment(self, self._send(request.call(upload), form_progress))
        if wait:
            waiting = Wait(deployment.id, wait_timeout, update=deployment_id is not None)
            self._wait(deployment, waiting, on_look)
        return deployment

    def list_deployments(
        self,
        limit: int | None = None,
        offset: int | None = None,
        *,
        status: DeploymentStatus | None = None,
        framework: Framework | None = None,
        search: str | None = None,
    ) -> Page[Deployment]:
        """Give one page of the deployments, at most 100 (the API's default: 20); ``deployments`` goes through all."""
        page = self._send(_calls.list_deployments(limit, offset, status, framework, search))
        items = [Deployment(self, record) for record in page.items]
        return Page(items, page.total, page.limit, page.offset, page.raw)

    def deployments(
        self,
        *,
        status: DeploymentStatus | None = None,
        framework: Framework | None = None,
        search: str | None = None,
        page_size: int = 100,
    ) -> Iterator[Deployment]:
        """Go through all deployments; pages are asked for as they are needed."""
        offset = 0
        while True:
            page = self.list_deployments(page_size, offset, status=status, framework=framework, search=search)
            yield from page.items
            offset += len(page.items)
            if not page.items or offset >= page.total:
                return

    def get_deployment(self, deployment_id: str) -> Deployment:
        """Give a deployment with its configuration and its figures in short."""
        return Deployment(self, self._send(_calls.get_deployment(deployment_id)))

    def update_deployment(
        self,
        deployment_id: str,
        *,
        name: str | None = None,
        memory_mb: int | None = None,
        timeout_seconds: int | None = None,
        min_instances: int | None = None,
        max_instances: int | None = None,
    ) -> Deployment:
        """Change a deployment's name or configuration; what is ``None`` stays. It is ``updating`` for a while."""
        changes = {
            "name": name,
            "memory_mb": memory_mb,
            "timeout_seconds": timeout_seconds,
            "min_instances": min_instances,
            "max_instances": max_instances,
        }
        return Deployment(self, self._send(_calls.update_deployment(deployment_id, changes)))

    def delete_deployment(self, deployment_id: str) -> Deleted:
        """Delete a deployment, its versions and its endpoint."""
        return self._send(_calls.delete_deployment(deployment_id))

    def wait_until_ready(
        self,
        deployment_id: str,
        timeout: float = 900.0,
        *,
        on_look: Callable[[Deployment], object] | None = None,
    ) -> Deployment:
        """Wait until a deployment is active.

        Args:
            deployment_id: Which deployment.
            timeout: Seconds to wait at most.
            on_look: Told what each look found.

        Raises:
            DeploymentFailedError: It failed; the message says why.
            WaitTimeoutError: It is not ready yet.
        """
        deployment = Deployment(self, DeploymentRecord(deployment_id))
        self._wait(deployment, Wait(deployment_id, timeout), on_look)
        return deployment

    def get_logs(self, deployment_id: str) -> str:
        """Give the log of a deployment's build."""
        return self._send(_calls.get_logs(deployment_id))

    def list_versions(self, deployment_id: str) -> list[Version]:
        """List a deployment's versions, the latest first."""
        return self._send(_calls.list_versions(deployment_id))

    def rollback(self, deployment_id: str, version: str) -> Deployment:
        """Make an earlier version, such as ``v2``, the current one."""
        return Deployment(self, self._send(_calls.rollback(deployment_id, version)))

    # Predictions

    @overload
    def predict(self, deployment_id: str, data: Row) -> Prediction: ...
    @overload
    def predict(self, deployment_id: str, data: Rows) -> BatchPrediction: ...
    @overload
    def predict(self, deployment_id: str, data: Array) -> Any: ...
    def predict(self, deployment_id: str, data: Any) -> Any:
        """Predict for one row, or for several at once.

        Args:
            deployment_id: Which deployment.
            data: A row (its values, or a mapping of the features' names to values), a list of rows, or an array.

        Returns:
            A ``Prediction`` for a row, a ``BatchPrediction`` for rows.

        Raises:
            PredictionError: The model failed with this input.
        """
        return self._send(_calls.predict(deployment_id, data))

    @overload
    def test_model(self, deployment_id: str, data: Row) -> Prediction: ...
    @overload
    def test_model(self, deployment_id: str, data: Rows) -> BatchPrediction: ...
    @overload
    def test_model(self, deployment_id: str, data: Array) -> Any: ...
    def test_model(self, deployment_id: str, data: Any) -> Any:
        """Try a deployment's model with named features; it answers as ``predict`` does."""
        return self._send(_calls.test_model(deployment_id, data))

    def get_metrics(
        self, deployment_id: str, hours: int | None = None, resolution: Resolution | None = None
    ) -> Metrics:
        """Give a deployment's figures over the last hours (at most 168; the API's default: 24)."""
        return self._send(_calls.get_metrics(deployment_id, hours, resolution))

    # Webhooks

    def create_webhook(self, url: str, events: Sequence[WebhookEvent], secret: str) -> Webhook:
        """Have an address told of events; deliveries are signed with the secret."""
        return self._send(_calls.create_webhook(url, events, secret))

    def list_webhooks(self) -> list[Webhook]:
        """List the account's webhooks."""
        return self._send(_calls.list_webhooks())

    def delete_webhook(self, webhook_id: str) -> Deleted:
        """Delete a webhook."""
        return self._send(_calls.delete_webhook(webhook_id))

    def test_webhook(self, webhook_id: str) -> str:
        """Have a test event delivered; gives the delivery's id."""
        return self._send(_calls.test_webhook(webhook_id))

    def list_webhook_deliveries(self, webhook_id: str) -> list[WebhookDelivery]:
        """List the attempts to deliver to a webhook."""
        return self._send(_calls.list_webhook_deliveries(webhook_id))

    # The platform

    def health(self) -> Health:
        """Ask whether the API answers."""
        return self._send(_calls.health())

    def status(self) -> Status:
        """Ask how each part of the platform does."""
        return self._send(_calls.status())

    # How requests are sent

    def _send(self, call: Call[T], on_progress: ProgressCallback | None = None) -> T:
        form = encode_form(call.form) if call.form is not None else None

        def build() -> httpx.Request:
            request = self._configuration.request_arguments(call)
            if form is not None:
                body, content_type = form
                request["headers"] |= {"Content-Type": content_type, "Content-Length": str(len(body))}
                request["content"] = body_chunks(body, on_progress)
            return self._http.build_request(**request)

        response = self._exchange(build, repeatable=call.repeatable, failure_of=error_of)
        return read_answer(call, response)

    def _upload(self, request: DeployRequest, on_progress: ProgressCallback | None) -> Upload:
        upload = self._send(_calls.create_upload(request.model.name, request.model_size))

        def build() -> httpx.Request:
            return self._http.build_request(
                upload.method,
                upload.upload_url,
                headers=upload_headers(upload, request.model_size),
                content=file_chunks(request.model, request.model_size, on_progress),
                timeout=self._configuration.timeout,
            )

        self._exchange(build, repeatable=True, failure_of=upload_error_of)
        return upload

    def _exchange(
        self,
        build: Callable[[], httpx.Request],
        *,
        repeatable: bool,
        failure_of: Callable[[httpx.Response], ServeMLError],
    ) -> httpx.Response:
        attempt = 0
        while True:
            request = build()
            try:
                response = self._http.send(request, follow_redirects=False)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                again = repeatable and can_be_repeated(error)
                pause = self._configuration.retries.delay(attempt, repeatable=again)
                if pause is None:
                    raise transport_error_of(error, request.url.copy_with(query=None)) from error
            else:
                if response.is_success:
                    return response
                again = repeatable and response.status_code in RETRIED_STATUSES
                pause = self._configuration.retries.delay(attempt, repeatable=again, retry_after=retry_after(response))
                if pause is None:
                    raise failure_of(response)
            self._sleep(pause)
            attempt += 1

    def _wait(self, deployment: Deployment, waiting: Wait, on_look: Callable[[Deployment], object] | None) -> None:
        while True:
            try:
                deployment.refresh()
            except RateLimitedError as error:
                self._sleep(waiting.pause_of_limit(error))
                continue
            if on_look is not None:
                on_look(deployment)
            if waiting.is_over(deployment):
                return
            self._sleep(waiting.next_pause())
