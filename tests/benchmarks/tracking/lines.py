"""What is measured: requests that go to both sides in turn."""

import random
import sys
import time

from . import data

PAGE = 100
THRESHOLD = 0.5
SLOW_LINE = 40


class Side:
    """One server with what the requests need to know of it."""

    def __init__(self, server):
        self.server = server
        self.connection = server.connect()
        self.large, self.small = self.find(data.LARGE), self.find(data.SMALL)
        page = self.post("runs/search", experiment_ids=[self.large], max_results=1000)
        self.run_ids = [run["info"]["run_id"] for run in page["runs"]]
        self.scratch = self.experiment(f"scratch-{time.time_ns()}")
        self.logged = self.run()
        self.step = 0

    def get(self, path, **query):
        """An answer that is not measured."""
        return self.connection.send("GET", path, query=query)

    def post(self, path, **body):
        """The same for a request with a body."""
        return self.connection.send("POST", path, body)

    def find(self, name):
        """The id of an experiment."""
        return self.get("experiments/get-by-name", experiment_name=name)["experiment"]["experiment_id"]

    def experiment(self, name):
        """A new experiment, which is not part of what was loaded."""
        return self.post("experiments/create", name=name)["experiment_id"]

    def run(self):
        """A new run of it."""
        return self.post("runs/create", experiment_id=self.scratch, start_time=data.FIRST_START)["run"]["info"]["run_id"]


def search(experiment, **more):
    """A search of an experiment's runs."""
    return lambda side: ("POST", "runs/search", {"experiment_ids": [getattr(side, experiment)], "max_results": PAGE, **more}, None)


def listing(path):
    """The first page of a list."""
    return lambda side: ("GET", path, None, {"max_results": PAGE})


def versions(side):
    return "GET", "model-versions/search", None, {"max_results": PAGE, "filter": "name='benchmark of many versions'"}


def get_run(side):
    return "GET", "runs/get", None, {"run_id": random.choice(side.run_ids)}


def create_run(side):
    tags = [{"key": "team", "value": "search"}]
    return "POST", "runs/create", {"experiment_id": side.scratch, "start_time": data.FIRST_START, "run_name": "new", "tags": tags}, None


def log_metric(side):
    side.step += 1
    point = {"key": "loss", "value": 1 / side.step, "timestamp": data.FIRST_START + side.step, "step": side.step}
    return "POST", "runs/log-metric", {"run_id": side.logged, **point}, None


def log_batch(names):
    """A thousand values, of so many metrics, to a new run."""

    def request(side):
        points = [
            {"key": f"metric-{at % names}", "value": at / 7, "timestamp": data.FIRST_START + at, "step": at // names} for at in range(1000)
        ]
        return "POST", "runs/log-batch", {"run_id": side.run(), "metrics": points}, None

    return request


LINES = {
    "runs/search, 30 by time, of 30 runs": search("small", max_results=data.FEW_RUNS),
    "runs/search, 30 by time, of all runs": search("large", max_results=data.FEW_RUNS),
    "runs/search, page one by time": search("large"),
    "runs/search, metric filter with order": search("large", filter=f"metrics.loss > {THRESHOLD}", order_by=["metrics.loss DESC"]),
    "runs/search, metric filter by time": search("large", filter=f"metrics.loss > {THRESHOLD}"),
    "runs/search, param filter by time": search("large", filter="params.optimizer = 'adam'"),
    "experiments/search, page one": listing("experiments/search"),
    "registered-models/search, page one": listing("registered-models/search"),
    "model-versions/search, page one": versions,
    "log-batch, 1000 values of 10 metrics": log_batch(10),
    "log-batch, 1000 metrics": log_batch(1000),
    "log-metric": log_metric,
    "runs/create": create_run,
    "runs/get": get_run,
}


def measure(platform, mlflow, requests, chosen):
    """Times each line on both sides in turn; gives what was found, in milliseconds, by line and side."""
    sides = [Side(platform), Side(mlflow)]
    measured = {}
    for name, request in LINES.items():
        if chosen and not any(part in name for part in chosen):
            continue
        print(f"{name} …", file=sys.stderr, flush=True)
        times = {side.server.name: [] for side in sides}
        # The first ones start processes and fill caches; they are not counted.
        warm = 5
        count = requests if "log-batch" not in name else min(requests, SLOW_LINE)
        for number in range(warm + count):
            # Neither side always comes first.
            for side in sides if number % 2 else reversed(sides):
                method, path, body, query = request(side)
                _, elapsed = side.connection.timed(method, path, body, query)
                if number >= warm:
                    times[side.server.name].append(elapsed * 1000)
        measured[name] = {side: {"p50": percentile(found, 50), "p99": percentile(found, 99)} for side, found in times.items()}
    return measured


def percentile(values, percent):
    """The value under which so many percent of all are."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))], 2)
