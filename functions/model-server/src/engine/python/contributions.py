"""How much each input column contributed to a prediction: SHAP values, exact, for models that have an exact method.

This half knows the models. It takes a model apart into terms whose values add up, hands the server the trees of each once, and for a
request the prepared rows; the server explains trees (`shared/tree-shap` tells the method). What is explained here: linear models, as
coefficient times value, against a row of zeros (a background of training rows is not known here), the bias being the intercept; and
the models of XGBoost and LightGBM, which explain themselves.

Behind a pipeline's preparing steps the values are those of the prepared columns, added up by the column from which each was made,
where each was made from one column.

The numbers add up, with the bias, to the model's margin: of a binary classifier the positive class's, of one with more classes
the predicted class's, of a regressor the prediction (before a link function). A forest's margin is its probability. A vote's is the
weighted mean of its members' predictions or probabilities, which has an exact method where each member's margin is just that.
"""

import struct
import time

import numpy

# Most prepared columns times rows.
DENSE_LIMIT = 50_000_000
# Most nodes of all trees of a term, and most bytes that an answer hands over.
NODE_LIMIT = 10_000_000
PAYLOAD_LIMIT = 900_000_000
# Rows that a model explains itself before it is judged how long all take.
FIRST_ROWS = 8
# The part of the time that there is which such rows may take.
SPARE = 0.8


class Unavailable(Exception):
    """The model has no exact method."""


def prepare(subject):
    """What explains this model. Raises `Unavailable`, with the reason, where nothing does."""
    return Explanation(subject)


class Explanation:
    def __init__(self, subject):
        self.terms = terms_of(subject, [], 1.0, False)
        self.classes = getattr(unwrapped(subject, []), "classes_", None)

    def explain(self, data, predictions, seconds=None):
        """What is known here of each row's contributions, by column of `data` and the bias last, and what the server must add.

        That is a list: for each term that has trees its place among them, the column of `data` that each of its columns comes
        from, the margin to explain of each row, and the rows.
        """
        rows, columns = data.shape
        known = numpy.zeros((rows, columns + 1))
        chosen = self.chosen_class(predictions, rows)
        until = None if seconds is None else time.monotonic() + seconds
        parts = []
        for term in self.terms:
            prepared, sources = term.prepared(data)
            head = term.head
            if isinstance(head, Trees):
                matrix, sources = head.matrix(prepared, sources)
                outputs = numpy.zeros(rows, dtype="uint32") if head.outputs == 1 else chosen.astype("uint32")
                known[:, columns] += head.constants[outputs] * term.weight
                parts.append((len(parts), numpy.asarray(sources, dtype="uint32"), outputs, matrix))
                continue
            values, bias = head(dense(prepared), chosen, until)
            for column, source in enumerate(sources):
                known[:, source] += values[:, column] * term.weight
            known[:, columns] += bias * term.weight
        return known, parts

    def chosen_class(self, predictions, rows):
        """The class whose margin is explained, for each row: the positive one of two, else the predicted."""
        if self.classes is None or len(self.classes) <= 2:
            return numpy.full(rows, 0 if self.classes is None else len(self.classes) - 1)
        return numpy.searchsorted(self.classes, predictions)

    def ensembles(self):
        """The trees of each term that has them, as the server reads them."""
        return [term.head.to_bytes(term.weight) for term in self.terms if isinstance(term.head, Trees)]

    def answer(self, data, predictions, ensembles, seconds):
        """A frame's description of the contributions, and the numbers that follow in its payload."""
        known, parts = self.explain(data, predictions, seconds)
        trees = self.ensembles() if ensembles and parts else []
        header = {
            "columns": data.shape[1],
            "parts": [{"ensemble": place, "columns": len(sources)} for place, sources, _, _ in parts],
            "ensembles": [len(one) for one in trees],
        }
        payload = [known]
        for _, sources, outputs, matrix in parts:
            payload += [sources, outputs, matrix]
        if sum(array.nbytes for array in payload) + sum(header["ensembles"]) > PAYLOAD_LIMIT:
            raise Unavailable("the prepared data is too large; ask for contributions of fewer rows at once")
        return header, [numpy.ascontiguousarray(array).reshape(-1).view("uint8").data if array.size else b"" for array in payload] + trees


