"""Compares the worker's contributions with those of the `shap` package, and their sums with the models' margins.

Usage: contributions.py ENGINE, with the folder that holds the engine's contributions.py. Needs `shap` and the models' packages. What the
worker answers goes to standard output as the worker writes it, and the server's values come back on standard input. Prints one line
for each model on standard error, and ends with an error where one differs by more than 1e-6.
"""

import json
import math
import os
import struct
import sys
import time
import warnings

warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])
channel, sys.stdout = os.fdopen(os.dup(1), "wb"), sys.stderr
os.dup2(2, 1)

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


def exchange(explanation, data, predictions, first):
    """The values of both halves; the server gets the trees the first time alone."""
    header, parts = explanation.answer(data, predictions, first, 60.0)
    header |= {"features": ["?"] * (data.shape[1] + 1), "rows": data.shape[0], "first": first}
    text = json.dumps(header).encode()
    channel.write(struct.pack("<II", len(text), sum(memoryview(part).nbytes for part in parts)) + text)
    for part in parts:
        channel.write(part)
    channel.flush()
    length = struct.unpack("<i", sys.stdin.buffer.read(4))[0]
    if length < 0:
        raise RuntimeError(sys.stdin.buffer.read(-length).decode())
    return np.frombuffer(sys.stdin.buffer.read(length)).reshape(data.shape[0], -1)


def explain(model, data):
    return exchange(contributions.prepare(model), data, model.predict(data) if hasattr(model, "classes_") else None, True)


def check(name, model, data, margin, expected=None, tolerance=1e-6):
    global worst
    explanation = contributions.prepare(model)
    predictions = model.predict(data) if hasattr(model, "classes_") else None
    exchange(explanation, data[:1], predictions[:1] if predictions is not None else None, True)
    began = time.perf_counter()
    exchange(explanation, data[:1], predictions[:1] if predictions is not None else None, False)
    took = time.perf_counter() - began
    ours = exchange(explanation, data, predictions, False)
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


