"""Trains the forest and writes what contestants load and what they are asked, into the folder named by the argument.

    model/           the MLflow model
    model.joblib     the bare estimator
    questions.json   request bodies of one row each, and the estimator's own prediction for each
"""

import json
import pathlib
import sys

import forest
import joblib
import mlflow.sklearn

# Rows that take turns, so that nobody answers from a cache.
QUESTIONS = 16

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True)
model = forest.fit()
features, _ = forest.data()
mlflow.sklearn.save_model(model, folder / "model", input_example=features[:1])
joblib.dump(model, folder / "model.joblib")
# Away from the rows it was trained on.
rows = (features[:QUESTIONS] + features[-QUESTIONS:]) / 2
questions = [{"body": {"inputs": [row.tolist()]}, "predictions": model.predict([row]).tolist()} for row in rows]
(folder / "questions.json").write_text(json.dumps(questions))
