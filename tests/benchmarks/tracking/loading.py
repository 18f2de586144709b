"""Loads the platform through its own API, with several clients at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import local

from . import data
from .connection import Connection

CLIENTS = 6
MODEL = "benchmark of many versions"
SOURCE = "s3://benchmark/model"


def entries(values):
    """A dictionary as MLflow's messages have it."""
    return [{"key": key, "value": value} for key, value in values.items()]


def load_platform(port, amount):
    """Makes the experiments, runs, registered models and versions."""
    kept = local()

    def send(method, path, body):
        if not hasattr(kept, "connection"):
            kept.connection = Connection(port)
        return kept.connection.send(method, path, body)

    def make_run(experiment_id, number):
        run = data.run(number)
        body = {"experiment_id": experiment_id, "run_name": run.name, "start_time": run.start_time, "tags": entries(run.tags)}
        run_id = send("POST", "runs/create", body)["run"]["info"]["run_id"]
        metrics = [{"key": key, "value": value, "timestamp": run.start_time, "step": 0} for key, value in run.metrics.items()]
        send("POST", "runs/log-batch", {"run_id": run_id, "params": entries(run.params), "metrics": metrics})

    def make_others(number):
        send("POST", "experiments/create", {"name": data.other_name(number)})
        send("POST", "registered-models/create", {"name": data.other_name(number)})
        send("POST", "model-versions/create", {"name": MODEL, "source": SOURCE})

    send("POST", "registered-models/create", {"name": MODEL})
    large = send("POST", "experiments/create", {"name": data.LARGE})["experiment_id"]
    small = send("POST", "experiments/create", {"name": data.SMALL})["experiment_id"]
    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in pool.map(make_others, range(amount.others)):
            pass
        for _ in pool.map(lambda number: make_run(small, number), range(data.FEW_RUNS)):
            pass
        for _ in pool.map(lambda number: make_run(large, number), range(amount.runs)):
            pass
