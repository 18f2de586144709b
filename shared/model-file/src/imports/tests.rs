use super::{Verdict, judge, shown};
use crate::pickle::Dialect;

fn is_safe(module: &str, name: &str) -> bool {
    judge(module, name, Dialect::Python) == Verdict::Safe
}

fn is_suspicious(module: &str, name: &str) -> bool {
    matches!(judge(module, name, Dialect::Python), Verdict::Suspicious(_))
}

#[test]
fn what_models_need_is_safe() {
    for (module, name) in [
        ("sklearn.ensemble._forest", "RandomForestClassifier"),
        ("sklearn.tree._tree", "Tree"),
        ("sklearn._loss._loss", "__pyx_unpickle_CyHalfBinomialLoss"),
        ("sklearn.metrics._classification", "accuracy_score"),
        ("sklearn.neighbors._kd_tree", "newObj"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "scalar"),
        ("numpy", "ndarray"),
        ("numpy.random._pickle", "__randomstate_ctor"),
        ("scipy.sparse._csr", "csr_matrix"),
        ("pandas._libs.internals", "_unpickle_block"),
        ("joblib.numpy_pickle", "NumpyArrayWrapper"),
        ("xgboost.sklearn", "XGBClassifier"),
        ("lightgbm.basic", "Booster"),
        ("torch._utils", "_rebuild_tensor_v2"),
        ("torch", "FloatStorage"),
        ("torch.nn.modules.linear", "Linear"),
        ("collections", "OrderedDict"),
        ("__builtin__", "set"),
        ("copy_reg", "_reconstructor"),
        ("builtins", "ValueError"),
    ] {
        assert_eq!(judge(module, name, Dialect::Python), Verdict::Safe, "{module}.{name}");
    }
}

#[test]
fn what_no_model_needs_is_suspicious() {
    for (module, name) in [
        ("os", "system"),
        ("posix", "system"),
        ("nt", "system"),
        ("subprocess", "Popen"),
        ("sys", "modules"),
        ("builtins", "eval"),
        ("__builtin__", "eval"),
        ("builtins", "getattr"),
        ("builtins", "type"),
        ("builtins", "map"),
        ("socket", "socket"),
        ("importlib", "import_module"),
        ("runpy", "run_path"),
        ("ctypes", "CDLL"),
        ("types", "CodeType"),
        ("operator", "attrgetter"),
        ("pickle", "loads"),
        ("marshal", "loads"),
        ("requests", "get"),
        ("torch.hub", "load"),
        ("torch", "load"),
        ("torch.utils.collect_env", "run"),
        ("numpy", "load"),
        ("numpy", "memmap"),
        ("numpy.testing._private.utils", "runstring"),
        ("numpy.core", "_ufunc_reconstruct"),
        ("numpy._core", "_ufunc_reconstruct"),
        ("numpy.f2py.crackfortran", "myeval"),
        ("pandas", "read_pickle"),
        ("pandas.io.pickle", "read_pickle"),
        ("sklearn.utils.discovery", "import_module"),
        ("sklearn.datasets", "fetch_openml"),
        ("sklearn.feature_extraction.text", "itemgetter"),
        ("joblib", "load"),
        ("joblib.numpy_pickle_compat", "ZipNumpyUnpickler"),
        ("cloudpickle.cloudpickle", "_make_function"),
        ("dill._dill", "_create_function"),
        ("timeit", "timeit"),
        ("code", "InteractiveInterpreter"),
        ("pip._internal", "main"),
        ("commands", "getoutput"),
        ("mypackage", "eval"),
        ("keras.models", "load_model"),
        // Walks over attributes, and names that are none.
        ("os", "path.system"),
        ("sklearn", "os.system"),
        ("mypackage", "os.system"),
        ("builtins", "str.__class__"),
        ("", "system"),
        ("os ", "system"),
        ("sklearn..os", "X"),
        ("sklearn", "System\nos"),
        ("__torch__.Net", "Net"),
    ] {
        // TorchScript's classes are unknown to plain pickles; all others are suspicious.
        let expected = module.starts_with("__torch__") || is_suspicious(module, name);
        assert!(expected, "{module:?} {name:?}: {:?}", judge(module, name, Dialect::Python));
        assert!(!is_safe(module, name), "{module:?} {name:?}");
    }
}

#[test]
fn an_authors_own_classes_are_unknown() {
    for module in ["mypackage.models", "__main__", "sklearnish"] {
        assert!(matches!(judge(module, "MyModel", Dialect::Python), Verdict::Unknown(_)), "{module}");
    }
    let Verdict::Unknown(reason) = judge("__main__", "MyModel", Dialect::Python) else {
        panic!("__main__ is judged otherwise");
    };
    assert!(reason.contains("cannot be imported where the model is served"), "{reason}");
}

#[test]
fn names_are_shown_short_and_without_control_characters() {
    assert_eq!(shown("a\nb\u{1b}"), "a\\nb\\u{1b}");
    assert!(shown(&"x".repeat(5000)).chars().count() < 130);
}
