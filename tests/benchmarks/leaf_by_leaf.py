"""Exact path-dependent SHAP values of forests in numpy, leaf by leaf: what `explaining.py` measures the server's method against.

Each way from a root to a leaf is worked on by itself, with Gauss's rule for the integral that `shared/tree-shap` tells of, many ways at
once in arrays. Nothing is shared between ways that begin alike, which is the difference.
"""

import numpy

# Most numbers that are worked on at once.
CHUNK = 100_000
# A share of no rows, which would make a division by zero.
SMALLEST = 1e-15


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
