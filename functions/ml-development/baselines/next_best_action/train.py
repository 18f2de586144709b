"""Trains an acceptance model: how likely a customer takes an action. Beside this script lie dataset.json (the rows) and
run.json (the recipe's parameters)."""
import json
import pathlib

import mlflow
import mlflow.sklearn
import numpy
import pandas
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

HERE = pathlib.Path(__file__).parent
TARGET = "accepted"
CATEGORIES = ["action"]


def load():
    """The rows as a table, and the run's description."""
    run = json.loads((HERE / "run.json").read_text())
    table = pandas.DataFrame(json.loads((HERE / "dataset.json").read_text())["rows"]).dropna(subset=[TARGET])
    numbers = [column for column in table if column not in [*CATEGORIES, TARGET]]
    table[numbers] = table[numbers].astype(float)
    table[TARGET] = table[TARGET].astype(int)
    return table, run


def new_model(parameters):
    """A model that is not trained yet."""
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), CATEGORIES), remainder="passthrough")
    boosting = GradientBoostingClassifier(
        n_estimators=int(parameters.get("n_estimators", 120)),
        max_depth=int(parameters.get("max_depth", 2)),
        learning_rate=float(parameters.get("learning_rate", 0.08)),
        random_state=0,
    )
    return make_pipeline(encode, boosting)


def measure(model, table, parameters):
    """How well the model tells acceptance, and what the best action of each customer is worth against the one taken."""
    inputs, accepted = table.drop(columns=TARGET), table[TARGET].to_numpy()
    likely = model.predict_proba(inputs)[:, 1]
    values = table.groupby("action")["action_value"].mean()
    worth = numpy.column_stack(
        [model.predict_proba(inputs.assign(action=action, action_value=value))[:, 1] * value for action, value in values.items()]
    )
    taken = likely * inputs["action_value"].to_numpy()
    best = numpy.argsort(-likely)[: max(len(likely) // 10, 1)]
    return {
        "roc_auc": float(roc_auc_score(accepted, likely)) if len(set(accepted)) > 1 else 0.5,
        "brier_score": float(brier_score_loss(accepted, likely)),
        "expected_value_lift": float(worth.max(axis=1).sum() / max(taken.sum(), 1e-9) - 1),
        "top_decile_lift": float(accepted[best].mean() / max(accepted.mean(), 1e-9)),
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
