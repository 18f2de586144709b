from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_server import FakeServer

import serveml


class Blocking:
    """An asynchronous client, or something that it gave, used as if it were synchronous."""

    def __init__(self, inner: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.inner = inner
        self.loop = loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        if not inspect.ismethod(value):
            return value

        def call(*arguments: Any, **named: Any) -> Any:
            result = value(*arguments, **named)
            if inspect.isasyncgen(result):
                return self._iterate(result)
            return self._wrap(self.loop.run_until_complete(result) if inspect.isawaitable(result) else result)

        return call

    def _iterate(self, generator: Any) -> Iterator[Any]:
        while True:
            try:
                yield self._wrap(self.loop.run_until_complete(anext(generator)))
            except StopAsyncIteration:
                return

    def _wrap(self, value: Any) -> Any:
        if isinstance(value, serveml.AsyncDeployment):
            return Blocking(value, self.loop)
        if isinstance(value, serveml.Page):
            items = [self._wrap(item) for item in value.items]
            return serveml.Page(items, value.total, value.limit, value.offset, value.raw)
        return value


@pytest.fixture
def server() -> Iterator[FakeServer]:
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """No test sees the variables or the kept keys of whoever runs it; the end-to-end tests want them."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    if request.module.__name__ != "test_end_to_end":
        monkeypatch.delenv("SERVEML_URL", raising=False)
        monkeypatch.delenv("SERVEML_API_KEY", raising=False)


@pytest.fixture
def pauses() -> list[float]:
    """The seconds that the client would have waited."""
    return []


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest, server: FakeServer, pauses: list[float]) -> Iterator[Any]:
    """Each client in turn; it notes its pauses instead of making them."""
    if request.param == "sync":
        with serveml.Client(api_key="key", base_url=server.url, timeout=5) as synchronous:
            synchronous._sleep = pauses.append
            yield synchronous
        return

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    loop = asyncio.new_event_loop()
    asynchronous = serveml.AsyncClient(api_key="key", base_url=server.url, timeout=5)
    asynchronous._sleep = pause
    yield Blocking(asynchronous, loop)
    loop.run_until_complete(asynchronous.aclose())
    loop.close()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x05model\r\n--\r\n\x00\xff")
    return path


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.txt"
    path.write_text("scikit-learn\n")
    return path


@pytest.fixture
def large_model(tmp_path: Path) -> Path:
    path = tmp_path / "large.pt"
    path.write_bytes(bytes(range(256)) * 20_000)
    return path
