"""The Python half of the model server's `python` engine: it holds one model and answers one frame after the other.

It needs the standard library alone to start, and imports of the model's packages only what the model needs. Frames come on
the process's first standard input and leave on its first standard output, both moved aside at once: what a model prints goes
to standard error, which the server writes to the log.

A frame is two little-endian 32-bit lengths (header, payload), a header in JSON, and a payload of raw numbers.
"""

import gc
import importlib.machinery
import json
import os
import sys
import threading
import time
import traceback

MESSAGE_LIMIT = 4000
# From this many rows on, an estimator gets the number of jobs back that it was made with.
MANY_ROWS = 2000
# Up to this many rows a forest's trees are asked directly.
FEW_ROWS = 512


class Channel:
    """The two pipes to the server."""

    def __init__(self):
        self.reader = os.dup(0)
        self.writer = os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        try:
            import fcntl

            for descriptor in (self.reader, self.writer):
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, 1 << 20)
        except (ImportError, AttributeError, OSError):
            pass  # smaller pipes only make large batches slower

    def receive(self):
        """The next frame as (header, payload); ends the process where the server has gone."""
        lengths = self._exactly(8)
        header = json.loads(self._exactly(int.from_bytes(lengths[:4], "little")))
        size = int.from_bytes(lengths[4:], "little")
        return header, self._exactly(size) if size else b""

    def _exactly(self, size):
        buffer = bytearray(size)
        view = memoryview(buffer)
        done = 0
        while done < size:
            count = os.readv(self.reader, [view[done:]])
            if count == 0:
                os._exit(0)
            done += count
        return buffer

    def send(self, header, parts=()):
        """Sends a frame whose payload is the concatenation of `parts`."""
        text = json.dumps(header, separators=(",", ":")).encode()
        size = sum(memoryview(part).nbytes for part in parts)
        head = len(text).to_bytes(4, "little") + size.to_bytes(4, "little") + text
        if size <= 65536:
            self._all(b"".join([head, *parts]))
        else:
            self._all(head)
            for part in parts:
                self._all(part)

    def _all(self, data):
        view = memoryview(data).cast("B")
        while view:
            view = view[os.write(self.writer, view) :]

    def end_with_server(self):
        """Ends this process as soon as the server is gone, even in the middle of a prediction."""
        import select

        def watch():
            poll = select.poll()
            poll.register(self.reader, 0)
            poll.poll()
            os._exit(0)

        threading.Thread(target=watch, daemon=True).start()


class Refused(Exception):
    """The request asks for something that this model cannot do."""


# --- Cheaper imports while the model loads ------------------------------------------------------------------------------------