class Term:
    """A head behind preparing steps, whose values count with a weight."""

    def __init__(self, steps, head, weight):
        self.steps, self.head, self.weight = steps, head, weight

    def prepared(self, data):
        """The head's rows, and the source of each of their columns."""
        sources = list(range(data.shape[1]))
        names = [str(name) for name in data.columns] if hasattr(data, "columns") else None
        for step in self.steps:
            sources, names = trace(step, sources, names)
            data = step.transform(data)
        if data.shape[1] != len(sources):
            raise Unavailable("the pipeline's columns cannot be followed back to the model's input columns")
        return data, sources


def dense(data):
    if not hasattr(data, "toarray"):
        return data
    if data.shape[0] * data.shape[1] > DENSE_LIMIT:
        raise Unavailable("the prepared data is too wide; ask for contributions of fewer rows at once")
    return data.toarray()


SEARCHES = frozenset("GridSearchCV RandomizedSearchCV HalvingGridSearchCV HalvingRandomSearchCV".split())


def unwrapped(subject, steps):
    """What predicts within searches and pipelines; the steps before it are added to `steps`."""
    while True:
        kind = type(subject)
        if kind.__name__ in SEARCHES:
            subject = subject.best_estimator_
        elif kind.__name__ == "Pipeline" and kind.__module__.startswith("sklearn."):
            steps += [step for _, step in subject.steps[:-1] if step not in (None, "passthrough")]
            subject = subject.steps[-1][1]
        else:
            return subject


# --- What prepares ----------------------------------------------------------------------------------------------------------------

ONE_TO_ONE = frozenset(
    "StandardScaler MinMaxScaler MaxAbsScaler RobustScaler PowerTransformer QuantileTransformer OrdinalEncoder Binarizer".split()
)
SELECTORS = frozenset(
    "VarianceThreshold SelectKBest SelectPercentile SelectFpr SelectFdr SelectFwe GenericUnivariateSelect SelectFromModel RFE RFECV".split()
)


def trace(step, sources, names):
    """From which source each column comes that the step makes of columns with these sources, and their names if they have any."""
    kind = type(step).__name__
    if not type(step).__module__.startswith("sklearn."):
        raise Unavailable(f"contributions cannot be followed through the step {kind}")
    if kind in ONE_TO_ONE:
        return sources, None
    if kind == "FunctionTransformer" and (step.func is None or step.feature_names_out == "one-to-one"):
        return sources, names
    if kind in SELECTORS:
        return [source for source, kept in zip(sources, step.get_support()) if kept], None
    if kind == "SimpleImputer":
        statistics = step.statistics_
        kept = list(sources)
        if not getattr(step, "keep_empty_features", False):
            empty = [isinstance(value, float) and value != value for value in statistics]
            kept = [source for source, gone in zip(sources, empty) if not gone]
        if getattr(step, "indicator_", None) is not None:
            kept += [sources[index] for index in step.indicator_.features_]
        return kept, None
    if kind == "KNNImputer" or kind == "IterativeImputer":
        raise Unavailable(f"{kind} makes a column from several others, so that contributions cannot be told apart by column")
    if kind == "OneHotEncoder":
        counts = getattr(step, "_n_features_outs", None)
        if counts is None:
            counts = [len(categories) for categories in step.categories_]
            if step.drop_idx_ is not None:
                counts = [count - (index is not None) for count, index in zip(counts, step.drop_idx_)]
        return [source for source, count in zip(sources, counts) for _ in range(count)], None
    if kind == "KBinsDiscretizer":
        if step.encode == "ordinal":
            return sources, None
        return [source for source, count in zip(sources, step.n_bins_) for _ in range(int(count))], None
    if kind == "ColumnTransformer":
        return through_columns(step, sources, names), None
    if kind == "Pipeline":
        for _, inner in step.steps:
            if inner is not None and not isinstance(inner, str):
                sources, names = trace(inner, sources, names)
        return sources, names
    raise Unavailable(f"the step {kind} makes columns from several others (or is not known), so that contributions cannot be told apart by column")


