"""A request of the API, described but not sent, so that both clients send the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")

_IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request and how to read its answer.

    Attributes:
        path: Below the base URL.
        parse: Makes the typed answer of the decoded JSON body.
        query: Parameters of the URL; those that are ``None`` are left out.
        json: The body, if it is JSON.
        form: The parts of the body, if it is a form: by name, a file's name (``None`` for a plain value) and its bytes.
        authenticated: Whether the key goes along.
        idempotency_key: Under which the API does it once, however often it is sent.
    """

    method: str
    path: str
    parse: Callable[[Any], T]
    query: Mapping[str, str | int | None] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, tuple[str | None, bytes]] | None = None
    authenticated: bool = True
    idempotency_key: str | None = None

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does what sending it once does."""
        return self.method in _IDEMPOTENT_METHODS or self.idempotency_key is not None

    def then(self, convert: Callable[[T], U]) -> Call[U]:
        """Give the same call with something made of its answer."""
        parse = self.parse
        return Call(
            method=self.method,
            path=self.path,
            parse=lambda body: convert(parse(body)),
            query=self.query,
            json=self.json,
            form=self.form,
            authenticated=self.authenticated,
            idempotency_key=self.idempotency_key,
        )
