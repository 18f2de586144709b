"""Trains a demand model: how many units sell at a price. Beside this script lie dataset.json (the rows) and run.json
(the recipe's parameters)."""
import json
import pathlib

import mlflow
import mlflow.sklearn
import numpy
import pandas
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import mean_absolute_percentage_error, r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

HERE = pathlib.Path(__file__).parent
TARGET = "units_sold"
CATEGORIES = ["segment", "channel"]


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
    """How well the model knows the demand, and what prices chosen by it would bring against those that were asked."""
    inputs, sold = table.drop(columns=TARGET), table[TARGET].to_numpy()
    expected = numpy.maximum(model.predict(inputs), 0)
    reach = float(parameters.get("price_reach", 0.15))
    best = {"revenue": expected * inputs["price"], "margin": expected * (inputs["price"] - inputs["unit_cost"])}
    revenue, margin = best["revenue"].to_numpy().copy(), best["margin"].to_numpy().copy()
    chosen_revenue, chosen_margin = revenue.copy(), margin.copy()
    for factor in numpy.linspace(1 - reach, 1 + reach, 7):
        offered = inputs.assign(price=inputs["price"] * factor)
        demand = numpy.minimum(numpy.maximum(model.predict(offered), 0), inputs["stock"])
        new_margin = (demand * (offered["price"] - offered["unit_cost"])).to_numpy()
        better = new_margin > chosen_margin
        chosen_margin[better] = new_margin[better]
        chosen_revenue[better] = (demand * offered["price"]).to_numpy()[better]
    return {
        "revenue_lift": float(chosen_revenue.sum() / revenue.sum() - 1),
        "margin_impact": float(chosen_margin.sum() / margin.sum() - 1),
        "MAPE": float(mean_absolute_percentage_error(numpy.maximum(sold, 1), numpy.maximum(expected, 1))),
        "r2": float(r2_score(sold, expected)),
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
