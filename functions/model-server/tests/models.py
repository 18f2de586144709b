"""Trains the small models that the tests serve and writes each as an MLflow model folder.

Usage: models.py FOLDER. Beside each model lies `expected.json`: requests, and what the model itself answers in this
very process, so that a test compares the server with the model and with nothing else.
"""

import json
import os
import sys
import warnings

warnings.simplefilter("ignore")
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

import lightgbm
import mlflow
import mlflow.lightgbm
import mlflow.pyfunc
import mlflow.sklearn
import mlflow.xgboost
import numpy as np
import pandas as pd
import sklearn.datasets
import xgboost
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

target = sys.argv[1]
sources = os.path.join(target, "sources")
os.makedirs(sources, exist_ok=True)

X, y = sklearn.datasets.make_classification(n_samples=400, n_features=20, n_classes=2, random_state=7)
frame = pd.DataFrame(X[:, :4], columns=["a", "b.c", "größe", "d e"])
rows = X[:3]


def listed(values):
    """What JSON makes of an answer."""
    if isinstance(values, list):
        return [listed(value) for value in values]
    return values.tolist()


def finish(name, save, cases, flavors_folder="model"):
    folder = os.path.join(target, name)
    save(os.path.join(folder, flavors_folder))
    with open(os.path.join(folder, "expected.json"), "w") as file:
        json.dump(cases, file)


def by_column(data):
    return {column: data[column].tolist() for column in data.columns}


def case(inputs, predictions, probabilities=None):
    answer = {"inputs": inputs, "predictions": listed(predictions)}
    if probabilities is not None:
        answer["probabilities"] = listed(probabilities)
    return answer


# Named requirements keep MLflow from loading each model in a process of its own to find them out.
quick = {"pip_requirements": ["scikit-learn"]}
options = {"serialization_format": "cloudpickle", **quick}

# A forest on bare numbers, without a signature: what the documents' own script logs.
forest = RandomForestClassifier(n_estimators=100, max_depth=10, random_state=42).fit(X, y)
finish(
    "forest",
    lambda path: mlflow.sklearn.save_model(forest, path, **options),
    [
        case(rows.tolist(), forest.predict(rows), forest.predict_proba(rows)),
        case({f"feature_{i}": rows[:, i].tolist() for i in range(20)}, forest.predict(rows), forest.predict_proba(rows)),
        case({f"feature_{i}": rows[:, i].tolist() for i in reversed(range(20))}, forest.predict(rows), forest.predict_proba(rows)),
        case(rows[0].tolist(), forest.predict(rows[:1]), forest.predict_proba(rows[:1])),
    ],
)

# The same with the signature of a numpy array (a tensor) and an example.
finish(
    "tensor",
    lambda path: mlflow.sklearn.save_model(
        forest, path, signature=infer_signature(X, forest.predict(X)), input_example=X[:2], **options
    ),
    [case(rows.tolist(), forest.predict(rows), forest.predict_proba(rows))],
)

# skops, the default from MLflow 3.14 on.
linear = LogisticRegression().fit(X, y)
finish(
    "skops",
    lambda path: mlflow.sklearn.save_model(linear, path, serialization_format="skops", **quick),
    [case(rows.tolist(), linear.predict(rows), linear.predict_proba(rows))],
)

# Column names with dots, spaces and letters beyond ASCII; a signature with names; nothing selects by name.
named = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, y)
finish(
    "named",
    lambda path: mlflow.sklearn.save_model(
        named, path, signature=infer_signature(frame, named.predict(frame)), input_example=frame.head(2), **options
    ),
    [
        case(by_column(frame.head(3)), named.predict(frame.head(3)), named.predict_proba(frame.head(3))),
        case(by_column(frame.head(3)[["d e", "größe", "a", "b.c"]]), named.predict(frame.head(3)), named.predict_proba(frame.head(3))),
        case(frame.head(3).to_dict(orient="records"), named.predict(frame.head(3)), named.predict_proba(frame.head(3))),
        case(frame.iloc[0].to_dict(), named.predict(frame.head(1)), named.predict_proba(frame.head(1))),
    ],
)

