"""What a client takes from its arguments, the environment and its defaults."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fake_server import FakeServer

import serveml


@pytest.fixture(params=[serveml.Client, serveml.AsyncClient])
def make(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_defaults(make: Any) -> None:
    client = make()
    assert client.base_url == "https://api.serveml.com"
    assert client._configuration.api_key is None
    assert client._configuration.timeout == httpx.Timeout(60, connect=10)


def test_environment_and_arguments(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVEML_URL", "http://localhost:8000/")
    monkeypatch.setenv("SERVEML_API_KEY", "from-environment")
    assert make().base_url == "http://localhost:8000"
    assert make()._configuration.api_key == "from-environment"
    client = make(api_key="mine", base_url="https://example.com/stage", timeout=3)
    assert (client.base_url, client._configuration.api_key) == ("https://example.com/stage", "mine")
    assert client._configuration.timeout == httpx.Timeout(3)
    assert "mine" not in repr(client._configuration)


@pytest.mark.parametrize(
    "arguments",
    [
        {"base_url": "localhost:8000"},
        {"base_url": "ftp://x"},
        {"base_url": "http://"},
        {"max_retries": -1},
        {"api_key": "a b"},
        {"api_key": "a\nb"},
        {"api_key": "schlüssel"},
    ],
)
def test_what_cannot_be(make: Any, arguments: dict[str, Any]) -> None:
    with pytest.raises(serveml.ConfigurationError):
        make(**arguments)


def test_without_a_key_none_is_sent(server: FakeServer) -> None:
    with serveml.Client(base_url=server.url) as client:
        client.me()
    assert "authorization" not in server.last.headers
    assert server.last.headers["user-agent"] == f"serveml-python/{serveml.__version__}"


def test_an_http_client_of_ones_own_stays_open(server: FakeServer) -> None:
    with httpx.Client(headers={"X-Proxy": "yes"}) as own:
        with serveml.Client(base_url=server.url, http_client=own) as client:
            client.me()
        assert not own.is_closed
    assert server.last.headers["x-proxy"] == "yes"


def test_async_context_and_concurrency(server: FakeServer) -> None:
    async def run() -> list[Any]:
        async with serveml.AsyncClient(base_url=server.url) as client:
            return await asyncio.gather(*[client.predict("dep-1", [number]) for number in range(20)])

    assert [result.prediction for result in asyncio.run(run())] == [0] * 20
    assert sorted(request.json["data"][0] for request in server.requests) == list(range(20))
