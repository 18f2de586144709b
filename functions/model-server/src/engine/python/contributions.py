"""How much each input column contributed to a prediction: SHAP values, exact, for models that have an exact method.

Trees of scikit-learn: the path-dependent values of S. Lundberg et al., "From local explanations to global understanding with
explainable AI for trees" (Nature Machine Intelligence, 2020). They are computed here leaf by leaf. On the way to a leaf, let
feature j have the cover share z_j (the training rows that follow the way's splits on j, of those that reach them) and let o_j be 1
where the row itself follows them, else 0. The leaf of value v gives feature i

    v * (o_i - z_i) * integral over t from 0 to 1 of the product over j != i of (t * o_j + (1 - t) * z_j),

because that integral of t^s (1-t)^(d-1-s) is s! (d-1-s)! / d!, Shapley's weight. The integrand is a polynomial of degree d - 1,
so that Gauss's rule with (d + 1) / 2 points is exact. XGBoost and LightGBM compute their own.

Linear models: coefficient times value, against a row of zeros (a background of training rows is not known here); the bias is the
intercept. Behind a pipeline's preparing steps the values are those of the prepared columns, added up by the column from which each
was made, where each was made from one column.

The numbers add up, with the bias, to the model's margin: of a binary classifier the positive class's, of one with more classes
the predicted class's, of a regressor the prediction (before a link function). A forest's margin is its probability.
"""

import numpy

# Most numbers that are worked on at once.
CHUNK = 100_000
# Most work for one request: rows times the numbers on all ways times the points of Gauss's rule. Some seconds.
WORK_LIMIT = 500_000_000
# Most prepared columns times rows.
DENSE_LIMIT = 50_000_000
# A share of no rows, which would make a division by zero.
SMALLEST = 1e-15


class Unavailable(Exception):
    """The model has no exact method."""


def prepare(subject):
    """What explains this model. Raises `Unavailable`, with the reason, where nothing does."""
    return Explanation(subject)


class Explanation:
    def __init__(self, subject):
        self.steps = []
        head = subject
        while True:
            kind = type(head).__name__
            if kind in ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV"):
                head = head.best_estimator_
            elif kind == "Pipeline" and type(head).__module__.startswith("sklearn."):
                self.steps += [step for _, step in head.steps[:-1] if step not in (None, "passthrough")]
                head = head.steps[-1][1]
            else:
                break
        self.head = head_of(head)

    def explain(self, data):
        """Each row's contributions by column of `data`, the bias last."""
        columns = data.shape[1]
        sources = list(range(columns))
        names = [str(name) for name in data.columns] if hasattr(data, "columns") else None
        for step in self.steps:
            sources, names = trace(step, sources, names)
            data = step.transform(data)
        if hasattr(data, "toarray"):
            if data.shape[0] * data.shape[1] > DENSE_LIMIT:
                raise Unavailable("the prepared data is too wide; ask for contributions of fewer rows at once")
            data = data.toarray()
        if data.shape[1] != len(sources):
            raise Unavailable("the pipeline's columns cannot be followed back to the model's input columns")
        values, bias = self.head(data)
        result = numpy.zeros((data.shape[0], columns + 1))
        for column, source in enumerate(sources):
            result[:, source] += values[:, column]
        result[:, columns] = bias
        return result


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
BOOSTED = frozenset("GradientBoostingClassifier GradientBoostingRegressor".split())
HISTOGRAM = frozenset("HistGradientBoostingClassifier HistGradientBoostingRegressor".split())
STACKED = frozenset("StackingClassifier StackingRegressor".split())


def head_of(subject):
    """A function from rows to their contributions by column, and their biases."""
    kind = type(subject)
    name, package = kind.__name__, kind.__module__.partition(".")[0]
    if package == "xgboost":
        return lambda data: xgboost_values(subject, data)
    if package == "lightgbm":
        return lambda data: lightgbm_values(subject, data)
    if package == "sklearn":
        if name in STACKED:
            raise Unavailable("contributions are not available for StackedEnsemble models")
        if getattr(subject, "n_outputs_", 1) != 1:
            raise Unavailable(f"this {name} predicts several outputs at once, for which contributions are not available")
        if name in SINGLE:
            return of_trees(subject, [sklearn_tree(subject.tree_, 1.0, hasattr(subject, "classes_"))], "float32")
        if name in FORESTS:
            scale = 1.0 / len(subject.estimators_)
            trees = [sklearn_tree(tree.tree_, scale, hasattr(subject, "classes_")) for tree in subject.estimators_]
            return of_trees(subject, trees, "float32")
        if name in BOOSTED:
            return of_gradient_boosting(subject)
        if name in HISTOGRAM:
            return of_histogram(subject)
        if hasattr(subject, "coef_") and hasattr(subject, "intercept_") and ".linear_model" in kind.__module__ + "." or name in LINEAR_MACHINES:
            return lambda data: linear_values(subject, data)
    raise Unavailable(
        f"contributions are not available for {name} models: they are computed exactly for trees, forests and boosted trees of "
        "scikit-learn, XGBoost and LightGBM and for linear models"
    )