# Strings, whole numbers, booleans and missing numbers, columns selected by name, labels that are text.
people = pd.DataFrame(
    {
        "age": np.arange(20, 60, dtype="int64"),
        "city": ["Köln", "Rom", "Oslo", "Lima"] * 10,
        "income": np.linspace(1000.0, 9000.0, 40),
        "member": [True, False] * 20,
    }
)
labels = np.where(people["income"] > 4000, "high", "low")
columns = ColumnTransformer(
    [("city", OneHotEncoder(handle_unknown="ignore"), ["city"]), ("rest", "passthrough", ["age", "income", "member"])]
)
mixed = make_pipeline(columns, RandomForestClassifier(n_estimators=10, random_state=1, n_jobs=-1)).fit(people, labels)
few = people.iloc[[0, 15, 39]]
mixed_cases = [
    case(by_column(few), mixed.predict(few), mixed.predict_proba(few)),
    case(few.to_dict(orient="records"), mixed.predict(few), mixed.predict_proba(few)),
    case(few.values.tolist(), mixed.predict(few), mixed.predict_proba(few)),
]
finish(
    "mixed",
    lambda path: mlflow.sklearn.save_model(
        mixed, path, signature=infer_signature(people, mixed.predict(people)), **options
    ),
    mixed_cases,
)
finish("unsigned", lambda path: mlflow.sklearn.save_model(mixed, path, **options), mixed_cases)

# Text straight into a vectorizer.
texts = ["good day", "bad day", "good night", "bad night"]
text = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [1, 0, 1, 0])
finish(
    "text",
    lambda path: mlflow.sklearn.save_model(text, path, **options),
    [
        case(["good good", "bad bad"], text.predict(["good good", "bad bad"]), text.predict_proba(["good good", "bad bad"])),
        case({"text": ["good good"]}, text.predict(["good good"]), text.predict_proba(["good good"])),
    ],
)

# Two targets; classes of two outputs.
two = LinearRegression().fit(X, np.column_stack([y, 2.0 * y]))
finish("two", lambda path: mlflow.sklearn.save_model(two, path, **options), [case(rows.tolist(), two.predict(rows))])
outputs = RandomForestClassifier(n_estimators=5, random_state=1).fit(X, np.column_stack([y, 1 - y]))
per_row = [[output[row].tolist() for output in outputs.predict_proba(rows)] for row in range(3)]
finish(
    "outputs",
    lambda path: mlflow.sklearn.save_model(outputs, path, **options),
    [case(rows.tolist(), outputs.predict(rows), per_row and np.array(per_row))],
)

# A model that accepts missing values, and one that predicts on 32-bit numbers.
holes = X.copy()
holes[::7, 3] = np.nan
missing = HistGradientBoostingRegressor(max_iter=20).fit(holes, y)
with_null = rows.tolist()
with_null[1][3] = None
finish(
    "missing",
    lambda path: mlflow.sklearn.save_model(missing, path, **options),
    [case(with_null, missing.predict(np.array(with_null, dtype=float)))],
)
narrow = X.astype("float32")
linear32 = LinearRegression().fit(narrow, y)
finish(
    "narrow",
    lambda path: mlflow.sklearn.save_model(
        linear32, path, signature=infer_signature(narrow, linear32.predict(narrow)), **options
    ),
    [case(rows.tolist(), linear32.predict(rows.astype("float32")))],
)
proba_fn = {"pyfunc_predict_fn": "predict_proba"}
finish(
    "predict_fn",
    lambda path: mlflow.sklearn.save_model(linear, path, **proba_fn, **options),
    [case(rows.tolist(), linear.predict_proba(rows))],
)

# XGBoost.
xgb_classifier = xgboost.XGBClassifier(n_estimators=20).fit(X, y)
finish(
    "xgb_classifier",
    lambda path: mlflow.xgboost.save_model(xgb_classifier, path, **quick),
    [case(rows.tolist(), xgb_classifier.predict(rows), xgb_classifier.predict_proba(rows))],
)
xgb_regressor = xgboost.XGBRegressor(n_estimators=20).fit(frame, y)
finish(
    "xgb_regressor",
    lambda path: mlflow.xgboost.save_model(
        xgb_regressor, path, signature=infer_signature(frame, xgb_regressor.predict(frame)), model_format="json", **quick
    ),
    [case(by_column(frame.head(3)), xgb_regressor.predict(frame.head(3)))],
)
booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(frame, label=y), num_boost_round=10)
booster_answer = booster.predict(xgboost.DMatrix(frame.head(3)))
finish(
    "xgb_booster",
    lambda path: mlflow.xgboost.save_model(booster, path, **quick),
    [case(by_column(frame.head(3)), booster_answer, np.column_stack([1.0 - booster_answer, booster_answer]))],
)
count = xgboost.train({"objective": "count:poisson"}, xgboost.DMatrix(X, label=y), num_boost_round=5)
finish(
    "xgb_count",
    lambda path: mlflow.xgboost.save_model(count, path, **quick),
    [case(rows.tolist(), count.predict(xgboost.DMatrix(rows)))],
)