def by_definition(model, data):
    """Shapley's values of a histogram booster over all coalitions of its columns, its trees walked one by one."""
    prepared, sources = contributions.prepared_categories(model, data, list(range(data.shape[1])))
    columns = prepared.shape[1]
    known_sets, place = model._bin_mapper.make_known_categories_bitsets()

    def within(sets, category):
        return bool(sets[int(category) // 32] >> (int(category) % 32) & 1)

    def expected(nodes, predictor, row, coalition, at=0):
        node = nodes[at]
        if node["is_leaf"]:
            return node["value"]
        if node["feature_idx"] not in coalition:
            sides = [(nodes[node[side]]["count"], node[side]) for side in ("left", "right")]
            return sum(count / node["count"] * expected(nodes, predictor, row, coalition, child) for count, child in sides)
        value, left = row[node["feature_idx"]], bool(node["missing_go_to_left"])
        if not np.isnan(value):
            if not node["is_categorical"]:
                left = value <= node["num_threshold"]
            elif value >= 0 and within(predictor.raw_left_cat_bitsets[node["bitset_idx"]], value):
                left = True
            elif value >= 0 and within(known_sets[place[node["feature_idx"]]], value):
                left = False
        return expected(nodes, predictor, row, coalition, node["left"] if left else node["right"])

    result = np.zeros(data.shape)
    for at, row in enumerate(prepared):
        predictors = [predictor for stage in model._predictors for predictor in stage]
        worth = [
            sum(expected(one.nodes, one, row, [column for column in range(columns) if bits >> column & 1]) for one in predictors)
            for bits in range(1 << columns)
        ]
        for column in range(columns):
            for bits in range(1 << columns):
                if not bits >> column & 1:
                    size = bits.bit_count()
                    weight = math.factorial(size) * math.factorial(columns - size - 1) / math.factorial(columns)
                    result[at, sources[column]] += weight * (worth[bits | 1 << column] - worth[bits])
    return result


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
    inner = explain(model[-1], model[:-1].transform(people[:40]))
    expected = np.zeros((40, 5))
    # Five plans, three cities, two numbers, and the indicator of the missing incomes.
    expected[:, 3], expected[:, 1] = inner[:, 0:5].sum(axis=1), inner[:, 5:8].sum(axis=1)
    expected[:, 2], expected[:, 0] = inner[:, 8] + inner[:, 10], inner[:, 9]
    check(f"table, {type(head).__name__}", model, people[:40], margin, expected)
search = GridSearchCV(ensemble.RandomForestRegressor(5, random_state=1), {"max_depth": [2, 4]}, cv=2).fit(X, number)
check("GridSearchCV", search, rows, search.predict(rows), by_shap(search.best_estimator_, rows))

# Histogram boosting with categories: by number, by position among other columns, and as text, with values that training did not know.
rng = np.random.default_rng(5)
city = rng.integers(0, 40, 600)
mixed = np.column_stack([X[:, 0], city, X[:, 1], rng.integers(0, 6, 600)]).astype("float64")
mixed[rng.random(mixed.shape) < 0.05] = np.nan
effect = rng.normal(size=40)[city] * 3
unseen = mixed[:40].copy()
unseen[::5, 1] = 77
unseen[::7, 3] = -2
by_category = ensemble.HistGradientBoostingRegressor(categorical_features=[1, 3], random_state=1).fit(mixed, number + effect)
assert any(predictor.nodes["is_categorical"].any() for stage in by_category._predictors for predictor in stage)
check("HistGradientBoosting, categories", by_category, mixed[:40], by_category.predict(mixed[:40]))
check("HistGradientBoosting, unseen categories", by_category, unseen, by_category.predict(unseen))
model = ensemble.HistGradientBoostingClassifier(categorical_features=[1, 3], random_state=1, max_iter=20).fit(mixed, three)
scores = model.decision_function(unseen)
check("HistGradientBoosting, three, categories", model, unseen, of(scores, predicted(scores)))
towns = people[["age", "city", "income", "plan"]].astype({"city": "category", "plan": "category"})
model = ensemble.HistGradientBoostingClassifier(random_state=1, categorical_features="from_dtype").fit(towns, two ^ (city % 3 == 1))
check("HistGradientBoosting, a table's categories", model, towns[:40], model.decision_function(towns[:40]))
# Split by split against the definition: a category's share of the cover, by coalition.
small = ensemble.HistGradientBoostingRegressor(categorical_features=[1, 3], random_state=1, max_iter=3, max_leaf_nodes=6).fit(mixed, number + effect)
check("HistGradientBoosting, by definition", small, unseen[:12], small.predict(unseen[:12]), by_definition(small, unseen[:12]))

# Bags, and votes of what is exact in the vote's own space.
for base in (tree.DecisionTreeClassifier(max_depth=5), ensemble.RandomForestClassifier(4, max_depth=4)):
    model = ensemble.BaggingClassifier(base, 8, max_features=0.5, random_state=1).fit(X, three)
    shares = model.predict_proba(rows)
    check(f"BaggingClassifier of {type(base).__name__}", model, rows, of(shares, predicted(shares)))
model = ensemble.BaggingRegressor(tree.DecisionTreeRegressor(max_depth=5), 8, random_state=1).fit(X, number)
expected = np.mean([by_shap(one, rows) for one in model.estimators_], axis=0)
check("BaggingRegressor", model, rows, model.predict(rows), expected)
members = [
    ("forest", ensemble.RandomForestRegressor(10, random_state=1)), ("line", make_pipeline(preprocessing.StandardScaler(), linear_model.Ridge())),
    ("boosted", ensemble.GradientBoostingRegressor(n_estimators=20, random_state=1)), ("hist", ensemble.HistGradientBoostingRegressor(max_iter=20)),
    ("xgb", xgboost.XGBRegressor(n_estimators=10)), ("lgb", lightgbm.LGBMRegressor(n_estimators=10, **quiet)), ("gone", "drop"),
]
model = ensemble.VotingRegressor(members, weights=[3, 1, 2, 1, 2, 1, 5]).fit(X, number)
expected = 0.0
for one, weight in zip(model.estimators_, [3, 1, 2, 1, 2, 1]):
    expected = expected + explain(one, rows)[:, :-1] * weight / 10
check("VotingRegressor", model, rows, model.predict(rows), expected)
forests = [("a", ensemble.RandomForestClassifier(10, random_state=1)), ("b", make_pipeline(SelectKBest(k=4), tree.DecisionTreeClassifier(max_depth=4)))]
for label, name in ((two, "two"), (np.array(["x", "y", "z"])[three], "three")):
    vote = ensemble.VotingClassifier(forests, voting="soft", weights=[2, 1])
    model = make_pipeline(preprocessing.MinMaxScaler(), vote).fit(X, label)
    shares = model.predict_proba(rows)
    check(f"VotingClassifier of {name}", model, rows, of(shares, predicted(shares) if name == "three" else np.ones(40, dtype=int)))

# What has no exact method says so.
classifiers = [("a", ensemble.RandomForestClassifier(3)), ("b", linear_model.LogisticRegression())]
for model, word in [
    (ensemble.StackingClassifier([("a", tree.DecisionTreeClassifier())]).fit(X, two), "StackedEnsemble"),
    (ensemble.VotingClassifier(classifiers[:1]).fit(X, two), 'voting="hard"'),
    (ensemble.VotingClassifier(classifiers, voting="soft").fit(X, two), "of which LogisticRegression is a member"),
    (ensemble.VotingClassifier([("a", ensemble.HistGradientBoostingClassifier())], voting="soft").fit(X, two), "margin"),
    (ensemble.VotingRegressor([("a", linear_model.PoissonRegressor())]).fit(X, positive), "PoissonRegressor"),
    (ensemble.VotingRegressor([("a", xgboost.XGBRegressor(objective="count:poisson"))]).fit(X, positive), "margin"),
    (ensemble.VotingRegressor([("a", ensemble.StackingRegressor([("b", linear_model.Ridge())]))]).fit(X, number), "StackedEnsemble"),
    (ensemble.AdaBoostClassifier().fit(X, two), "AdaBoostClassifier"),
    (ensemble.BaggingClassifier(linear_model.LogisticRegression()).fit(X, two), "LogisticRegression"),
    (make_pipeline(preprocessing.PolynomialFeatures(), linear_model.LinearRegression()).fit(X, number), "PolynomialFeatures"),
    (tree.DecisionTreeRegressor().fit(X, X[:, :2]), "several outputs"),
]:
    try:
        explain(model, rows)
    except contributions.Unavailable as reason:
        assert word in str(reason), reason
    else:
        raise AssertionError(f"{word} was explained")

# What explains itself is judged by its first rows.
slow = lambda data: (time.sleep(0.02 * len(data)), (np.zeros(data.shape), np.zeros(len(data))))[1]
try:
    contributions.in_time(slow, np.zeros((1000, 2)), time.monotonic() + 2.0)
except contributions.Unavailable as reason:
    assert "1000 rows take about" in str(reason), reason
else:
    raise AssertionError("too much work was done")
print(f"largest difference {worst:.1e}")
