"""What a client is made with: the base URL, the key, time limits, retries."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from ._call import Call
from ._retries import RetryPolicy
from ._version import __version__
from .errors import ConfigurationError

DEFAULT_BASE_URL = "https://api.serveml.com"


@dataclass
class Configuration:
    """Both clients' settings; ``api_key`` changes with a login."""

    base_url: str
    api_key: str | None = field(repr=False)
    timeout: httpx.Timeout
    retries: RetryPolicy

    @classmethod
    def from_arguments(
        cls, api_key: str | None, base_url: str | None, timeout: float | httpx.Timeout, max_retries: int
    ) -> Configuration:
        """Take each setting from its argument, else from the environment, else its default."""
        url = (base_url or os.environ.get("SERVEML_URL") or DEFAULT_BASE_URL).strip().rstrip("/")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(f"the base URL {url!r} needs http:// or https:// and a host")
        if max_retries < 0:
            raise ConfigurationError(f"max_retries is {max_retries}; it must be 0 or more")
        key = (api_key or os.environ.get("SERVEML_API_KEY") or "").strip()
        if not key.isascii() or any(character.isspace() for character in key):
            raise ConfigurationError("the API key contains characters that no key has")
        if not isinstance(timeout, httpx.Timeout):
            timeout = httpx.Timeout(timeout, connect=min(10.0, timeout))
        return cls(url, key or None, timeout, RetryPolicy(max_retries=max_retries))

    def headers(self, call: Call[Any]) -> dict[str, str]:
        """Give the headers of a call."""
        headers = {"Accept": "application/json", "User-Agent": f"serveml-python/{__version__}"}
        if call.authenticated and self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        if call.idempotency_key:
            headers["Idempotency-Key"] = call.idempotency_key
        return headers

    def request_arguments(self, call: Call[Any]) -> dict[str, Any]:
        """Give what ``httpx`` builds the call's request from, but for a form's body."""
        query: Mapping[str, Any] = {name: value for name, value in call.query.items() if value is not None}
        arguments: dict[str, Any] = {
            "method": call.method,
            "url": self.base_url + call.path,
            "headers": self.headers(call),
            "params": query or None,
            "timeout": self.timeout,
        }
        if call.json is not None:
            arguments["json"] = call.json
        return arguments