class WithoutPandas:
    """Hides pandas while a model that works on bare numbers loads: scikit-learn and others import it where it is there."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "pandas" or name.startswith("pandas."):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


class LateStatistics:
    """Puts off importing `scipy.stats`, of which scikit-learn's modules name a few functions that no prediction calls.

    `from scipy.stats import rankdata` gets a stand-in that imports the real module when it is used; any other name, and any
    submodule, imports it at once. Stays among the finders until then.
    """

    names = frozenset(("chi2", "gmean", "mode", "rankdata", "spearmanr"))

    def __init__(self):
        self.module = None
        self.loader = None
        self.kind = None

    def find_spec(self, name, path=None, target=None):
        if name == "scipy.stats" and self.module is None:
            spec = importlib.machinery.PathFinder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                self.loader = spec.loader
                spec.loader = self
            return spec
        if name.startswith("scipy.stats.") and self.module is not None:
            self.load()
            if name in sys.modules:
                return importlib.machinery.ModuleSpec(name, Existing(sys.modules[name]))
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        late = self
        self.module = module
        self.kind = type(module)

        class Late(self.kind):
            def __getattribute__(module, name):
                if name.startswith("__") and name.endswith("__"):
                    return super().__getattribute__(name)
                if name in late.names:
                    return StandIn(late, name)
                late.load()
                return getattr(module, name)

        module.__class__ = Late

    def load(self):
        module, self.module = self.module, None
        if module is None:
            return
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        module.__class__ = self.kind
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)


class StandIn:
    """One name of `scipy.stats`: the real thing as soon as it is used."""

    def __init__(self, late, name):
        self.__late = late
        self.__real = None
        self.__name__ = self.__qualname__ = name

    def __found(self):
        if self.__real is None:
            self.__late.load()
            self.__real = getattr(sys.modules["scipy.stats"], self.__name__)
        return self.__real

    def __call__(self, *arguments, **named):
        return self.__found()(*arguments, **named)

    def __getattr__(self, name):
        return getattr(self.__found(), name)


class Existing:
    """A loader for a module that is loaded."""

    def __init__(self, module):
        self.module = module

    def create_module(self, spec):
        return self.module

    def exec_module(self, module):
        pass


# --- Loading --------------------------------------------------------------------------------------------------------------------


class Model:
    """A loaded model: `predict`, `probabilities` (None where it has none) and what the server must know of its inputs."""

    def __init__(self, loader, subject, predict, probabilities):
        self.loader = loader
        self.subject = subject
        self.predict = predict
        self.probabilities = probabilities
        self.form = "matrix"
        self.names = None
        self.features = None
        self.shape = None
        self.classes = None
        self.independent_rows = False
        self.jobs = []
        self.categories = {}
        self.forest = None
        self.predict_name = "predict"
        self.contributions_source = ""
        self.explainer = None
        self.explanation = None


def load_pickle(path, serialization, trusted):
    if serialization == "skops":
        import skops.io

        return skops.io.load(path, trusted=trusted)
    import pickle

    with open(path, "rb") as file:
        # `cloudpickle.load` is this very function; a pickle that needs cloudpickle names it and so imports it.
        return pickle.load(file)


def scan(path):
    """Whether the file's bytes show that the model touches pandas (or may: code that is not scikit-learn's own)."""
    size = os.path.getsize(path)
    if size == 0:
        return False
    import mmap

    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if path.endswith(".skops"):
            return True
        if any(data.find(word) >= 0 for word in (b"pandas.", b"ColumnTransformer", b"cloudpickle", b"_set_output")):
            return True
        # LightGBM notes a table's categories in its own text.
        at = data.find(b"pandas_categorical:[")
        return at >= 0 and data[at + 20 : at + 21] != b"]"


# How a model that came as a single file was saved, where its file holds a network: it takes arrays and needs no table.
NETWORKS = ("torch_script", "torch_pickle_module", "torch_state", "keras_archive", "keras_hdf5", "onnx")


def choose_loader(flavors):
    if "model_file" in flavors:
        return "model_file"
    loader = (flavors.get("python_function") or {}).get("loader_module")
    for name in ("sklearn", "xgboost", "lightgbm"):
        if name in flavors and loader in (None, f"mlflow.{name}"):
            return name
    return "pyfunc"


def load(order):
    flavors = order["flavors"]
    folder = order["model"]
    loader = choose_loader(flavors)
    flavor = flavors.get(loader) or flavors.get("python_function") or {}
    code = flavor.get("code") or (flavors.get("python_function") or {}).get("code")
    if code:
        sys.path.insert(0, os.path.join(folder, code))
    hidden = []
    if order.get("cheap") and loader != "pyfunc" and flavor.get("format") not in NETWORKS:
        data = flavor.get("pickled_model") or flavor.get("data")
        if data and not code and not order["text"] and not scan(os.path.join(folder, data)):
            hidden.append(WithoutPandas)
        sys.meta_path.insert(0, LateStatistics())
    sys.meta_path[:0] = hidden
    try:
        loaders = {
            "model_file": load_model_file,
            "sklearn": load_sklearn,
            "xgboost": load_xgboost,
            "lightgbm": load_lightgbm,
            "pyfunc": load_pyfunc,
        }
        model = loaders[loader](folder, flavor, flavors)
    finally:
        for finder in hidden:
            sys.meta_path.remove(finder)
    model.contributions_source = order.get("contributions") or ""
    describe(model, order)
    if WithoutPandas in hidden and model.form == "frame":
        raise RuntimeError("this model needs pandas")
    return model


def load_sklearn(folder, flavor, flavors):
    serialization = flavor.get("serialization_format") or "pickle"
    subject = load_pickle(os.path.join(folder, flavor["pickled_model"]), serialization, flavor.get("skops_trusted_types"))
    name = (flavors.get("python_function") or {}).get("predict_fn") or "predict"
    predict = getattr(subject, name, None)
    if predict is None:
        raise TypeError(f"{type(subject).__name__} has no {name}, so it cannot answer predictions")
    model = Model(f"sklearn ({serialization})", subject, predict, getattr(subject, "predict_proba", None))
    model.predict_name = name
    return model


def load_xgboost(folder, flavor, flavors):
    import xgboost

    kind = flavor.get("model_class") or "xgboost.core.Booster"
    subject = named_class(kind)()
    subject.load_model(os.path.join(folder, flavor["data"]))
    if isinstance(subject, xgboost.Booster):
        return xgboost_booster(subject)
    model = Model(f"xgboost ({kind.rpartition('.')[2]})", subject, subject.predict, getattr(subject, "predict_proba", None))
    booster = subject.get_booster()
    model.names = booster.feature_names
    model.features = booster.num_features()
    model.independent_rows = subject.get_xgb_params().get("booster") in (None, "gbtree", "dart")
    if booster.feature_types and "c" in booster.feature_types:
        model.form = "frame"
    return model


def xgboost_booster(subject):
    import xgboost

    names, types = subject.feature_names, subject.feature_types
    categorical = bool(types) and "c" in types

    def predict(data):
        if categorical:
            return subject.predict(xgboost.DMatrix(data, enable_categorical=True))
        if hasattr(data, "columns"):
            return subject.predict(xgboost.DMatrix(data))
        return subject.predict(xgboost.DMatrix(data, feature_names=names, feature_types=types))

    config = json.loads(subject.save_config())
    objective = config["learner"]["objective"]["name"]
    model = Model("xgboost (Booster)", subject, predict, booster_probabilities(objective, predict))
    model.names = names
    model.features = subject.num_features()
    model.independent_rows = config["learner"]["gradient_booster"]["name"] in ("gbtree", "dart")
    model.form = "frame" if categorical else "matrix"
    return model


def load_lightgbm(folder, flavor, flavors):
    path = os.path.join(folder, flavor["data"])
    kind = flavor.get("model_class") or "lightgbm.basic.Booster"
    if kind == "lightgbm.basic.Booster":
        import lightgbm

        subject = booster = lightgbm.Booster(model_file=path)
        model = Model("lightgbm (Booster)", subject, subject.predict, None)
        model.probabilities = booster_probabilities(lightgbm_objective(path), subject.predict)
    else:
        subject = load_pickle(path, flavor.get("serialization_format") or "cloudpickle", flavor.get("skops_trusted_types"))
        booster = subject.booster_
        model = Model(f"lightgbm ({kind.rpartition('.')[2]})", subject, subject.predict, getattr(subject, "predict_proba", None))
    names = booster.feature_name()
    if names != [f"Column_{index}" for index in range(len(names))]:
        model.names = names
    model.features = booster.num_feature()
    categories = getattr(booster, "pandas_categorical", None)
    if categories:
        model.form = "frame"
        model.categories = {"ordered": categories}
    else:
        model.independent_rows = True
    return model


def load_pyfunc(folder, flavor, flavors):
    try:
        import mlflow.pyfunc
    except ModuleNotFoundError as error:
        if error.name != "mlflow":
            raise
        raise ModuleNotFoundError("this model's flavor needs the package mlflow (mlflow-skinny is enough), which is not installed")
    # MLflow refuses folders reached through links.
    subject = mlflow.pyfunc.load_model(os.path.realpath(folder))
    model = Model("pyfunc", subject, subject.predict, None)
    model.form = "pyfunc"
    return model


# --- A model that came as a single file -------------------------------------------------------------------------------------------


def load_model_file(folder, flavor, flavors):
    path = os.path.join(folder, flavor["data"])
    kinds = {
        "pickle": load_pickled_file,
        "joblib": load_joblib_file,
        "torch_script": load_torch_script,
        "torch_pickle_module": load_torch_module,
        "keras_archive": load_keras,
        "keras_hdf5": load_keras,
        "onnx": load_onnx,
    }
    load_kind = kinds.get(flavor["format"])
    if load_kind is None:
        raise TypeError(f"a file of the format {flavor['format']!r} holds no whole model")
    return load_kind(path)


def load_pickled_file(path):
    return estimator(load_pickle(path, "pickle", None), "pickle")


def load_joblib_file(path):
    # Arrays lie between the opcodes: any other loader would take their bytes for instructions.
    import joblib

    return estimator(joblib.load(path), "joblib")


def estimator(subject, how):
    kind = type(subject)
    if kind.__module__.startswith("xgboost.") and kind.__name__ == "Booster":
        return xgboost_booster(subject)
    predict = getattr(subject, "predict", None) or (subject if callable(subject) else None)
    if predict is None:
        raise TypeError(f"{kind.__name__} has no predict, so it cannot answer predictions")
    try:
        # Some have the method and refuse it by how they were made.
        probabilities = getattr(subject, "predict_proba", None)
    except AttributeError:
        probabilities = None
    return Model(f"{kind.__module__.partition('.')[0]} ({how})", subject, predict, probabilities)


def load_torch_script(path):
    import torch

    return torch_model(torch.jit.load(path, map_location="cpu"), "TorchScript")


def load_torch_module(path):
    import torch

    return torch_model(torch.load(path, map_location="cpu", weights_only=False), "module")


def torch_model(subject, how):
    import torch

    subject.eval()
    floats = next((value.dtype for value in subject.parameters() if value.is_floating_point()), torch.float32)

    def predict(data):
        values = torch.as_tensor(data.copy())
        with torch.inference_mode():
            answer = subject(values.to(floats) if values.is_floating_point() else values)
        return plain_tensor(answer)

    return network(f"torch ({how})", subject, predict)


def plain_tensor(answer):
    """A network's answer as an array: of several outputs the first."""
    while isinstance(answer, (list, tuple)) and answer:
        answer = answer[0]
    if isinstance(answer, dict):
        return {name: plain_tensor(value).tolist() for name, value in answer.items()}
    answer = answer.detach().cpu()
    return (answer.float() if answer.is_floating_point() else answer).numpy()


