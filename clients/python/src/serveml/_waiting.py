"""How a client waits for a deployment: when it looks, and what it makes of what it sees."""

from __future__ import annotations

import time

from .errors import DeploymentFailedError, RateLimitedError, WaitTimeoutError
from .models import DeploymentRecord

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 15.0


class Wait:
    """One wait for one deployment.

    The pauses grow, so that a build of a quarter of an hour stays well below the API's hundred requests an hour.
    """

    def __init__(self, deployment_id: str, timeout: float, *, update: bool = False) -> None:
        """Begin to wait, for at most ``timeout`` seconds; ``update`` where a new version of a live one is awaited."""
        self._id = deployment_id
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._update = update
        self._pause = _FIRST_PAUSE
        self._last_status = "unknown"

    def is_over(self, deployment: DeploymentRecord) -> bool:
        """Say whether the deployment is ready.

        Raises:
            DeploymentFailedError: It failed or was deleted; or its new version failed while the old one stays live.
        """
        self._last_status = deployment.status
        if deployment.status in ("failed", "deleted"):
            raise self._failure(deployment.error or f"the deployment is {deployment.status}")
        if deployment.status != "active":
            return False
        if self._update and deployment.error:
            raise self._failure(deployment.error)
        return True

    def next_pause(self) -> float:
        """Give the seconds until the next look.

        Raises:
            WaitTimeoutError: The time is up.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise WaitTimeoutError(
                f"{self._id} was not ready after {self._timeout:g} s; its status is {self._last_status}",
                deployment_id=self._id,
                last_status=self._last_status,
            )
        pause = min(self._pause, left)
        self._pause = min(self._pause * 1.3, _LONGEST_PAUSE)
        return pause

    def pause_of_limit(self, error: RateLimitedError) -> float:
        """Give the seconds to wait where the API limits the looks; raise its error if that is longer than is left."""
        pause = error.retry_after if error.retry_after is not None else _LONGEST_PAUSE
        if pause > self._deadline - time.monotonic():
            raise error
        return pause

    def _failure(self, message: str) -> DeploymentFailedError:
        return DeploymentFailedError(message, details={"deployment_id": self._id})
