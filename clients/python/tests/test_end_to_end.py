"""Both clients and the command against a real platform.

Runs where ``SERVEML_URL`` names one. ``SERVEML_API_KEY`` is used if it is set; otherwise an account is registered.
``SERVEML_TEST_MODEL`` and ``SERVEML_TEST_REQUIREMENTS`` name another model than the one in ``clients/example_model``;
it must take rows of four numbers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import document
import pytest

import serveml

pytestmark = pytest.mark.skipif("SERVEML_URL" not in os.environ, reason="SERVEML_URL names no platform")

_EXAMPLE = Path(__file__).resolve().parents[2] / "example_model"
MODEL = Path(os.environ.get("SERVEML_TEST_MODEL") or _EXAMPLE / "model.pkl")
REQUIREMENTS = Path(os.environ.get("SERVEML_TEST_REQUIREMENTS") or _EXAMPLE / "requirements.txt")
ROW = [5.1, 3.5, 1.4, 0.2]


@pytest.fixture(scope="module")
def api_key() -> Iterator[str]:
    given = os.environ.get("SERVEML_API_KEY")
    if given:
        yield given
        return
    with serveml.Client() as client:
        unique = uuid.uuid4().hex
        client.register(f"{unique}@example.com", f"user-{unique[:12]}", f"secret-{unique}", full_name="A Test")
        client.login(f"{unique}@example.com", f"secret-{unique}")
        key = client.create_api_key("end to end")
        assert key.id in [each.id for each in client.list_api_keys()]
        yield key.api_key
        client.delete_api_key(key.id)
        with serveml.Client(api_key=key.api_key) as revoked, pytest.raises(serveml.UnauthorizedError):
            revoked.me()


@pytest.fixture(scope="module")
def client(api_key: str) -> Iterator[serveml.Client]:
    with serveml.Client(api_key=api_key) as client:
        yield client


@pytest.fixture(scope="module")
def deployment(client: serveml.Client) -> Iterator[serveml.Deployment]:
    deployment = client.deploy(MODEL, REQUIREMENTS, f"iris-{uuid.uuid4().hex[:8]}")
    yield deployment
    deployment.delete()


def test_the_platform_answers(client: serveml.Client) -> None:
    assert client.health().status == "healthy"
    assert client.status().api == "operational"
    assert "@" in client.me().email


def test_a_deployment(client: serveml.Client, deployment: serveml.Deployment) -> None:
    assert deployment.status == "active"
    assert deployment.model_metadata is not None
    assert deployment.model_metadata.framework
    assert deployment.name in [each.name for each in client.deployments(search=deployment.name)]
    assert deployment.get_logs()


def test_predictions(deployment: serveml.Deployment) -> None:
    one = deployment.predict(ROW)
    several = deployment.predict([ROW, ROW])
    assert several.predictions == [one.prediction] * 2
    assert several.batch_size == 2
    assert deployment.get_metrics(hours=24).deployment_id == deployment.id


def test_an_update(deployment: serveml.Deployment) -> None:
    deployment.update(memory_mb=2048)
    deployment.wait_until_ready()
    assert deployment.configuration is not None
    assert deployment.configuration.memory_mb == 2048


def test_a_new_version_by_an_upload_and_back(
    client: serveml.Client, deployment: serveml.Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A small file takes the way of a large one.
    monkeypatch.setattr("serveml._deploying.LARGEST_FORM_FILES", 0)
    progress: list[serveml.UploadProgress] = []
    client.deploy(
        MODEL, REQUIREMENTS, deployment_id=deployment.id, changes="the same again", on_progress=progress.append
    )
    assert progress[-1].sent_bytes == MODEL.stat().st_size
    versions = deployment.list_versions()
    assert len(versions) == 2
    assert versions[0].is_current
    assert versions[0].changes == "the same again"
    earlier = versions[-1].version
    deployment.rollback(earlier)
    deployment.wait_until_ready()
    assert [each.version for each in deployment.list_versions() if each.is_current] == [earlier]
    assert deployment.predict(ROW).model_version == earlier


def test_webhooks(client: serveml.Client) -> None:
    hook = client.create_webhook("https://example.com/webhook", ["deployment.ready"], "webhook-secret-of-a-test")
    try:
        assert hook.id in [each.id for each in client.list_webhooks()]
        assert isinstance(client.list_webhook_deliveries(hook.id), list)
    finally:
        client.delete_webhook(hook.id)
    assert hook.id not in [each.id for each in client.list_webhooks()]


def test_errors(client: serveml.Client, deployment: serveml.Deployment, tmp_path: Path) -> None:
    with pytest.raises(serveml.NotFoundError) as caught:
        client.get_deployment("dep-00000000-0000-7000-8000-000000000000")
    assert caught.value.request_id
    with pytest.raises(serveml.APIError):
        deployment.predict(["no", "number"])
    text = tmp_path / "model.pkl"
    text.write_text("no model at all")
    with pytest.raises(serveml.APIError) as refused:
        client.deploy(text, REQUIREMENTS)
    assert refused.value.code in ("DEPLOYMENT_FAILED", "INVALID_INPUT", "VALIDATION_ERROR")


def test_the_document_example(api_key: str, tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(MODEL.read_bytes())
    (tmp_path / "requirements.txt").write_bytes(REQUIREMENTS.read_bytes())
    program = document.code("Python", "python").replace("your-api-key", api_key)
    done = subprocess.run(
        [sys.executable, "-c", program + "\ndeployment.delete()"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Total predictions: " in done.stdout


def test_the_command(api_key: str, tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "serveml", *arguments],
            env={**os.environ, "SERVEML_API_KEY": api_key},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    deployed = json.loads(run("deploy", str(MODEL), "-r", str(REQUIREMENTS), "--json"))
    try:
        assert run("predict", deployed["id"], json.dumps(ROW)).strip()
        assert run("logs", deployed["id"])
        assert deployed["id"] in run("ls")
    finally:
        run("rm", deployed["id"])
