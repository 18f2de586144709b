"""Takes the distribution of the data on which a training script fits its model, and lays it beside the model that is logged.

It is the `sitecustomize` of a script's Python, so that a script needs no line for it. It imports nothing by itself: it waits for
scikit-learn, XGBoost, LightGBM and MLflow to be imported and wraps what fits and what saves. Of the rows that the outermost `fit`
sees, at most ten thousand are kept while the script runs; when MLflow writes a model, their profile is written into the model's
folder as `training_profile.json`: counts by feature, no rows. Whatever goes wrong here is passed over in silence: a script never
fails of it.
"""

import importlib.machinery
import json
import os
import sys
import threading
import time

ROWS = 10_000
FEATURES = 500
# The same bounds as those of the platform's own profiles.
CATEGORIES = 50
CATEGORY_MINIMUM = 5
CATEGORY_LENGTH = 100
DISTINCT = 10
BINS = 10
# Most seconds that making a profile may take; features beyond are left out.
SECONDS = 3.0
# How many fits are remembered.
FITS = 8
FILE = "training_profile.json"

state = threading.local()
fits = []


class Sample:
    """Some rows of what was fitted: columns by name, and how many rows there were."""

    def __init__(self, data):
        total = data.shape[0]
        self.rows = int(total)
        self.left_out = 0
        chosen = slice(None) if total <= ROWS else spread(total)
        self.columns = []
        if hasattr(data, "iloc"):
            names = list(data.columns) if hasattr(data, "columns") else [data.name]
            few = data.iloc[chosen]
            columns = [few[name] for name in names[:FEATURES]] if hasattr(data, "columns") else [few]
            # A copy: the script may change its data afterwards.
            self.columns = [(str(name), column.to_numpy(copy=True)) for name, column in zip(names, columns)]
            self.left_out = max(0, len(names) - FEATURES)
        else:
            if hasattr(data, "tocsr"):
                data = data.tocsr()[chosen, :FEATURES].toarray()
                chosen = slice(None)
            import numpy

            few = numpy.array(numpy.asarray(data)[chosen])
            if few.ndim == 1:
                few = few[:, None]
            if few.ndim == 2:
                self.columns = [(f"feature_{at}", few[:, at]) for at in range(min(few.shape[1], FEATURES))]
                self.left_out = max(0, few.shape[1] - FEATURES)


def spread(total):
    """Rows that are spread evenly over all, whatever their order: a random choice, the same at every run."""
    import numpy

    # A generator of its own: the script's sequence of random numbers stays as it is.
    return numpy.sort(numpy.random.default_rng(0).choice(total, ROWS, replace=False))


def sample_of(data):
    try:
        if isinstance(data, (str, bytes, os.PathLike)) or data is None:
            return None
        if isinstance(data, (list, tuple)):
            import numpy

            data = numpy.array(data[:ROWS], dtype=None)
        if not hasattr(data, "shape") or not 1 <= len(data.shape) <= 2 or data.shape[0] == 0:
            return None
        return Sample(data)
    except Exception:
        return None


def remember(subject, sample):
    if sample is not None and sample.columns:
        fits[:] = [fit for fit in fits if fit[0] is not subject][-(FITS - 1) :]
        fits.append((subject, sample))


def outermost(call, sample, arguments, named):
    """Calls what fits; where no other fit is under way, remembers of what it was fitted."""
    depth = getattr(state, "depth", 0)
    taken = None
    if depth == 0:
        try:
            taken = sample(arguments, named)
        except Exception:
            taken = None
    state.depth = depth + 1
    try:
        result = call(*arguments, **named)
    finally:
        state.depth = depth
    if taken is not None:
        try:
            remember(result if result is not None else arguments[0], taken)
        except Exception:
            pass
    return result


def argument(arguments, named, at, *names):
    if len(arguments) > at:
        return arguments[at]
    return next((named[name] for name in names if name in named), None)


# --- The profile ------------------------------------------------------------------------------------------------------------------


def profile_of(sample):
    end = time.monotonic() + SECONDS
    features = {}
    left_out = sample.left_out
    for name, values in sample.columns:
        if time.monotonic() > end:
            left_out += 1
            continue
        feature = feature_of(values)
        if feature is not None:
            features[name] = feature
    return {"rows": sample.rows, "features": features, "left_out": left_out}


def feature_of(values):
    import numpy

    if values.dtype.kind == "O":
        there = [value for value in values.tolist() if not (value is None or value != value or type(value).__name__ == "NAType")]
        if there and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in there):
            return numbers(numpy.array(there, dtype="float64"), len(values))
        return categories(there, len(values))
    if values.dtype.kind in "iuf":
        there = values.astype("float64")
        return numbers(there[numpy.isfinite(there)], len(values))
    if values.dtype.kind == "b":
        return categories(["true" if value else "false" for value in values.tolist()], len(values))
    if values.dtype.kind in "US":
        return categories([value.decode(errors="replace") if isinstance(value, bytes) else value for value in values.tolist()], len(values))
    # Times and whatever else: no two rows share a value.
    return None


