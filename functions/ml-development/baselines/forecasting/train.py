"""Trains a demand forecast by calendar and circumstances. Beside this script lie dataset.json (the rows) and run.json (the
recipe's parameters)."""
import json
import pathlib

import mlflow
import mlflow.sklearn
import numpy
import pandas
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_percentage_error, root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = pathlib.Path(__file__).parent
TARGET = "demand"
ORIGIN = pandas.Timestamp("2024-01-01")


def load():
    """The rows as a table in the order of their days, with what the calendar tells, and the run's description."""
    run = json.loads((HERE / "run.json").read_text())
    table = pandas.DataFrame(json.loads((HERE / "dataset.json").read_text())["rows"]).dropna(subset=[TARGET, "date"])
    table["date"] = pandas.to_datetime(table["date"])
    table = table.sort_values("date").reset_index(drop=True)
    days = table.pop("date")
    circumstances = table.drop(columns=TARGET).astype(float)
    season = 2 * numpy.pi * days.dt.dayofyear / 365.25
    calendar = {"days_since_origin": (days - ORIGIN).dt.days.astype(float), "season_sin": numpy.sin(season), "season_cos": numpy.cos(season)}
    calendar |= {f"weekday_{day}": (days.dt.dayofweek == day).astype(float) for day in range(7)}
    return pandas.DataFrame({**calendar, **circumstances, TARGET: table[TARGET].astype(float)}), run


def new_model(parameters):
    """A model that is not trained yet."""
    return make_pipeline(StandardScaler(), Ridge(alpha=float(parameters.get("alpha", 1.0))))


def measure(model, table, parameters, before=None):
    """How near the forecast is, also against saying what was a week before."""
    actual = table[TARGET].to_numpy()
    forecast = model.predict(table.drop(columns=TARGET))
    metrics = {
        "MAPE": float(mean_absolute_percentage_error(actual, forecast)),
        "RMSE": float(root_mean_squared_error(actual, forecast)),
        "bias": float((forecast - actual).mean()),
    }
    season = int(parameters.get("season_days", 7))
    history = actual if before is None else numpy.concatenate([before[TARGET].to_numpy()[-season:], actual])
    if len(history) > season:
        naive = numpy.abs(history[season:] - history[:-season]).mean()
        metrics["skill_over_naive"] = float(1 - numpy.abs(forecast - actual)[-len(history) + season :].mean() / max(naive, 1e-9))
    return metrics


def main():
    table, run = load()
    parameters = run["parameters"]
    cut = int(len(table) * 0.8)
    known, unknown = table.iloc[:cut], table.iloc[cut:]
    with mlflow.start_run():
        model = new_model(parameters).fit(known.drop(columns=TARGET), known[TARGET])
        metrics = measure(model, unknown, parameters, known)
        mlflow.log_params({"rows": len(table), **parameters})
        mlflow.log_metrics(metrics)
        mlflow.sklearn.log_model(model, "model", serialization_format="cloudpickle", input_example=known.drop(columns=TARGET).head(3))
    print(json.dumps(metrics, indent=1))


if __name__ == "__main__":
    main()