LINEAR_MACHINES = frozenset("LinearSVC LinearSVR LinearDiscriminantAnalysis".split())


def chosen_class(subject, data, count):
    """The class whose margin is explained, for each row: the positive one of two, else the predicted."""
    if count <= 2:
        return numpy.full(len(data), count - 1)
    return numpy.searchsorted(subject.classes_, subject.predict(data))


def linear_values(subject, data):
    data = numpy.asarray(data, dtype="float64")
    coefficients = numpy.atleast_2d(subject.coef_.toarray() if hasattr(subject.coef_, "toarray") else subject.coef_)
    intercepts = numpy.broadcast_to(numpy.ravel(subject.intercept_), (len(coefficients),))
    if len(coefficients) == 1:
        chosen = numpy.zeros(len(data), dtype=int)
    elif hasattr(subject, "classes_") and len(subject.classes_) == len(coefficients):
        chosen = numpy.searchsorted(subject.classes_, subject.predict(data))
    else:
        raise Unavailable(f"this {type(subject).__name__} predicts several outputs at once, for which contributions are not available")
    return data * coefficients[chosen], intercepts[chosen]


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


class Tree:
    """One tree's nodes, in arrays."""

    def __init__(self, left, right, feature, threshold, cover, values, missing_left):
        self.left = left
        self.right = right
        self.feature = feature
        self.threshold = threshold
        self.cover = cover
        self.values = values
        self.missing_left = missing_left


def sklearn_tree(tree, scale, classifies):
    values = tree.value[:, 0, :].astype("float64")
    if classifies:
        # Counts of rows before scikit-learn 1.3, shares since.
        total = values.sum(axis=1, keepdims=True)
        values = numpy.divide(values, total, out=numpy.zeros_like(values), where=total > 0)
    missing = getattr(tree, "missing_go_to_left", None)
    missing = numpy.zeros(len(values), dtype=bool) if missing is None else numpy.asarray(missing, dtype=bool)
    cover = tree.weighted_n_node_samples
    return Tree(tree.children_left, tree.children_right, tree.feature, tree.threshold, cover, values * scale, missing)


def of_trees(subject, trees, dtype):
    ways = Ways(trees)
    count = trees[0].values.shape[1]

    def explain(data):
        data = numpy.asarray(data, dtype=dtype)
        chosen = chosen_class(subject, data, count)
        return ways.explain(data, chosen), ways.bias[chosen]

    return explain


def of_gradient_boosting(subject):
    init = subject.init_
    if not (isinstance(init, str) or type(init).__name__ in ("DummyClassifier", "DummyRegressor")):
        raise Unavailable("contributions are not available for gradient boosting that begins with another model (`init`)")
    count = subject.estimators_.shape[1]
    trees = []
    for stage in subject.estimators_:
        for output, estimator in enumerate(stage):
            tree = sklearn_tree(estimator.tree_, subject.learning_rate, False)
            values = numpy.zeros((len(tree.values), count))
            values[:, output] = tree.values[:, 0]
            tree.values = values
            trees.append(tree)
    ways = Ways(trees)

    def explain(data):
        data = numpy.asarray(data, dtype="float32")
        chosen = chosen_class(subject, data, count)
        first = numpy.asarray(subject._raw_predict_init(data)).reshape(len(data), -1)
        return ways.explain(data, chosen), ways.bias[chosen] + first[numpy.arange(len(data)), chosen]

    return explain


def of_histogram(subject):
    predictors = subject._predictors
    count = len(predictors[0]) if predictors else 1
    trees = []
    for stage in predictors:
        for output, predictor in enumerate(stage):
            nodes = predictor.nodes
            if nodes["is_categorical"].any():
                raise Unavailable("contributions are not available for histogram gradient boosting with categorical splits")
            leaf = nodes["is_leaf"].astype(bool)
            values = numpy.zeros((len(nodes), count))
            values[:, output] = nodes["value"]
            left = numpy.where(leaf, -1, nodes["left"].astype("int64"))
            right = numpy.where(leaf, -1, nodes["right"].astype("int64"))
            cover = nodes["count"].astype("float64")
            missing = nodes["missing_go_to_left"].astype(bool)
            trees.append(Tree(left, right, nodes["feature_idx"].astype("int64"), nodes["num_threshold"], cover, values, missing))
    if getattr(subject, "_preprocessor", None) is not None:
        raise Unavailable("contributions are not available for histogram gradient boosting with categorical features")
    ways = Ways(trees)
    base = numpy.ravel(subject._baseline_prediction)

    def explain(data):
        given = data
        data = numpy.asarray(data, dtype="float64")
        chosen = chosen_class(subject, given, count)
        return ways.explain(data, chosen), ways.bias[chosen] + base[chosen]

    return explain


