"""Evaluates a model on the rows beside this script (`eval`), or trains anew on ever more of them and looks at those that
follow (`backtest`). run.json names the model; where it names none, one is trained on the first three quarters."""
import json

import mlflow
import mlflow.sklearn
import numpy

from train import TARGET, load, measure, new_model


def evaluation(table, run):
    """The figures of the run's model on all rows, or of a new model on the rows that it has not seen."""
    if run["model_uri"]:
        return measure(mlflow.sklearn.load_model(run["model_uri"]), table, run["parameters"])
    cut = len(table) * 3 // 4
    known, unknown = table.iloc[:cut], table.iloc[cut:]
    return measure(new_model(run["parameters"]).fit(known.drop(columns=TARGET), known[TARGET]), unknown, run["parameters"])


def backtest(table, run):
    """The mean figures over the folds, logging each fold's as a step."""
    folds = int(run["parameters"].get("backtest_folds", 4))
    edges = numpy.linspace(len(table) // 2, len(table), folds + 1).astype(int)
    figures = []
    for step, (begin, end) in enumerate(zip(edges, edges[1:])):
        known, unknown = table.iloc[:begin], table.iloc[begin:end]
        model = new_model(run["parameters"]).fit(known.drop(columns=TARGET), known[TARGET])
        figures.append(measure(model, unknown, run["parameters"]))
        mlflow.log_metrics({f"fold_{name}": value for name, value in figures[-1].items()}, step=step)
    return {name: float(numpy.mean([fold[name] for fold in figures])) for name in figures[0]}


def main():
    table, run = load()
    with mlflow.start_run():
        metrics = backtest(table, run) if run["run_type"] == "backtest" else evaluation(table, run)
        mlflow.log_params({"rows": len(table), "model_uri": run["model_uri"] or "none"})
        mlflow.log_metrics(metrics)
    print(json.dumps(metrics, indent=1))


if __name__ == "__main__":
    main()
