"""Fills MLflow's own SQLite store: `<database> <artifacts> <runs> <others>`. Runs in the Python that has MLflow."""

import sys
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlRegisteredModel
from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlLatestMetric, SqlMetric, SqlParam, SqlRun, SqlTag
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import insert

from tracking import data

AT_ONCE = 1000
MODEL = "benchmark of many versions"
SOURCE = "s3://benchmark/model"


def put(session, table, rows):
    """Inserts rows, many at once."""
    for start in range(0, len(rows), AT_ONCE):
        session.execute(insert(table), rows[start : start + AT_ONCE])


def put_runs(session, experiment_id, artifacts, count):
    """The runs of an experiment with what was logged to them."""
    runs, params, tags, metrics = [], [], [], []
    for number in range(count):
        run, run_id = data.run(number), uuid.uuid4().hex
        runs.append(
            {
                "run_uuid": run_id,
                "name": run.name,
                "user_id": "",
                "status": "RUNNING",
                "start_time": run.start_time,
                "lifecycle_stage": "active",
                "artifact_uri": f"{artifacts}/{experiment_id}/{run_id}/artifacts",
                "experiment_id": experiment_id,
                "source_type": "UNKNOWN",
                "source_name": "",
                "entry_point_name": "",
                "source_version": "",
            }
        )
        params += [{"run_uuid": run_id, "key": key, "value": value} for key, value in run.params.items()]
        named = {**run.tags, "mlflow.runName": run.name}
        tags += [{"run_uuid": run_id, "key": key, "value": value} for key, value in named.items()]
        point = {"run_uuid": run_id, "timestamp": run.start_time, "step": 0, "is_nan": False}
        metrics += [{**point, "key": key, "value": value} for key, value in run.metrics.items()]
    for table, rows in ((SqlRun, runs), (SqlParam, params), (SqlTag, tags), (SqlMetric, metrics), (SqlLatestMetric, metrics)):
        put(session, table, rows)


def main(database, artifacts, runs, others):
    store = SqlAlchemyStore(database, artifacts)
    large = int(store.create_experiment(data.LARGE))
    small = int(store.create_experiment(data.SMALL))
    times = {"creation_time": data.FIRST_START, "last_update_time": data.FIRST_START}
    with store.ManagedSessionMaker() as session:
        experiments = [
            {"name": data.other_name(number), "artifact_location": f"{artifacts}/{number}", "lifecycle_stage": "active", **times}
            for number in range(others)
        ]
        put(session, SqlExperiment, experiments)
        times = {"creation_time": data.FIRST_START, "last_updated_time": data.FIRST_START}
        names = [MODEL, *(data.other_name(number) for number in range(others))]
        put(session, SqlRegisteredModel, [{"name": name, **times} for name in names])
        versions = [{"name": MODEL, "version": number + 1, "source": SOURCE, "current_stage": "None", **times} for number in range(others)]
        put(session, SqlModelVersion, versions)
        put_runs(session, small, artifacts, data.FEW_RUNS)
        put_runs(session, large, artifacts, runs)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
