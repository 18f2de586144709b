"""What both sides hold: made of numbers, so that both hold the same. Standard library only: it is read in two Pythons."""

import math
import random
from dataclasses import dataclass

LARGE = "benchmark of many runs"
SMALL = "benchmark of few runs"
FEW_RUNS = 30
FIRST_START = 1_700_000_000_000


@dataclass(frozen=True)
class Amount:
    """How much is loaded."""

    runs: int
    others: int


@dataclass(frozen=True)
class Run:
    """A run: when it started, and what was logged to it."""

    name: str
    start_time: int
    params: dict
    tags: dict
    metrics: dict


def run(number):
    """The run of that number."""
    chance = random.Random(number)
    loss = chance.random()
    return Run(
        name=f"run-{number}",
        start_time=FIRST_START + number * 1000,
        params={
            "learning_rate": f"{10 ** -chance.uniform(1, 5):.6f}",
            "depth": str(chance.randrange(2, 20)),
            "estimators": str(chance.randrange(10, 1000)),
            "optimizer": chance.choice(["adam", "sgd", "rmsprop"]),
            "batch_size": str(2 ** chance.randrange(3, 10)),
        },
        tags={"team": chance.choice(["search", "fraud", "prices"]), "git_commit": f"{chance.getrandbits(160):040x}"},
        metrics={"loss": loss, "accuracy": 1 - loss * chance.random(), "rmse": math.sqrt(loss)},
    )


def other_name(number):
    """The name of the experiment, and of the registered model, of that number."""
    return f"benchmark-{number:06d}"