def numbers(there, total):
    import numpy

    there = numpy.sort(there)
    distinct = numpy.unique(there)
    if len(distinct) == 0:
        return categories([], total)
    if len(distinct) <= DISTINCT:
        alone = max(abs(float(distinct[0])), 1.0) * 1e-6
        gaps = numpy.diff(distinct)
        first, last = (gaps[0] / 2, gaps[-1] / 2) if len(gaps) else (alone, alone)
        edges = numpy.concatenate([[distinct[0] - first], distinct[:-1] + gaps / 2, [distinct[-1] + last]])
    else:
        edges = numpy.quantile(there, numpy.arange(1, BINS) / BINS)
    edges = numpy.unique(edges[numpy.isfinite(edges)])
    counts = numpy.bincount(numpy.searchsorted(edges, there, side="left"), minlength=len(edges) + 1)
    return {"type": "numeric", "edges": edges.tolist(), "counts": counts.tolist(), "missing": int(total - len(there))}


def categories(there, total):
    import collections

    counted = collections.Counter(category(value) for value in there)
    frequent = sorted(((name, count) for name, count in counted.items() if count >= CATEGORY_MINIMUM), key=lambda one: (-one[1], one[0]))
    values = dict(frequent[:CATEGORIES])
    other = len(there) - sum(values.values())
    return {"type": "categorical", "values": values, "other": other, "missing": total - len(there)}


def category(value):
    """A value's text, as the platform writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return str(value)[:CATEGORY_LENGTH]


def write_beside(path):
    """Writes the profile beside the model's description, if it is known on what the model was fitted."""
    if not fits:
        return
    subjects = getattr(state, "logged", None) or ()
    chosen = next((sample for subject, sample in reversed(fits) if any(subject is one for one in subjects)), None)
    if chosen is None:
        chosen = next((sample for subject, sample in reversed(fits) if hasattr(subject, "predict")), None)
    if chosen is None:
        return
    with open(os.path.join(os.path.dirname(os.path.abspath(path)), FILE), "w", encoding="utf-8") as file:
        json.dump(profile_of(chosen), file, allow_nan=False)


# --- What is wrapped --------------------------------------------------------------------------------------------------------------


def like(wrapper, wrapped):
    """Lets a wrapper look like what it wraps: scikit-learn reads the signatures of methods."""
    import functools

    return functools.wraps(wrapped)(wrapper)


def wrap_fit(cls):
    fit = cls.__dict__.get("fit")
    if not callable(fit) or getattr(fit, "_profiled", False):
        return

    def sample(arguments, named):
        return sample_of(argument(arguments, named, 1, "X"))

    def profiled(*arguments, **named):
        return outermost(fit, sample, arguments, named)

    profiled = like(profiled, fit)
    profiled._profiled = True
    cls.fit = profiled


def on_sklearn(module):
    base = module.BaseEstimator
    own = base.__dict__.get("__init_subclass__")

    def begin(cls, **named):
        if own is not None:
            own.__func__(cls, **named)
        else:
            super(base, cls).__init_subclass__(**named)
        try:
            wrap_fit(cls)
        except Exception:
            pass

    base.__init_subclass__ = classmethod(begin)


def on_xgboost_core(module):
    begin = module.DMatrix.__init__

    def __init__(self, *arguments, **named):
        begin(self, *arguments, **named)
        if getattr(state, "depth", 0) == 0:
            self._profile_sample = sample_of(argument(arguments, named, 0, "data"))

    module.DMatrix.__init__ = like(__init__, begin)


def wrap_train(module, sample):
    train = module.train

    def profiled(*arguments, **named):
        return outermost(train, sample, arguments, named)

    module.train = like(profiled, train)


def on_xgboost_training(module):
    wrap_train(module, lambda arguments, named: getattr(argument(arguments, named, 1, "dtrain"), "_profile_sample", None))


def on_lightgbm_engine(module):
    wrap_train(module, lambda arguments, named: sample_of(getattr(argument(arguments, named, 1, "train_set"), "data", None)))


def on_mlflow(module):
    model = module.Model
    log, save = model.__dict__["log"].__func__, model.save

    def logging(cls, *arguments, **named):
        before = getattr(state, "logged", None)
        state.logged = list(named.values())
        try:
            return log(cls, *arguments, **named)
        finally:
            state.logged = before

    def saving(self, path, *arguments, **named):
        result = save(self, path, *arguments, **named)
        try:
            write_beside(path)
        except Exception:
            pass
        return result

    model.log = classmethod(like(logging, log))
    model.save = like(saving, save)


AFTER = {
    "sklearn.base": on_sklearn,
    "xgboost.core": on_xgboost_core,
    "xgboost.training": on_xgboost_training,
    "lightgbm.engine": on_lightgbm_engine,
    "mlflow.models.model": on_mlflow,
}


class Finder:
    """Lets a module be found as ever, and has it wrapped once it is there."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        after = AFTER.get(name)
        if after is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None or not hasattr(spec.loader, "exec_module"):
            return spec
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            try:
                after(module)
            except Exception:
                pass

        try:
            spec.loader.exec_module = exec_module
        except AttributeError:
            pass
        return spec


def begin():
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != folder]
    # Programs that the script starts get the path that its user gave, if any.
    rest = [entry for entry in os.environ.pop("PYTHONPATH", "").split(os.pathsep) if entry and os.path.abspath(entry) != folder]
    if rest:
        os.environ["PYTHONPATH"] = os.pathsep.join(rest)
    sys.meta_path.insert(0, Finder)
    # What this file stands before: the environment's own, where it has one.
    own = sys.modules.pop("sitecustomize", None)
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize")
    if spec is None or spec.loader is None:
        if own is not None:
            sys.modules["sitecustomize"] = own
        return
    from importlib.util import module_from_spec

    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


begin()