def through_columns(step, sources, names):
    if names is None and getattr(step, "feature_names_in_", None) is not None:
        names = [str(name) for name in step.feature_names_in_]
    total = max((part.stop for part in step.output_indices_.values()), default=0)
    made = [None] * total
    for name, transformer, columns in step.transformers_:
        place = step.output_indices_.get(name)
        if place is None or place.start == place.stop or transformer is None or transformer == "drop":
            continue
        selected = [sources[index] for index in positions(columns, len(sources), names)]
        if not isinstance(transformer, str):
            inner = None if names is None else [names[index] for index in positions(columns, len(sources), names)]
            selected, _ = trace(transformer, selected, inner)
        if len(selected) != place.stop - place.start:
            raise Unavailable(f"the columns that the step {name!r} makes cannot be followed back to the model's input columns")
        made[place] = selected
    if any(source is None for source in made):
        raise Unavailable("the pipeline's columns cannot be followed back to the model's input columns")
    return made


def positions(columns, count, names):
    """The positions of a ColumnTransformer's columns."""
    if isinstance(columns, (str, int, numpy.integer)):
        columns = [columns]
    if isinstance(columns, slice):
        if isinstance(columns.start, str) or isinstance(columns.stop, str):
            # A slice of names includes its end.
            start = 0 if columns.start is None else names.index(columns.start)
            stop = count if columns.stop is None else names.index(columns.stop) + 1
            columns = slice(start, stop, columns.step)
        return list(range(count))[columns]
    columns = list(columns)
    if columns and isinstance(columns[0], (bool, numpy.bool_)):
        return [index for index, chosen in enumerate(columns) if chosen]
    return [names.index(column) if isinstance(column, str) else int(column) % count for column in columns]


# --- What predicts ----------------------------------------------------------------------------------------------------------------

FORESTS = frozenset("RandomForestClassifier RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor".split())
SINGLE = frozenset("DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor".split())
BAGS = frozenset("BaggingClassifier BaggingRegressor".split())
BOOSTED = frozenset("GradientBoostingClassifier GradientBoostingRegressor".split())
HISTOGRAM = frozenset("HistGradientBoostingClassifier HistGradientBoostingRegressor".split())
VOTES = frozenset("VotingClassifier VotingRegressor".split())
STACKED = frozenset("StackingClassifier StackingRegressor".split())
LINEAR_MACHINES = frozenset("LinearSVC LinearSVR LinearDiscriminantAnalysis".split())
# Linear models whose prediction is not their margin.
LINKED = frozenset("PoissonRegressor GammaRegressor TweedieRegressor".split())
# Losses and objectives of regression whose margin is the prediction.
PLAIN_LOSSES = frozenset(("squared_error", "absolute_error", "quantile", "huber"))
PLAIN_OBJECTIVES = frozenset(
    "reg:squarederror reg:absoluteerror reg:pseudohubererror regression regression_l1 regression_l2 l1 l2 mse mae huber fair quantile mape".split()
)


def terms_of(subject, steps, weight, as_predicted):
    """The terms of a model behind these steps. With `as_predicted` its margin must be its prediction, or its probability."""
    steps = list(steps)
    subject = unwrapped(subject, steps)
    kind = type(subject)
    name, package = kind.__name__, kind.__module__.partition(".")[0]
    if package == "sklearn" and name in VOTES:
        return terms_of_vote(subject, steps, weight)
    head = head_of(subject, name, package)
    if as_predicted and not margin_is_prediction(subject, name, package):
        raise Unavailable(
            f"contributions are not available for a vote of which {name} is a member: its exact values add up to its margin, which is "
            "not what the vote takes the mean of"
        )
    return [Term(steps, head, weight)]