# LightGBM.
quiet = {"verbosity": -1}
lgb_classifier = lightgbm.LGBMClassifier(n_estimators=20, **quiet).fit(X, np.where(y == 1, "yes", "no"))
finish(
    "lgb_classifier",
    lambda path: mlflow.lightgbm.save_model(lgb_classifier, path, **options),
    [case(rows.tolist(), lgb_classifier.predict(rows), lgb_classifier.predict_proba(rows))],
)
lgb_booster = lightgbm.train({"objective": "binary", **quiet}, lightgbm.Dataset(X, label=y), num_boost_round=10)
lgb_answer = lgb_booster.predict(rows)
finish(
    "lgb_booster",
    lambda path: mlflow.lightgbm.save_model(lgb_booster, path, **quick),
    [case(rows.tolist(), lgb_answer, np.column_stack([1.0 - lgb_answer, lgb_answer]))],
)


# A custom model with code of its own, and scikit-learn steps from such code.
with open(os.path.join(sources, "shop_steps.py"), "w") as file:
    file.write(
        "from sklearn.base import BaseEstimator, TransformerMixin\n"
        "class Ratio(TransformerMixin, BaseEstimator):\n"
        "    def fit(self, X, y=None):\n"
        "        self.n_features_in_ = X.shape[1]\n"
        "        self.feature_names_in_ = X.columns.to_numpy()\n"
        "        return self\n"
        "    def transform(self, X):\n"
        "        return X.assign(ratio=X['a'] / (X['b.c'] ** 2 + 1.0)).to_numpy()\n"
    )
sys.path.insert(0, sources)
from shop_steps import Ratio

ratio = make_pipeline(Ratio(), LinearRegression()).fit(frame, y)
finish(
    "custom_step",
    lambda path: mlflow.sklearn.save_model(
        ratio, path, code_paths=[os.path.join(sources, "shop_steps.py")], **options
    ),
    [case(by_column(frame.head(3)), ratio.predict(frame.head(3)))],
)


class Doubled(mlflow.pyfunc.PythonModel):
    """Answers twice a column and prints while it does so."""

    def predict(self, context, model_input, params=None):
        print("a line on standard output")
        return model_input["a"] * 2


finish(
    "pyfunc",
    lambda path: mlflow.pyfunc.save_model(
        path, python_model=Doubled(), signature=infer_signature(frame[["a"]], frame["a"] * 2), **quick
    ),
    [case({"a": [1.5, 2]}, np.array([3.0, 4.0]))],
)


class Troubled(sklearn.linear_model.LinearRegression):
    """Does on demand what models do on bad days: the first column says what."""

    def fit(self):
        self.n_features_in_ = 2
        return self

    def predict(self, X):
        import os
        import time

        action, value = X[0]
        if action == 1:
            raise ValueError("this model has had enough")
        if action == 2:
            os._exit(3)
        if action == 3:
            os.kill(os.getpid(), 11)
        if action == 4:
            time.sleep(float(value))
        if action == 5:
            print("x" * 100000)
        if action == 6:
            raise SystemExit(1)
        if action == 7:
            raise ValueError(" ".join(sorted(os.environ)))
        if action == 8:
            time.sleep(float(value))
            raise ValueError(f"process {os.getpid()}")
        return X[:, 1]


finish("troubled", lambda path: mlflow.sklearn.save_model(Troubled().fit(), path, **options), [case([[0, 5.0]], np.array([5.0]))])


class Unloadable:
    """Cannot be loaded: the pickle raises."""

    def __reduce__(self):
        return (eval, ("__import__('importlib').import_module('no_such_package')",))

    def predict(self, X):
        return X


class Exits:
    """Ends the process that loads it."""

    def __reduce__(self):
        return (eval, ("__import__('os')._exit(7)",))

    def predict(self, X):
        return X


for name, value in [("unloadable", Unloadable()), ("exits", Exits())]:
    finish(name, lambda path: mlflow.sklearn.save_model(value, path, **options), [])
