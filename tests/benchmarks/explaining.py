"""How long SHAP values of a forest take: the server's method, the same values in numpy, and the `shap` package, on the same forests.

Usage: explaining.py [ROUNDS]. Needs scikit-learn and shap, of `target/python-tests/packages-shap` where the tests have put them there, and
`cargo build --release -p tree-shap --example explain`. Prints for each forest the best of some rounds, in processor time, which holds on a
busy machine, and ratios to the `shap` package. (The server's method runs on all cores besides; the others run on one.)
"""

import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
sys.path[:0] = [str(HERE), str(ROOT / "functions/model-server/src/engine/python"), str(TARGET / "python-tests/packages-shap")]
sys.path.append(str(ROOT / "target/python-tests/packages-shap"))

import contributions
import leaf_by_leaf
import numpy
import shap
import sklearn.datasets
from sklearn import ensemble

ROWS = 50


def timed(work):
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def ours(model, data, folder):
    """Handing the trees over and the first row, which is explained by a program that starts for it; and each of many rows."""
    handing, (explanation, trees) = timed(lambda: (one := contributions.prepare(model), one.ensembles()[0]))
    _, ((_, _, _, matrix),) = explanation.explain(data, numpy.ones(len(data), dtype=int))
    (folder / "ensemble").write_bytes(trees)
    # The program explains the first row once more by itself.
    one, many = (program(matrix[:count], folder) for count in (1, len(data)))
    values = numpy.fromfile(folder / "values").reshape(len(data), -1)
    found = numpy.zeros(data.shape)
    found[:, explanation.terms[0].head.used] = values[:, :-1]
    return handing + one, (many - one) / (len(data) - 1), found


def program(matrix, folder):
    (folder / "rows").write_bytes(matrix.tobytes())
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [TARGET / "release/examples/explain", *(folder / name for name in ("ensemble", "rows", "values")), "1"]
    subprocess.run(command, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def in_numpy(model, data):
    def prepare():
        trees = [leaf_by_leaf.sklearn_tree(one.tree_, 1.0 / len(model.estimators_), True) for one in model.estimators_]
        return leaf_by_leaf.Ways(trees)

    data, chosen = data.astype("float32"), numpy.ones(len(data), dtype=int)
    preparing, ways = timed(prepare)
    first, _ = timed(lambda: ways.explain(data[:1], chosen[:1]))
    many, found = timed(lambda: ways.explain(data, chosen))
    return preparing + first, many / len(data), found


def by_shap(model, data):
    preparing, explainer = timed(lambda: shap.TreeExplainer(model, feature_perturbation="tree_path_dependent"))
    first, _ = timed(lambda: explainer.shap_values(data[:1], check_additivity=False))
    many, found = timed(lambda: explainer.shap_values(data, check_additivity=False))
    return preparing + first, many / len(data), found[:, :, 1]


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    data, label = sklearn.datasets.make_classification(n_samples=5000, n_features=20, flip_y=0.3, random_state=1)
    for depth in (6, 10, None):
        model = ensemble.RandomForestClassifier(100, max_depth=depth, random_state=1).fit(data, label)
        leaves = sum(one.get_n_leaves() for one in model.estimators_)
        deepest = max(one.get_depth() for one in model.estimators_)
        best = {}
        with tempfile.TemporaryDirectory() as folder:
            contestants = {
                "server": lambda rows: ours(model, rows, pathlib.Path(folder)), "numpy": lambda rows: in_numpy(model, rows),
                "shap": lambda rows: by_shap(model, rows),
            }
            for _ in range(rounds):
                found = {}
                for name, contestant in contestants.items():
                    first, each, found[name] = contestant(data[:ROWS])
                    before = best.get(name, (first, each))
                    best[name] = (min(before[0], first), min(before[1], each))
                for name in ("server", "numpy"):
                    assert abs(found[name] - found["shap"]).max() < 1e-9, f"{name} differs"
        print(f"100 trees, {leaves} leaves, depth {deepest}")
        for name, (first, each) in best.items():
            quicker = [best["shap"][place] / value for place, value in enumerate((first, each))]
            print(f"  {name:<7} first row {first * 1000:9.1f} ms ({quicker[0]:6.2f} x shap)   each of {ROWS} {each * 1000:8.3f} ms ({quicker[1]:6.2f} x shap)")


if __name__ == "__main__":
    main()