def terms_of_vote(subject, steps, weight):
    if getattr(subject, "voting", "soft") != "soft":
        raise Unavailable('contributions are not available for VotingClassifier models with voting="hard", only with voting="soft"')
    members = subject.estimators_
    weights = getattr(subject, "_weights_not_none", None)
    weights = numpy.ones(len(members)) if weights is None else numpy.asarray(weights, dtype="float64")
    if weights.sum() == 0:
        raise Unavailable("contributions are not available for a vote whose weights add up to zero")
    terms = []
    for member, share in zip(members, weights / weights.sum()):
        if hasattr(subject, "classes_") and len(getattr(member, "classes_", ())) != len(subject.classes_):
            raise Unavailable("contributions are not available for a vote whose members know different classes")
        terms += terms_of(member, steps, weight * share, True)
    return terms


def margin_is_prediction(subject, name, package):
    if package == "sklearn":
        if name in SINGLE or name in FORESTS or name in BAGS:
            return True
        if hasattr(subject, "classes_"):
            return False
        return getattr(subject, "loss", "squared_error") in PLAIN_LOSSES if name in BOOSTED or name in HISTOGRAM else name not in LINKED
    if hasattr(subject, "classes_") or not hasattr(subject, "get_params"):
        return False
    options = subject.get_params()
    return (options.get("objective") or "regression") in PLAIN_OBJECTIVES and not options.get("reg_sqrt")


def head_of(subject, name, package):
    """What explains a model: its trees, or a function from rows, classes and the time to their contributions and biases."""
    if package == "xgboost":
        return lambda data, chosen, until: in_time(lambda rows: xgboost_values(subject, rows), data, until)
    if package == "lightgbm":
        return lambda data, chosen, until: in_time(lambda rows: lightgbm_values(subject, rows), data, until)
    if package == "sklearn":
        if name in STACKED:
            raise Unavailable("contributions are not available for StackedEnsemble models")
        if getattr(subject, "n_outputs_", 1) != 1:
            raise Unavailable(f"this {name} predicts several outputs at once, for which contributions are not available")
        if name in SINGLE or name in FORESTS or name in BAGS:
            return of_forest(subject)
        if name in BOOSTED:
            return of_gradient_boosting(subject)
        if name in HISTOGRAM:
            return of_histogram(subject)
        linear = hasattr(subject, "coef_") and hasattr(subject, "intercept_") and ".linear_model" in type(subject).__module__
        if linear or name in LINEAR_MACHINES:
            return lambda data, chosen, until: linear_values(subject, data, chosen)
    raise Unavailable(
        f"contributions are not available for {name} models: they are computed exactly for trees, forests and boosted trees of "
        "scikit-learn, XGBoost and LightGBM, for linear models, and for votes and bags of those"
    )


def linear_values(subject, data, chosen):
    data = numpy.asarray(data, dtype="float64")
    coefficients = numpy.atleast_2d(subject.coef_.toarray() if hasattr(subject.coef_, "toarray") else subject.coef_)
    intercepts = numpy.broadcast_to(numpy.ravel(subject.intercept_), (len(coefficients),))
    if len(coefficients) == 1:
        chosen = numpy.zeros(len(data), dtype=int)
    elif not hasattr(subject, "classes_") or len(subject.classes_) != len(coefficients):
        raise Unavailable(f"this {type(subject).__name__} predicts several outputs at once, for which contributions are not available")
    return data * coefficients[chosen], intercepts[chosen]


def in_time(explain, data, until):
    """Explains block by block, each twice as long, and stops where the pace shows that the time is not enough."""
    rows, done, block, found = len(data), 0, FIRST_ROWS, []
    while done < rows:
        began = time.monotonic()
        found.append(explain(data.iloc[done : done + block] if hasattr(data, "iloc") else data[done : done + block]))
        count = min(block, rows - done)
        done, block = done + count, block * 2
        pace = (time.monotonic() - began) / count
        if until is not None and done < rows and time.monotonic() + pace * (rows - done) > until:
            possible = done + int(max(0.0, until - time.monotonic()) * SPARE / pace)
            raise Unavailable(too_long(rows, pace * rows, possible))
    return tuple(numpy.concatenate(part) for part in zip(*found))


def too_long(rows, seconds, possible):
    return f"contributions of {rows} rows take about {seconds:.0f} s, longer than the time limit allows; ask for at most {possible} rows at once"


