"""Compares the worker's contributions with those of the `shap` package, and their sums with the models' margins.

Usage: contributions.py ENGINE, with the folder that holds the engine's contributions.py. Needs `shap` and the models' packages.
Prints one line for each model, and ends with an error where one differs by more than 1e-6.
"""

import sys
import time
import warnings

warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])

import contributions
import lightgbm
import numpy as np
import pandas as pd
import shap
import sklearn.datasets
import xgboost
from sklearn import ensemble, linear_model, preprocessing, tree
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

X, two = sklearn.datasets.make_classification(n_samples=600, n_features=12, n_informative=6, random_state=3)
_, three = sklearn.datasets.make_classification(n_samples=600, n_features=12, n_informative=6, n_classes=3, random_state=3)
number = X[:, 0] * 3 + np.sin(X[:, 1]) * 5 + X[:, 2] * X[:, 3]
positive = np.exp(number / 10)
holes = X.copy()
holes[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
weights = np.random.default_rng(1).random(600) + 0.1
rows = X[:40]
worst = 0.0


def check(name, model, data, margin, expected=None, tolerance=1e-6):
    global worst
    explanation = contributions.prepare(model)
    explanation.explain(data[:1])
    began = time.perf_counter()
    explanation.explain(data[:1])
    took = time.perf_counter() - began
    ours = explanation.explain(data)
    scale = max(1.0, float(np.abs(margin).max()))
    off = float(np.abs(ours.sum(axis=1) - margin).max()) / scale
    differs = float(np.abs(ours[:, :-1] - expected).max()) / scale if expected is not None else float("nan")
    print(f"{name:<38} sum off by {off:.1e}  shap differs by {differs:.1e}  one row in {took * 1000:.1f} ms")
    assert off < tolerance and not differs > tolerance, name
    worst = max(worst, off, 0.0 if expected is None else differs)


def by_shap(model, data, classes=None):
    """The values of shap's path-dependent explainer, of the classes asked for."""
    values = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent").shap_values(data, check_additivity=False)
    values = np.stack(values, axis=-1) if isinstance(values, list) else np.asarray(values)
    if values.ndim == 3:
        classes = np.full(len(data), values.shape[2] - 1) if classes is None else classes
        values = values[np.arange(len(data)), :, classes]
    return values


def predicted(values):
    return values.argmax(axis=1)


def of(values, classes):
    return values[np.arange(len(values)), classes]


for kind in (tree.DecisionTreeClassifier, tree.ExtraTreeClassifier, ensemble.RandomForestClassifier, ensemble.ExtraTreesClassifier):
    for depth in (3, None):
        model = kind(max_depth=depth, random_state=1).fit(X, two, sample_weight=weights)
        check(f"{kind.__name__} {depth} of two", model, rows, model.predict_proba(rows)[:, 1], by_shap(model, rows))
    model = kind(max_depth=6, random_state=1).fit(X, three)
    chosen = predicted(model.predict_proba(rows))
    check(f"{kind.__name__} of three", model, rows, of(model.predict_proba(rows), chosen), by_shap(model, rows, chosen))
for kind in (tree.DecisionTreeRegressor, tree.ExtraTreeRegressor, ensemble.RandomForestRegressor, ensemble.ExtraTreesRegressor):
    model = kind(random_state=1).fit(X, number)
    check(kind.__name__, model, rows, model.predict(rows), by_shap(model, rows))
model = ensemble.RandomForestClassifier(n_estimators=20, random_state=1).fit(holes, two)
check("RandomForestClassifier with missing", model, holes[:40], model.predict_proba(holes[:40])[:, 1])

model = ensemble.GradientBoostingClassifier(random_state=1).fit(X, two)
check("GradientBoostingClassifier of two", model, rows, model.decision_function(rows), by_shap(model, rows))
model = ensemble.GradientBoostingClassifier(random_state=1, n_estimators=20).fit(X, three)
scores = model.decision_function(rows)
check("GradientBoostingClassifier of three", model, rows, of(scores, predicted(scores)))
model = ensemble.GradientBoostingRegressor(random_state=1, subsample=0.7).fit(X, number)
check("GradientBoostingRegressor", model, rows, model.predict(rows), by_shap(model, rows))

model = ensemble.HistGradientBoostingClassifier(random_state=1).fit(X, two)
check("HistGradientBoostingClassifier of two", model, rows, model.decision_function(rows), by_shap(model, rows))
model = ensemble.HistGradientBoostingClassifier(random_state=1, max_iter=20).fit(X, three)
scores = model.decision_function(rows)
check("HistGradientBoostingClassifier three", model, rows, of(scores, predicted(scores)))
model = ensemble.HistGradientBoostingRegressor(random_state=1).fit(holes, number)
check("HistGradientBoostingRegressor missing", model, holes[:40], model.predict(holes[:40]), by_shap(model, holes[:40]))

model = xgboost.XGBClassifier(n_estimators=40, max_depth=5).fit(X, two)
check("XGBClassifier of two", model, rows, model.predict(rows, output_margin=True), by_shap(model, rows))
model = xgboost.XGBClassifier(n_estimators=20).fit(X, three)
margins = model.predict(rows, output_margin=True)
check("XGBClassifier of three", model, rows, of(margins, predicted(margins)), by_shap(model, rows, predicted(margins)))
model = xgboost.XGBRegressor(n_estimators=40).fit(holes, number)
check("XGBRegressor with missing", model, holes[:40], model.predict(holes[:40]), by_shap(model, holes[:40]))
model = xgboost.XGBClassifier(n_estimators=100, early_stopping_rounds=3).fit(X[:400], two[:400], eval_set=[(X[400:], two[400:])], verbose=False)
check("XGBClassifier stopped early", model, rows, model.predict(rows, output_margin=True), None)
booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(X, two), 20)
check("xgboost.Booster", booster, rows, booster.predict(xgboost.DMatrix(rows), output_margin=True), by_shap(booster, rows))

