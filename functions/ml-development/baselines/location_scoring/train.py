"""Trains a location model: what a site earns in a year. Beside this script lie dataset.json (the rows) and run.json (the
recipe's parameters)."""
import json
import pathlib

import mlflow
import mlflow.sklearn
import numpy
import pandas
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import mean_absolute_error, mean_absolute_percentage_error, r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

HERE = pathlib.Path(__file__).parent
TARGET = "yearly_revenue"
CATEGORIES = ["zone"]


def load():
    """The rows as a table, and the run's description."""
    run = json.loads((HERE / "run.json").read_text())
    table = pandas.DataFrame(json.loads((HERE / "dataset.json").read_text())["rows"]).dropna(subset=[TARGET])
    numbers = [column for column in table if column not in CATEGORIES]
    table[numbers] = table[numbers].astype(float)
    return table, run


def new_model(parameters):
    """A model that is not trained yet."""
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), CATEGORIES), remainder="passthrough")
    boosting = GradientBoostingRegressor(
        n_estimators=int(parameters.get("n_estimators", 150)),
        max_depth=int(parameters.get("max_depth", 3)),
        learning_rate=float(parameters.get("learning_rate", 0.08)),
        random_state=0,
    )
    return make_pipeline(encode, boosting)


def measure(model, table, parameters):
    """How near the model's revenue is, and how much better its best sites are than sites taken at random."""
    inputs, earned = table.drop(columns=TARGET), table[TARGET].to_numpy()
    expected = model.predict(inputs)
    share = float(parameters.get("chosen_share", 0.1))
    best = numpy.argsort(-expected)[: max(int(len(expected) * share), 1)]
    return {
        "r2": float(r2_score(earned, expected)),
        "MAE": float(mean_absolute_error(earned, expected)),
        "MAPE": float(mean_absolute_percentage_error(earned, expected)),
        "chosen_sites_lift": float(earned[best].mean() / earned.mean() - 1),
    }


def main():
    table, run = load()
    parameters = run["parameters"]
    known, unknown = train_test_split(table, test_size=0.25, random_state=0)
    with mlflow.start_run():
        model = new_model(parameters).fit(known.drop(columns=TARGET), known[TARGET])
        metrics = measure(model, unknown, parameters)
        mlflow.log_params({"rows": len(table), **parameters})
        mlflow.log_metrics(metrics)
        mlflow.sklearn.log_model(model, "model", serialization_format="cloudpickle", input_example=known.drop(columns=TARGET).head(3))
    print(json.dumps(metrics, indent=1))


if __name__ == "__main__":
    main()