def xgboost_values(subject, data):
    import xgboost

    booster = subject if isinstance(subject, xgboost.Booster) else subject.get_booster()
    options = {}
    if booster is not subject:
        missing = getattr(subject, "missing", None)
        options["missing"] = numpy.nan if missing is None else missing
    if hasattr(data, "columns"):
        matrix = xgboost.DMatrix(data, enable_categorical=True, **options)
    else:
        matrix = xgboost.DMatrix(data, feature_names=booster.feature_names, feature_types=booster.feature_types, **options)
    iterations = (0, 0)
    if booster is not subject:
        try:
            iterations = (0, subject.best_iteration + 1)
        except AttributeError:
            pass
    values = booster.predict(matrix, pred_contribs=True, iteration_range=iterations)
    return of_class(numpy.asarray(values, dtype="float64"))


def lightgbm_values(subject, data):
    booster = getattr(subject, "booster_", subject)
    values = subject.predict(data, pred_contrib=True)
    if isinstance(values, list):
        values = numpy.concatenate([value.toarray() for value in values], axis=1)
    elif hasattr(values, "toarray"):
        values = values.toarray()
    width = booster.num_feature() + 1
    values = values.reshape(len(values), -1, width)
    return of_class(values[:, 0] if values.shape[1] == 1 else values)


def of_class(values):
    """The values of the predicted class, where there are several, and the bias, which stands last."""
    if values.ndim == 3:
        chosen = values.sum(axis=2).argmax(axis=1)
        values = values[numpy.arange(len(values)), chosen]
    return values[:, :-1], values[:, -1]


# --- Trees ------------------------------------------------------------------------------------------------------------------------

# As `shared/tree-shap` has them.
ALL_OUTPUTS = EVERY_CATEGORY = 0xFFFFFFFF
MISSING_LEFT = 1
CATEGORIES = 4


class Tree:
    """One tree's nodes, in arrays."""

    def __init__(self, left, right, feature, threshold, cover, values, missing_left, output=ALL_OUTPUTS):
        self.left = left
        self.right = right
        self.feature = feature
        self.threshold = threshold
        self.cover = cover
        # A number for each node, or one for each output.
        self.values = values
        self.output = output
        self.kind = numpy.asarray(missing_left).astype("uint8") * MISSING_LEFT
        # Of a node that splits by categories: the sets of those that go left and of those that are known.
        self.left_set = self.known_set = None


class Trees:
    """A head that is a sum of trees."""

    def __init__(self, make, features, outputs, constants, dtype, own_step=None):
        # Trees are made anew when they are asked for: the server keeps them.
        self.make = make
        self.outputs = outputs
        # What each output adds that is in no tree.
        self.constants = constants
        # What the model rounds its rows to.
        self.dtype = dtype
        # The model's own preparing step.
        self.own_step = own_step
        self.used = numpy.unique(numpy.concatenate([numpy.zeros(0, dtype="int64"), *features]))

    def matrix(self, data, sources):
        """The columns that the trees ask for, and their sources."""
        if self.own_step is not None:
            data, sources = self.own_step(data, sources)
        sources = numpy.asarray(sources, dtype="uint32")
        if data.shape[0] * len(self.used) > DENSE_LIMIT:
            raise Unavailable("the prepared data is too wide; ask for contributions of fewer rows at once")
        if hasattr(data, "tocsc"):
            data = data.tocsc()[:, self.used].toarray()
        elif hasattr(data, "iloc"):
            data = data.iloc[:, self.used]
        else:
            data = numpy.asarray(data)[:, self.used]
        return numpy.asarray(data, dtype=self.dtype).astype("float64"), sources[self.used]

    def to_bytes(self, weight):
        """All trees, as `shared/tree-shap/src/bytes.rs` tells."""
        trees, sets = self.make()
        nodes = [len(tree.left) for tree in trees]
        whole = sum(nodes)
        if whole > NODE_LIMIT:
            raise Unavailable(f"contributions are not available for models of more than {NODE_LIMIT} nodes; this one has {whole}")

        def joined(dtype, arrays):
            arrays = [numpy.asarray(array).astype(dtype).reshape(-1) for array in arrays]
            return numpy.concatenate(arrays).tobytes() if arrays else b""

        def columns(tree):
            return numpy.where(tree.left < 0, 0, numpy.searchsorted(self.used, tree.feature))

        width = self.outputs if trees and trees[0].output == ALL_OUTPUTS else 1
        ends = numpy.cumsum([len(one) for one in sets])
        parts = [
            b"TSE1",
            struct.pack("<7I", len(self.used), self.outputs, len(trees), whole, width, len(sets), int(ends[-1]) if sets else 0),
            joined("<f8", [tree.threshold for tree in trees]),
            joined("<f8", [tree.cover for tree in trees]),
            joined("<f8", [tree.values * weight for tree in trees]),
            joined("<u4", [numpy.cumsum([0, *nodes])[:-1]]),
            joined("<u4", [[tree.output for tree in trees]]),
            joined("<i4", [tree.left for tree in trees]),
            joined("<i4", [tree.right for tree in trees]),
            joined("<u4", [columns(tree) for tree in trees]),
        ]
        if sets:
            nothing = [numpy.zeros(count) for count in nodes]
            parts.append(joined("<u4", [none if tree.left_set is None else tree.left_set for tree, none in zip(trees, nothing)]))
            parts.append(joined("<u4", [none if tree.known_set is None else tree.known_set for tree, none in zip(trees, nothing)]))
            parts.append(joined("<u4", [ends]))
            parts.append(joined("<u4", sets))
        parts.append(joined("u1", [tree.kind for tree in trees]))
        return b"".join(parts)