def load_keras(path):
    import importlib.util

    if "KERAS_BACKEND" not in os.environ:
        for backend in ("tensorflow", "torch", "jax"):
            if importlib.util.find_spec(backend) is not None:
                os.environ["KERAS_BACKEND"] = backend
                break
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    subject = keras.saving.load_model(path, compile=False)

    def predict(data):
        return keras.ops.convert_to_numpy(subject(data, training=False))

    model = network(f"keras ({keras.config.backend()})", subject, predict)
    shape = getattr(subject, "input_shape", None)
    if isinstance(shape, tuple) and all(length is None or isinstance(length, int) for length in shape):
        model.shape = [-1, *(-1 if length is None else length for length in shape[1:])]
    return model


ONNX_TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(uint8)": "uint8",
    "tensor(bool)": "bool",
    "tensor(string)": "object",
}


def load_onnx(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    threads = int(os.environ.get("OMP_NUM_THREADS") or 0)
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()
    for one in inputs:
        if one.type not in ONNX_TYPES:
            raise TypeError(f"the input {one.name!r} is a {one.type}, which no request can hold")
    outputs = [output.name for output in session.get_outputs()]
    likely = [name for name in outputs[1:] if "probabilit" in name.lower()]

    def feed(data):
        if len(inputs) == 1 and not hasattr(data, "columns"):
            return {inputs[0].name: data.astype(ONNX_TYPES[inputs[0].type], copy=False)}
        columns = zip(inputs, (data[one.name] for one in inputs))
        return {one.name: column.to_numpy().astype(ONNX_TYPES[one.type]).reshape(-1, 1) for one, column in columns}

    def predict(data):
        return session.run(outputs[:1], feed(data))[0]

    def probabilities(data):
        answer = session.run(likely[:1], feed(data))[0]
        if isinstance(answer, list):
            # One dictionary for each row, by label.
            import numpy

            return numpy.array([[row[label] for label in sorted(row)] for row in answer])
        return answer

    model = network("onnxruntime", session, predict)
    if likely:
        model.probabilities = probabilities
    if len(inputs) == 1:
        shape = inputs[0].shape
        if isinstance(shape, list) and shape:
            model.shape = [-1, *(length if isinstance(length, int) and length > 0 else -1 for length in shape[1:])]
    else:
        # One column for each input.
        model.form = "frame"
        model.names = [one.name for one in inputs]
        model.features = len(inputs)
    return model


def network(loader, subject, predict):
    model = Model(loader, subject, predict, None)
    model.form = "tensor"
    return model


def named_class(path):
    import importlib

    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def lightgbm_objective(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("objective="):
                return line.partition("=")[2].split()[0]
            if line.startswith("Tree="):
                break
    return ""


def booster_probabilities(objective, predict):
    """How a bare booster's answer gives one probability for each class, where its objective is one of classification."""
    if objective in ("binary:logistic", "binary"):

        def binary(data):
            import numpy

            positive = predict(data)
            return numpy.column_stack([1.0 - positive, positive])

        return binary
    if objective in ("multi:softprob", "multiclass", "softmax"):
        return predict
    return None


OWN_CODE = ("sklearn", "xgboost", "lightgbm")
LEAVES = ("sklearn.tree.", "sklearn.ensemble._forest", "sklearn.ensemble._gb", "sklearn.ensemble._hist", "sklearn.neighbors.")
INDEPENDENT = ("sklearn.tree._classes", "sklearn.ensemble._forest", "sklearn.ensemble._gb", "sklearn.ensemble._hist_gradient_boosting")


def describe(model, order):
    """Fills in what the server must know: names and number of the features, and in which form the model takes them."""
    subject = model.subject
    if model.form == "tensor":
        if model.shape is not None and len(model.shape) == 2 and model.shape[1] > 0:
            model.features = model.shape[1]
    elif model.form != "pyfunc":
        if model.names is None:
            names = getattr(subject, "feature_names_in_", None)
            model.names = None if names is None else [str(name) for name in names]
        if model.features is None:
            features = getattr(subject, "n_features_in_", None)
            model.features = None if features is None else int(features)
        found = {"by_name": False, "unknown": False, "text": False, "pandas": False, "first": None}
        visit(subject, found, model.jobs, set(), 0)
        if found["first"] == "sklearn.feature_extraction.text":
            model.form = "list"
            model.features = 1
            model.names = None
        elif found["by_name"] or found["text"] or found["pandas"] or order["text"]:
            model.form = "frame"
        elif found["unknown"] and (model.names or order["named"]):
            model.form = "frame"
        classes = getattr(subject, "classes_", None)
        if classes is not None and hasattr(classes, "tolist"):
            model.classes = listed(classes)
        kind = type(subject)
        if kind.__module__.startswith(INDEPENDENT):
            model.independent_rows = True
        model.independent_rows = model.independent_rows and model.form == "matrix"
        if model.jobs:
            for estimator, _ in model.jobs:
                estimator.n_jobs = 1
        if model.form == "matrix" and model.predict_name == "predict":
            model.forest = Forest.of(subject)


def visit(subject, found, jobs, seen, depth):
    """Walks an estimator and what it is made of, to learn whether anything in it needs a table rather than numbers."""
    if id(subject) in seen or depth > 12 or len(seen) > 2000:
        return
    seen.add(id(subject))
    if isinstance(subject, dict):
        for value in subject.values():
            visit(value, found, jobs, seen, depth + 1)
        return
    if isinstance(subject, (list, tuple)):
        for value in subject:
            visit(value, found, jobs, seen, depth + 1)
        return
    kind = type(subject)
    if isinstance(subject, type) or not (hasattr(kind, "fit") or hasattr(kind, "transform")):
        return
    module = kind.__module__
    if module.partition(".")[0] not in OWN_CODE or kind.__name__ == "FunctionTransformer":
        found["unknown"] = True
    if found["first"] is None and kind.__name__ != "Pipeline":
        found["first"] = module
    attributes = getattr(subject, "__dict__", {})
    if attributes.get("n_jobs") not in (None, 1):
        jobs.append((subject, attributes["n_jobs"]))
    output = attributes.get("_sklearn_output_config") or {}
    if output.get("transform") not in (None, "default"):
        found["pandas"] = True
    if kind.__name__ == "ColumnTransformer":
        for _, _, columns in attributes.get("transformers_") or attributes.get("transformers") or ():
            if selects_by_name(columns):
                found["by_name"] = True
    for categories in attributes.get("categories_") or ():
        if getattr(getattr(categories, "dtype", None), "kind", "f") not in "fiub":
            found["text"] = True
    statistics = attributes.get("statistics_")
    if getattr(getattr(statistics, "dtype", None), "kind", "f") == "O":
        found["text"] = True
    if module.startswith(LEAVES):
        return
    for value in attributes.values():
        if isinstance(value, (list, tuple, dict)) or hasattr(type(value), "fit") or hasattr(type(value), "transform"):
            visit(value, found, jobs, seen, depth + 1)


def selects_by_name(columns):
    if isinstance(columns, str):
        return True
    if isinstance(columns, slice):
        return isinstance(columns.start, str) or isinstance(columns.stop, str)
    if callable(columns):
        return True
    try:
        return any(isinstance(column, str) for column in columns)
    except TypeError:
        return False


# --- A shorter way through a forest -----------------------------------------------------------------------------------------------


class Forest:
    """Answers few rows of a scikit-learn forest without the machinery around its trees.

    A forest's own `predict` runs a scheduler, which costs several times what the trees cost. This adds up the same trees'
    answers in the same order, so that the sums are the same to the last bit; `same` holds that against the forest itself.
    """

    kinds = {
        "RandomForestClassifier": True,
        "ExtraTreesClassifier": True,
        "RandomForestRegressor": False,
        "ExtraTreesRegressor": False,
    }

    @classmethod
    def of(cls, subject):
        """The shorter way for this model, or None where there is none that is known to give the same answers."""
        kind = type(subject)
        if kind.__module__ != "sklearn.ensemble._forest" or kind.__name__ not in cls.kinds or subject.n_outputs_ != 1:
            return None
        try:
            forest = cls(subject, cls.kinds[kind.__name__])
            return forest if forest.same() else None
        except Exception:
            return None

    def __init__(self, subject, classifies):
        import numpy

        self.numpy = numpy
        self.subject = subject
        self.classifies = classifies
        self.trees = [estimator.tree_.predict for estimator in subject.estimators_]
        self.width = int(subject.n_classes_) if classifies else 1

    def total(self, data):
        data = self.subject._validate_X_predict(data)
        total = self.numpy.zeros((data.shape[0], self.width), dtype="float64")
        width = self.width
        for tree in self.trees:
            total += tree(data)[:, :width]
        total /= len(self.trees)
        return total

    def predict(self, data):
        total = self.total(data)
        return self.labels(total) if self.classifies else total[:, 0]

    def labels(self, probabilities):
        return self.subject.classes_.take(self.numpy.argmax(probabilities, axis=1), axis=0)

    def same(self):
        features = self.subject.n_features_in_
        rows = self.numpy.linspace(-3.0, 3.0, 8 * features).reshape(8, features) ** 3
        ours, theirs = self.predict(rows), self.subject.predict(rows)
        equal = ours.dtype == theirs.dtype and self.numpy.array_equal(ours, theirs)
        if self.classifies:
            equal = equal and self.numpy.array_equal(self.total(rows), self.subject.predict_proba(rows))
        return bool(equal)


# --- Predicting -----------------------------------------------------------------------------------------------------------------

TYPES = {"f8": "float64", "f4": "float32", "i8": "int64", "i4": "int32", "b1": "bool", "u1": "uint8"}


def build(model, header, payload):
    """The model's input from a frame."""
    import numpy

    if "matrix" in header:
        matrix = numpy.frombuffer(payload, dtype=TYPES[header["matrix"]]).reshape(header["rows"], -1)
        if model.form in ("frame", "pyfunc"):
            import pandas

            return pandas.DataFrame(matrix, columns=header["names"])
        return matrix
    if "tensors" in header:
        offset = 0
        tensors = {}
        for tensor in header["tensors"]:
            dtype = numpy.dtype(tensor["type"])
            shape = tensor["shape"]
            count = int(numpy.prod(shape))
            if "values" in tensor:
                array = numpy.array(tensor["values"], dtype=object).reshape(shape)
            else:
                array = numpy.frombuffer(payload, dtype="float64", count=count, offset=offset).reshape(shape)
                array = array.astype(dtype)
                offset += count * 8
            tensors[tensor["name"]] = array
        return tensors[None] if list(tensors) == [None] else tensors
    columns = {}
    offset = 0
    rows = header["rows"]
    for column in header["frame"]:
        kind = column["type"]
        if kind in TYPES:
            values = numpy.frombuffer(payload, dtype=TYPES[kind], count=rows, offset=offset)
            offset += (values.nbytes + 7) // 8 * 8
        elif kind == "datetime":
            values = numpy.array(column["values"], dtype="datetime64[ns]")
        elif kind == "binary":
            import base64

            values = [None if value is None else base64.b64decode(value) for value in column["values"]]
        else:
            values = column["values"]
        columns[column["name"]] = values
    if model.form == "list":
        return list(next(iter(columns.values())))
    return frame_of(model, columns)


def frame_of(model, columns):
    try:
        import pandas
    except ModuleNotFoundError:
        if model.names is not None:
            raise
        import numpy

        return numpy.column_stack([numpy.array(values, dtype=object) for values in columns.values()])
    frame = pandas.DataFrame(columns)
    if model.categories:
        ordered = iter(model.categories["ordered"])
        for name in frame.columns:
            if frame[name].dtype.kind not in "fiub":
                categories = next(ordered, None)
                if categories is not None:
                    frame[name] = pandas.Categorical(frame[name], categories=categories)
    return frame


def predict(model, header, payload):
    """The answer's header fields and payload parts."""
    data = build(model, header, payload)
    explanation = explanation_of(model, data) if header.get("contributions") else None
    predictions, probabilities = predict_data(model, header, data)
    parts = []
    answer = {"predictions": encode(predictions, parts)}
    if probabilities is not None:
        answer["probabilities"] = encode(probabilities, parts)
    if explanation is not None:
        answer["contributions"] = contributions_of(model, header, data, explanation, predictions, parts)
    return answer, parts


def explanation_of(model, data):
    """What explains the model; refused where nothing does."""
    if model.form not in ("matrix", "frame") or model.predict_name != "predict" or getattr(data, "ndim", None) != 2:
        raise Refused(
            f"Contributions are not available for this model ({model.loader}): they are computed exactly for trees, forests and boosted "
            "trees of scikit-learn, XGBoost and LightGBM and for linear models, where the model's own flavor was logged"
        )
    if model.explanation is None:
        module = contributions_module(model)
        try:
            model.explanation = module.prepare(model.subject)
        except module.Unavailable as reason:
            raise Refused(sentence(reason))
    return model.explanation


def contributions_of(model, header, data, explanation, predictions, parts):
    """The contributions' description: the input columns' names (and the bias's), and what the server makes each row's values of."""
    asked = header["contributions"]
    try:
        described, payload = explanation.answer(data, predictions, asked["ensembles"], asked["seconds"])
    except contributions_module(model).Unavailable as reason:
        raise Refused(sentence(reason))
    names = header.get("names") or model.names
    if hasattr(data, "columns"):
        names = [str(name) for name in data.columns]
    if not names or len(names) != data.shape[1]:
        names = [f"feature_{index}" for index in range(data.shape[1])]
    parts += payload
    return {"features": [*names, "BiasTerm"], **described}


def sentence(reason):
    text = str(reason)
    return text[:1].upper() + text[1:]


def contributions_module(model):
    if model.explainer is None:
        import types

        module = types.ModuleType("serveml_contributions")
        exec(compile(model.contributions_source, "<contributions>", "exec"), module.__dict__)
        model.explainer = module
    return model.explainer


def predict_data(model, header, data):
    """The predictions, and the probabilities where they are asked for."""
    if header.get("probabilities") and model.probabilities is None:
        raise Refused(f"{type(model.subject).__name__} gives no probabilities")
    if model.forest is not None and header["rows"] <= FEW_ROWS:
        return predict_forest(model.forest, data, header.get("probabilities"))
    many = header["rows"] >= MANY_ROWS and model.jobs
    if many:
        for estimator, jobs in model.jobs:
            estimator.n_jobs = jobs
    try:
        predictions = model.predict(data)
        probabilities = None
        if header.get("probabilities"):
            probabilities = model.probabilities(data)
            if isinstance(probabilities, list):
                probabilities = by_row(probabilities)
    finally:
        if many:
            for estimator, _ in model.jobs:
                estimator.n_jobs = 1
    return predictions, probabilities


def predict_forest(forest, data, probabilities):
    if not probabilities:
        return forest.predict(data), None
    total = forest.total(data)
    return forest.labels(total), total


def by_row(outputs):
    """Several outputs' probabilities (a list with one array for each) as one entry for each row."""
    lists = [output.tolist() for output in outputs]
    return [list(row) for row in zip(*lists)]


def encode(values, parts):
    """An answer as raw numbers where it is an array of them, else as JSON."""
    if hasattr(values, "toarray") and hasattr(values, "tocsr"):
        values = values.toarray()
    kind = getattr(getattr(values, "dtype", None), "kind", None)
    if kind in ("f", "i", "u", "b") and type(values).__module__ == "numpy":
        import numpy

        wide = {"f": "float64", "i": "int64", "u": "uint64", "b": "bool"}[kind]
        array = numpy.ascontiguousarray(values, dtype=wide)
        parts.append(array.reshape(-1).view("uint8").data if array.size else b"")
        return {"type": kind, "shape": list(numpy.shape(values))}
    return {"json": listed(values)}


def listed(values):
    """What JSON can hold of an answer: numbers that are not finite become null, dates ISO text, tables records."""
    if values is None or isinstance(values, (bool, int, str)):
        return values
    if isinstance(values, float):
        return values if values - values == 0.0 else None
    if isinstance(values, dict):
        return {str(key): listed(value) for key, value in values.items()}
    if isinstance(values, (list, tuple, set)):
        return [listed(value) for value in values]
    if isinstance(values, (bytes, bytearray)):
        import base64

        return base64.b64encode(values).decode()
    if hasattr(values, "isoformat"):
        return None if values != values else values.isoformat()
    if hasattr(values, "to_dict") and hasattr(values, "columns"):
        return [listed(row) for row in values.to_dict(orient="records")]
    dtype = getattr(values, "dtype", None)
    if getattr(dtype, "kind", None) == "M" and hasattr(values, "astype"):
        import numpy

        texts = numpy.datetime_as_string(numpy.asarray(values), unit="auto")
        return [None if text == "NaT" else text for text in texts.tolist()] if texts.ndim else str(texts)
    for method in ("tolist", "item"):
        if hasattr(values, method):
            return listed(getattr(values, method)())
    if hasattr(values, "__float__"):
        return listed(float(values))
    raise TypeError(f"the model answered with a {type(values).__name__}, which JSON cannot hold")


class Quiet:
    """Keeps what is printed meanwhile, by Python or by a library, from the log: it could hold what a request may not leave behind."""

    def __init__(self, wanted):
        self.wanted = wanted
        self.kept = ()

    def __enter__(self):
        if self.wanted:
            flush()
            nothing = os.open(os.devnull, os.O_WRONLY)
            self.kept = tuple((descriptor, os.dup(descriptor)) for descriptor in (1, 2))
            for descriptor, _ in self.kept:
                os.dup2(nothing, descriptor)
            os.close(nothing)

    def __exit__(self, *failure):
        if self.kept:
            flush()
            for descriptor, copy in self.kept:
                os.dup2(copy, descriptor)
                os.close(copy)


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass
    try:
        import ctypes

        ctypes.CDLL(None).fflush(None)
    except (ImportError, AttributeError, OSError):
        pass


# --- The loop -------------------------------------------------------------------------------------------------------------------


def failure(error):
    text = str(error)
    return {"kind": type(error).__name__, "message": text[:MESSAGE_LIMIT]}


def prepare_path(folder):
    """Puts the model's packages on the path, following .pth files where there are any."""
    if not os.path.isdir(folder):
        return
    if any(name.endswith(".pth") for name in os.listdir(folder)):
        import site

        known = set(sys.path)
        site.addsitedir(folder)
        added = [entry for entry in sys.path if entry not in known]
        sys.path[:] = added + [entry for entry in sys.path if entry in known]
    else:
        sys.path.insert(0, folder)


def ready(model, began):
    return {
        "ready": True,
        "python_version": "%d.%d.%d" % sys.version_info[:3],
        "loader": model.loader,
        "form": model.form,
        "names": model.names,
        "features": model.features,
        "shape": model.shape,
        "classes": model.classes,
        "probabilities": model.probabilities is not None,
        "independent_rows": model.independent_rows,
        "load_ms": round((time.perf_counter() - began) * 1000, 1),
        "modules": len(sys.modules),
        "pandas": "pandas" in sys.modules,
        "mlflow": "mlflow" in sys.modules,
    }


def main():
    channel = Channel()
    channel.end_with_server()
    order, _ = channel.receive()
    began = time.perf_counter()
    sys.argv = [""]
    prepare_path(order["packages"])
    import warnings

    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    # A loading model makes many objects and little garbage.
    gc.disable()
    try:
        model = load(order)
    except BaseException as error:
        if not order.get("cheap"):
            traceback.print_exc()
        channel.send({"ready": False, "error": failure(error)})
        return
    gc.enable()
    gc.collect()
    gc.freeze()
    channel.send(ready(model, began))
    while True:
        header, payload = channel.receive()
        parts = ()
        with Quiet(header.get("quiet")):
            try:
                answer, parts = predict(model, header, payload)
            except Refused as error:
                answer = {"refused": str(error)}
            except BaseException as error:
                traceback.print_exc()
                answer = {"error": failure(error)}
        answer["id"] = header["id"]
        try:
            channel.send(answer, parts)
        except (TypeError, ValueError) as error:
            channel.send({"id": header["id"], "error": failure(error)})
        header = payload = parts = answer = None


main()
