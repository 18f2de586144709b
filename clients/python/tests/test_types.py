"""Not run but checked: what a type checker sees of the package's users."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import serveml


def test_both_clients_have_the_same_methods() -> None:
    for one, other in [(serveml.Client, serveml.AsyncClient), (serveml.Deployment, serveml.AsyncDeployment)]:
        methods = {name for name in vars(one) if not name.startswith("_")}
        assert {name.replace("aclose", "close") for name in vars(other) if not name.startswith("_")} == methods
        for name in methods - {"close", "base_url"}:
            ours = list(inspect.signature(getattr(one, name)).parameters.items())
            theirs = list(inspect.signature(getattr(other, name)).parameters.items())
            assert [name for name, _ in ours] == [name for name, _ in theirs]
            assert [each.default for _, each in ours] == [each.default for _, each in theirs]


if TYPE_CHECKING:

    def uses(deployment: serveml.Deployment, client: serveml.Client) -> None:
        one: serveml.Prediction = deployment.predict([5.1, 3, "red", None])
        named: serveml.Prediction = client.predict("d", {"a": 1})
        several: serveml.BatchPrediction = deployment.predict([[1.0], [2.0]])
        named_several: serveml.BatchPrediction = deployment.predict([{"a": 1}])
        count: int = deployment.get_metrics(hours=24).request_count
        ids: list[str] = [each.id for each in client.deployments(status="active")]
        print(one, named, several, named_several, count, ids)

    async def uses_async(deployment: serveml.AsyncDeployment, client: serveml.AsyncClient) -> None:
        one: serveml.Prediction = await deployment.predict([5.1])
        several: serveml.BatchPrediction = await client.predict("d", [[1.0]])
        async for each in client.deployments():
            print(each.id, one, several)