def split_features(left, feature):
    return numpy.unique(numpy.asarray(feature)[numpy.asarray(left) >= 0]).astype("int64")


def sklearn_tree(tree, scale, classifies, features=None):
    values = tree.value[:, 0, :].astype("float64")
    if classifies:
        # Counts of rows before scikit-learn 1.3, shares since.
        total = values.sum(axis=1, keepdims=True)
        values = numpy.divide(values, total, out=numpy.zeros_like(values), where=total > 0)
    missing = getattr(tree, "missing_go_to_left", None)
    missing = numpy.zeros(len(values), dtype=bool) if missing is None else missing
    feature = tree.feature
    if features is not None:
        feature = numpy.where(tree.children_left < 0, 0, numpy.asarray(features)[numpy.maximum(feature, 0)])
    return Tree(tree.children_left, tree.children_right, feature, tree.threshold, tree.weighted_n_node_samples, values * scale, missing)


def of_forest(subject):
    """A tree, a forest, or a bag of such: the mean of their trees."""
    classifies = hasattr(subject, "classes_")
    outputs = len(subject.classes_) if classifies else 1
    # A tree, what it counts, the features that it sees, and the classes that it knows.
    found = list(leaves_of_forest(subject, 1.0, None, None))

    def make():
        trees = []
        for tree, scale, features, classes in found:
            tree = sklearn_tree(tree, scale, classifies, features)
            if classes is not None and len(classes) != outputs:
                values = numpy.zeros((len(tree.values), outputs))
                values[:, classes] = tree.values
                tree.values = values
            trees.append(tree)
        return trees, []

    def asked(tree, features):
        own = split_features(tree.children_left, tree.feature)
        return own if features is None else numpy.asarray(features)[own]

    return Trees(make, [asked(tree, features) for tree, _, features, _ in found], outputs, numpy.zeros(outputs), "float32")


def leaves_of_forest(subject, scale, features, classes):
    name = type(subject).__name__
    if name in SINGLE:
        yield subject.tree_, scale, features, classes
        return
    members = subject.estimators_
    chosen = getattr(subject, "estimators_features_", None)
    for place, member in enumerate(members):
        if name in BAGS:
            if type(member).__name__ not in SINGLE and type(member).__name__ not in FORESTS:
                raise Unavailable(f"contributions are not available for {name} models of {type(member).__name__} models, only of trees and forests")
            known = [int(label) for label in member.classes_] if hasattr(member, "classes_") else None
            own = None if chosen is None else numpy.asarray(chosen[place])
            yield from leaves_of_forest(member, scale / len(members), own, known)
        else:
            yield from leaves_of_forest(member, scale / len(members), features, classes)