quiet = {"verbose": -1}
model = lightgbm.LGBMClassifier(n_estimators=40, **quiet).fit(X, two)
check("LGBMClassifier of two", model, rows, model.predict(rows, raw_score=True), by_shap(model, rows))
model = lightgbm.LGBMClassifier(n_estimators=20, **quiet).fit(X, three)
scores = model.predict(rows, raw_score=True)
check("LGBMClassifier of three", model, rows, of(scores, predicted(scores)), by_shap(model, rows, predicted(scores)))
model = lightgbm.LGBMRegressor(n_estimators=40, **quiet).fit(holes, number)
check("LGBMRegressor with missing", model, holes[:40], model.predict(holes[:40]), by_shap(model, holes[:40]))

zeros = np.zeros((1, X.shape[1]))
for model in (linear_model.LinearRegression(), linear_model.Ridge(), linear_model.Lasso(0.1), linear_model.SGDRegressor()):
    model.fit(X, number)
    check(type(model).__name__, model, rows, model.predict(rows), shap.LinearExplainer(model, zeros).shap_values(rows))
model = linear_model.LogisticRegression().fit(X, two)
check("LogisticRegression of two", model, rows, model.decision_function(rows), shap.LinearExplainer(model, zeros).shap_values(rows))
model = linear_model.LogisticRegression().fit(X, three)
scores = model.decision_function(rows)
values = np.asarray(shap.LinearExplainer(model, zeros).shap_values(rows))
check("LogisticRegression of three", model, rows, of(scores, predicted(scores)), values[np.arange(40), :, predicted(scores)])
model = linear_model.PoissonRegressor().fit(X, positive)
check("PoissonRegressor", model, rows, np.log(model.predict(rows)))