class Ways:
    """The ways from the roots of trees to their leaves.

    On each way a feature stands once: with the interval into which all the way's splits on it put a row, whether a missing value
    takes the way, and the share of the cover that does.
    """

    def __init__(self, trees):
        outputs = trees[0].values.shape[1] if trees else 1
        self.bias = numpy.zeros(outputs)
        found = {}
        for tree in trees:
            self.walk(tree, found)
        self.groups = [Group(*(numpy.array(part) for part in zip(*ways))) for _, ways in sorted(found.items())]

    def walk(self, tree, found):
        left, right, feature, threshold = (part.tolist() for part in (tree.left, tree.right, tree.feature, tree.threshold))
        cover, missing_left = tree.cover.tolist(), tree.missing_left.tolist()
        # A node, and for each feature on the way to it: lower bound, upper bound, missing, share.
        stack = [(0, {}, 1.0)]
        while stack:
            node, way, share = stack.pop()
            if left[node] < 0:
                value = tree.values[node]
                self.bias += value * share
                if way:
                    # Ways of similar length are worked on together, filled up with features that change nothing.
                    size = next(size for size in SIZES if size >= len(way))
                    fill = size - len(way)
                    bounds = list(way.values())
                    found.setdefault(size, []).append((
                        [*way, *[0] * fill],
                        [bound[0] for bound in bounds] + [-numpy.inf] * fill,
                        [bound[1] for bound in bounds] + [numpy.inf] * fill,
                        [bound[2] for bound in bounds] + [True] * fill,
                        [bound[3] for bound in bounds] + [1.0] * fill,
                        value,
                    ))
                continue
            total = cover[node]
            split, at = feature[node], threshold[node]
            low, high, missing, ratio = way.get(split, (-numpy.inf, numpy.inf, True, 1.0))
            for child, goes_left in ((left[node], True), (right[node], False)):
                part = cover[child] / total if total > 0 else 0.0
                bounds = (low, min(high, at)) if goes_left else (max(low, at), high)
                taken = missing and missing_left[node] == goes_left
                stack.append((child, {**way, split: (*bounds, taken, ratio * part)}, share * part))

    def explain(self, data, chosen):
        work = sum(group.work for group in self.groups)
        if len(data) > 1 and len(data) * work > WORK_LIMIT:
            raise Unavailable(
                f"contributions of {len(data)} rows take too long with trees of this size; ask for at most {max(1, WORK_LIMIT // work)} "
                "rows at once"
            )
        result = numpy.zeros(data.shape)
        for group in self.groups:
            group.explain(data, chosen, result)
        return result


# The lengths to which ways are filled up.
SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32, 48, 64, 96, 128, 256, 512, 1024, 4096, 1 << 20]


class Group:
    """Ways with as many features each, in arrays: feature on the way by way, so that products run along the memory."""

    def __init__(self, features, low, high, missing, share, values):
        def turned(part):
            return numpy.ascontiguousarray(part.T)

        self.features = turned(features)
        self.low, self.high, self.missing = turned(low), turned(high), turned(missing)
        self.share = numpy.maximum(turned(share.astype("float64")), SMALLEST)
        self.values = turned(values)
        points, weights = numpy.polynomial.legendre.leggauss((len(self.features) + 1) // 2)
        self.points, self.weights = (points + 1.0) / 2.0, weights / 2.0
        self.work = self.features.size * len(self.points)

    def explain(self, data, chosen, result):
        width, count = self.features.shape
        ways = max(1, min(count, CHUNK // width))
        step = max(1, CHUNK // (width * ways))
        for row in range(0, len(data), step):
            rows = slice(row, row + step)
            for way in range(0, count, ways):
                self.add(data[rows], chosen[rows], result[rows], slice(way, way + ways))

    def add(self, data, chosen, result, ways):
        """Adds what these ways give to each row. The arrays here are feature on the way by row by way."""
        features, share = self.features[:, ways], self.share[:, None, ways]
        rows, columns = data.shape
        at = data.T[features].transpose(0, 2, 1)
        followed = (at > self.low[:, None, ways]) & (at <= self.high[:, None, ways])
        unknown = numpy.isnan(at)
        if unknown.any():
            followed = numpy.where(unknown, self.missing[:, None, ways], followed)
        followed = followed.astype("float64")
        given = (followed - share) * self.values[:, ways][chosen]
        if len(features) > 1:
            inner = numpy.zeros(followed.shape)
            for point, weight in zip(self.points, self.weights):
                factors = followed * point
                factors += (1.0 - point) * share
                product = numpy.multiply.reduce(factors, axis=0)
                product *= weight
                inner += numpy.divide(product, factors, out=factors)
            given *= inner
        place = features[:, None, :] + (numpy.arange(rows) * columns)[:, None]
        result += numpy.bincount(place.ravel(), weights=given.ravel(), minlength=rows * columns).reshape(rows, columns)