def of_gradient_boosting(subject):
    init = subject.init_
    if not (isinstance(init, str) or type(init).__name__ in ("DummyClassifier", "DummyRegressor")):
        raise Unavailable("contributions are not available for gradient boosting that begins with another model (`init`)")
    outputs = subject.estimators_.shape[1]

    def make():
        trees = []
        for stage in subject.estimators_:
            for output, estimator in enumerate(stage):
                tree = sklearn_tree(estimator.tree_, subject.learning_rate, False)
                tree.output = output
                trees.append(tree)
        return trees, []

    features = [split_features(one.tree_.children_left, one.tree_.feature) for one in subject.estimators_.ravel()]
    # The same for every row.
    first = numpy.ravel(subject._raw_predict_init(numpy.zeros((1, subject.n_features_in_), dtype="float32")))
    return Trees(make, features, outputs, first, "float32")


def of_histogram(subject):
    predictors = [(output, one) for stage in subject._predictors for output, one in enumerate(stage)]
    outputs = int(subject.n_trees_per_iteration_)

    def features_of(predictor):
        return split_features(numpy.where(predictor.nodes["is_leaf"], -1, 0), predictor.nodes["feature_idx"])

    def make():
        sets, known = [], {}
        trees = [histogram_tree(subject, predictor, output, sets, known) for output, predictor in predictors]
        return trees, sets

    step = None
    if getattr(subject, "_preprocessor", None) is not None:
        step = lambda data, sources: prepared_categories(subject, data, sources)
    elif any(predictor.nodes["is_categorical"].any() for _, predictor in predictors) and not hasattr(subject, "_preprocess_X"):
        raise Unavailable("contributions are not available for categorical splits of this version of scikit-learn")
    return Trees(make, [features_of(one) for _, one in predictors], outputs, numpy.ravel(subject._baseline_prediction), "float64", step)


def prepared_categories(subject, data, sources):
    """The rows as the trees see them: categories as numbers, in the first columns."""
    if len(sources) != len(subject.is_categorical_):
        raise Unavailable("the model's columns cannot be followed back to its input columns")
    categorical = numpy.asarray(subject.is_categorical_, dtype=bool)
    order = numpy.concatenate([numpy.flatnonzero(categorical), numpy.flatnonzero(~categorical)])
    return subject._preprocess_X(data, reset=False), numpy.asarray(sources, dtype="uint32")[order]


def histogram_tree(subject, predictor, output, sets, known):
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(bool)
    left = numpy.where(leaf, -1, nodes["left"].astype("int64"))
    right = numpy.where(leaf, -1, nodes["right"].astype("int64"))
    missing = nodes["missing_go_to_left"].astype(bool)
    threshold = nodes["num_threshold"].astype("float64")
    cover = nodes["count"].astype("float64")
    tree = Tree(left, right, nodes["feature_idx"].astype("int64"), threshold, cover, nodes["value"], missing, output)
    categorical = nodes["is_categorical"].astype(bool) & ~leaf
    if categorical.any():
        if not known:
            # Shared by all trees: the categories that training knew, by feature.
            bitsets, places = subject._bin_mapper.make_known_categories_bitsets()
            known.update({feature: len(sets) + int(place) for feature, place in enumerate(places) if feature in categorical_features(subject)})
            sets.extend(bitsets)
        tree.left_set, tree.known_set = numpy.zeros(len(nodes)), numpy.zeros(len(nodes))
        tree.threshold[categorical] = 0.0
        tree.kind[categorical] |= CATEGORIES
        for node in numpy.flatnonzero(categorical):
            tree.left_set[node] = len(sets)
            tree.known_set[node] = known[int(nodes["feature_idx"][node])]
            sets.append(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]])
    return tree


def categorical_features(subject):
    """The columns of categories, as the trees count them."""
    remapped = getattr(subject, "_is_categorical_remapped", None)
    return set(numpy.flatnonzero(subject.is_categorical_ if remapped is None else remapped).tolist())
