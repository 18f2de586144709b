"""When a request is sent again, and after how long."""

from __future__ import annotations

import random
from dataclasses import dataclass

RETRIED_STATUSES = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with jitter.

    Attributes:
        max_retries: How often a request is sent again at most.
        first_delay: Seconds before the first repetition; each further one doubles it.
        longest_delay: The most that doubling leads to, in seconds.
        longest_retry_after: The longest ``Retry-After`` that is waited for; a longer one is the caller's to decide.
    """

    max_retries: int = 3
    first_delay: float = 0.5
    longest_delay: float = 8.0
    longest_retry_after: float = 60.0

    def delay(self, attempt: int, *, repeatable: bool, retry_after: float | None = None) -> float | None:
        """Say how many seconds to wait after the failed attempt (0 is the first), or ``None`` to give up."""
        if not repeatable or attempt >= self.max_retries:
            return None
        if retry_after is not None:
            return retry_after if retry_after <= self.longest_retry_after else None
        longest: float = min(self.longest_delay, self.first_delay * 2**attempt)
        # Half of it by chance, so that clients that failed together do not come back together.
        return longest * (0.5 + random.random() / 2)  # noqa: S311 - no secret