# Pipelines: in terms of the input's columns.
model = make_pipeline(preprocessing.StandardScaler(), SelectKBest(k=5), ensemble.RandomForestClassifier(20, random_state=1)).fit(X, two)
inner = by_shap(model[-1], model[:-1].transform(rows))
expected = np.zeros(rows.shape)
expected[:, model[1].get_support()] = inner
check("scaler, selection, forest", model, rows, model.predict_proba(rows)[:, 1], expected)

people = pd.DataFrame({
    "age": np.arange(600) % 70 + 18.0, "city": np.array(["Köln", "Rom", "Oslo"])[np.arange(600) % 3], "income": np.exp(X[:, 0]),
    "plan": np.array(["a", "b", "c", "d", "e"])[np.arange(600) % 5], "left_over": X[:, 1],
})
people.loc[::7, "income"] = np.nan
prepared = ColumnTransformer([
    ("text", preprocessing.OneHotEncoder(handle_unknown="ignore", drop="if_binary"), ["plan", "city"]),
    ("numbers", make_pipeline(SimpleImputer(add_indicator=True), preprocessing.StandardScaler()), ["income", "age"]),
    ("gone", "drop", ["left_over"]),
])
for head in (linear_model.LogisticRegression(), ensemble.GradientBoostingClassifier(random_state=1), xgboost.XGBClassifier(n_estimators=10)):
    model = make_pipeline(prepared, head).fit(people, two)
    margin = model[-1].predict(model[:-1].transform(people[:40]), output_margin=True) if "XGB" in type(head).__name__ else model.decision_function(people[:40])
    inner = contributions.prepare(model[-1]).explain(model[:-1].transform(people[:40]))
    expected = np.zeros((40, 5))
    # Five plans, three cities, two numbers, and the indicator of the missing incomes.
    expected[:, 3], expected[:, 1] = inner[:, 0:5].sum(axis=1), inner[:, 5:8].sum(axis=1)
    expected[:, 2], expected[:, 0] = inner[:, 8] + inner[:, 10], inner[:, 9]
    check(f"table, {type(head).__name__}", model, people[:40], margin, expected)
search = GridSearchCV(ensemble.RandomForestRegressor(5, random_state=1), {"max_depth": [2, 4]}, cv=2).fit(X, number)
check("GridSearchCV", search, rows, search.predict(rows), by_shap(search.best_estimator_, rows))

# What has no exact method says so.
for model, word in [
    (ensemble.StackingClassifier([("a", tree.DecisionTreeClassifier())]).fit(X, two), "StackedEnsemble"),
    (ensemble.VotingClassifier([("a", tree.DecisionTreeClassifier())]).fit(X, two), "VotingClassifier"),
    (make_pipeline(preprocessing.PolynomialFeatures(), linear_model.LinearRegression()).fit(X, number), "PolynomialFeatures"),
    (tree.DecisionTreeRegressor().fit(X, X[:, :2]), "several outputs"),
]:
    try:
        contributions.prepare(model).explain(rows)
    except contributions.Unavailable as reason:
        assert word in str(reason), reason
    else:
        raise AssertionError(f"{word} was explained")

# A forest with as many leaves as there are: how long one row and many rows take.
big, label = sklearn.datasets.make_classification(n_samples=5000, n_features=20, flip_y=0.3, random_state=1)
for depth in (10, None):
    model = ensemble.RandomForestClassifier(100, max_depth=depth, random_state=1, n_jobs=2).fit(big, label)
    began = time.perf_counter()
    explanation = contributions.prepare(model)
    prepared_in = time.perf_counter() - began
    leaves = sum(estimator.get_n_leaves() for estimator in model.estimators_)
    for count in (1, 50):
        began = time.perf_counter()
        explanation.explain(big[:count])
        print(f"100 trees of depth {depth}, {leaves} leaves: prepared in {prepared_in:.2f} s, {count} rows in {time.perf_counter() - began:.3f} s")
print(f"largest difference {worst:.1e}")
