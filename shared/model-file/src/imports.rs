//! Which imports a model file may have.
//!
//! An import is safe where the known packages' own models need it: everything else of those packages, of Python's
//! standard library, and of packages that reach files, processes or the network is suspicious. What belongs to none of
//! them (an author's own classes) is unknown: this reader cannot say what it does.

mod standard_library;

use crate::pickle::Dialect;

/// What is thought of one import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Safe,
    Suspicious(String),
    Unknown(String),
}

/// A name from a hostile file, fit to be shown: short, and without control characters.
pub(crate) fn shown(name: &str) -> String {
    const LONGEST: usize = 120;
    let mut text: String = name.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if name.chars().nth(LONGEST).is_some() {
        text.push('…');
    }
    text
}

/// The package that a module belongs to.
pub(crate) fn top_level(module: &str) -> &str {
    module.split('.').next().unwrap_or(module)
}

/// Judges `from module import name`.
pub(crate) fn judge(module: &str, name: &str, dialect: Dialect) -> Verdict {
    if dialect == Dialect::TorchScript && is_torch_script(module) {
        return Verdict::Safe;
    }
    if !is_dotted_identifier(module) || name.is_empty() {
        return suspicious("its module is no Python name");
    }
    // Python 2's names, which Python 3 translates.
    let module = match module {
        "__builtin__" => "builtins",
        "copy_reg" => "copyreg",
        other => other,
    };
    if name.contains('.') {
        return suspicious("it walks from the imported name to an attribute of it, which reaches anything");
    }
    if !is_identifier(name) {
        return suspicious("its name is no Python name");
    }
    if is_safe(module, name, dialect) {
        return Verdict::Safe;
    }
    let package = top_level(module);
    if let Some(reason) = embeds_code(package) {
        return suspicious(reason);
    }
    if let Some((_, what)) = REACHING.iter().find(|(reaching, _)| *reaching == package) {
        return Verdict::Suspicious(format!("{package} {what}, which no model needs"));
    }
    if standard_library::contains(package) {
        return Verdict::Suspicious(format!("{package} of Python's standard library is needed by no model"));
    }
    if CALLING.contains(&name) {
        return Verdict::Suspicious(format!("{name} runs or reads what its arguments name, wherever it is imported from"));
    }
    if KNOWN.contains(&package) {
        return Verdict::Suspicious(format!("it is not among the names of {package} that models need"));
    }
    if module == "__main__" || module == "__mp_main__" {
        return Verdict::Unknown(
            "it is defined in the script that saved the model and cannot be imported where the model is served: \
             move it to a module, and name that module's package in the requirements"
                .to_owned(),
        );
    }
    Verdict::Unknown(format!(
        "{} is no package known here: it must be among the requirements, and its code runs when the model is loaded",
        shown(package)
    ))
}

fn suspicious(reason: &str) -> Verdict {
    Verdict::Suspicious(reason.to_owned())
}

fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first == '_' || first.is_alphabetic())
        && characters.all(|character| character == '_' || character.is_alphanumeric())
}

fn is_dotted_identifier(module: &str) -> bool {
    module.split('.').all(is_identifier)
}

fn is_torch_script(module: &str) -> bool {
    module == "__torch__" || module.starts_with("__torch__.") || module == "torch.jit._pickle"
}

fn embeds_code(package: &str) -> Option<&'static str> {
    match package {
        "cloudpickle" | "dill" => Some("it embeds Python code in the file, which would run here"),
        _ => None,
    }
}

/// Packages whose names are all judged by [`is_safe`].
const KNOWN: [&str; 12] =
    ["catboost", "imblearn", "joblib", "keras", "lightgbm", "numpy", "pandas", "scipy", "sklearn", "tensorflow", "torch", "xgboost"];

/// Packages beyond the standard library that reach files, processes or the network, and what they do.
const REACHING: [(&str, &str); 48] = [
    ("__builtin__", "is Python 2's name for builtins"),
    ("aiohttp", "speaks to the network"),
    ("asyncssh", "speaks to the network"),
    ("boto", "speaks to the network"),
    ("boto3", "speaks to the network"),
    ("botocore", "speaks to the network"),
    ("builtins", "runs code"),
    ("cffi", "calls machine code"),
    ("commands", "starts processes"),
    ("cPickle", "loads further pickles"),
    ("distutils", "starts processes"),
    ("fabric", "starts processes"),
    ("fsspec", "reads and writes files"),
    ("git", "starts processes"),
    ("google", "speaks to the network"),
    ("httplib", "speaks to the network"),
    ("httplib2", "speaks to the network"),
    ("httpx", "speaks to the network"),
    ("huggingface_hub", "speaks to the network"),
    ("invoke", "starts processes"),
    ("ipykernel", "runs code"),
    ("IPython", "runs code"),
    ("jinja2", "runs code"),
    ("jsonpickle", "loads further pickles"),
    ("nose", "runs code"),
    ("nt", "is the operating system"),
    ("numba", "compiles code"),
    ("os2", "is the operating system"),
    ("paramiko", "speaks to the network"),
    ("pexpect", "starts processes"),
    ("pip", "installs code"),
    ("pkg_resources", "runs code"),
    ("plumbum", "starts processes"),
    ("popen2", "starts processes"),
    ("psutil", "reaches processes"),
    ("pty", "starts processes"),
    ("pydoc", "runs code"),
    ("pytest", "runs code"),
    ("requests", "speaks to the network"),
    ("setuptools", "runs code"),
    ("sh", "starts processes"),
    ("smart_open", "reads and writes files"),
    ("twisted", "speaks to the network"),
    ("urllib2", "speaks to the network"),
    ("urllib3", "speaks to the network"),
    ("uv", "installs code"),
    ("websocket", "speaks to the network"),
    ("yaml", "makes objects of any class"),
];

/// Names that are dangerous as modules of other packages pass them on.
const CALLING: [&str; 32] = [
    "Popen",
    "__import__",
    "attrgetter",
    "call",
    "check_call",
    "check_output",
    "compile",
    "delattr",
    "eval",
    "exec",
    "execfile",
    "execv",
    "exit",
    "fromfile",
    "getattr",
    "getoutput",
    "globals",
    "import_module",
    "input",
    "itemgetter",
    "load",
    "loads",
    "locals",
    "memmap",
    "methodcaller",
    "open",
    "popen",
    "setattr",
    "spawn",
    "system",
    "tofile",
    "urlopen",
];

/// Standard names that models need, by module.
const STANDARD: [(&str, &[&str]); 18] = [
    (
        "builtins",
        &[
            "NotImplemented",
            "Ellipsis",
            "bool",
            "bytearray",
            "bytes",
            "complex",
            "dict",
            "float",
            "frozenset",
            "int",
            "list",
            "object",
            "range",
            "set",
            "slice",
            "str",
            "tuple",
            "unicode",
            "long",
            "xrange",
            "max",
            "min",
            "sum",
            "abs",
            "len",
            "round",
            "sorted",
        ],
    ),
    ("copyreg", &["_reconstructor", "__newobj__", "__newobj_ex__"]),
    ("_codecs", &["encode"]),
    ("collections", &["OrderedDict", "defaultdict", "deque", "Counter", "ChainMap", "UserDict", "UserList"]),
    ("datetime", &["datetime", "date", "time", "timedelta", "timezone"]),
    ("decimal", &["Decimal"]),
    ("fractions", &["Fraction"]),
    ("functools", &["partial"]),
    ("uuid", &["UUID", "SafeUUID"]),
    ("re", &["_compile"]),
    ("math", &["exp", "log", "log10", "log1p", "log2", "sqrt", "floor", "ceil", "sin", "cos", "tan", "tanh"]),
    ("pathlib", &["Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath"]),
    ("pathlib._local", &["Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath"]),
    ("types", &["SimpleNamespace"]),
    ("zoneinfo", &["ZoneInfo"]),
    ("string", &["Template"]),
    ("random", &["Random"]),
    ("array", &["_array_reconstructor"]),
];

/// NumPy's names, whichever of its modules they come from.
const NUMPY: [&str; 88] = [
    "ndarray",
    "dtype",
    "matrix",
    "recarray",
    "record",
    "MaskedArray",
    "_reconstruct",
    "_frombuffer",
    "scalar",
    "_mareconstruct",
    "_convert_to_numpy_dtype",
    "poly1d",
    "busdaycalendar",
    "bool",
    "bool_",
    "bool8",
    "byte",
    "ubyte",
    "short",
    "ushort",
    "intc",
    "uintc",
    "int_",
    "uint",
    "intp",
    "uintp",
    "long",
    "ulong",
    "longlong",
    "ulonglong",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
    "float128",
    "longdouble",
    "double",
    "single",
    "half",
    "complex64",
    "complex128",
    "clongdouble",
    "str_",
    "bytes_",
    "void",
    "object_",
    "datetime64",
    "timedelta64",
    "number",
    "integer",
    "floating",
    "generic",
    "log",
    "log1p",
    "log2",
    "log10",
    "exp",
    "expm1",
    "exp2",
    "sqrt",
    "cbrt",
    "square",
    "abs",
    "absolute",
    "sign",
    "sin",
    "cos",
    "tan",
    "tanh",
    "arcsin",
    "arccos",
    "arctan",
    "reciprocal",
    "negative",
    "mean",
    "median",
    "average",
    "std",
    "var",
    "maximum",
    "minimum",
];

const NUMPY_RANDOM: [&str; 11] = [
    "RandomState",
    "Generator",
    "MT19937",
    "PCG64",
    "PCG64DXSM",
    "Philox",
    "SFC64",
    "SeedSequence",
    "__randomstate_ctor",
    "__bit_generator_ctor",
    "__generator_ctor",
];

/// PyTorch's functions that rebuild tensors, and its own small types.
const TORCH: [&str; 57] = [
    "Size",
    "Tensor",
    "device",
    "dtype",
    "layout",
    "memory_format",
    "strided",
    "sparse_coo",
    "contiguous_format",
    "channels_last",
    "preserve_format",
    "float",
    "float16",
    "float32",
    "float64",
    "half",
    "double",
    "bfloat16",
    "complex64",
    "complex128",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "short",
    "long",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
    "qint8",
    "quint8",
    "qint32",
    "float8_e4m3fn",
    "float8_e5m2",
    "per_tensor_affine",
    "per_channel_affine",
    "_rebuild_tensor",
    "_rebuild_tensor_v2",
    "_rebuild_tensor_v3",
    "_rebuild_parameter",
    "_rebuild_parameter_with_state",
    "_rebuild_qtensor",
    "_rebuild_sparse_tensor",
    "_rebuild_sparse_csr_tensor",
    "_rebuild_meta_tensor_no_storage",
    "_rebuild_device_tensor_from_numpy",
    "_rebuild_device_tensor_from_cpu_tensor",
    "_rebuild_nested_tensor",
    "_rebuild_wrapper_subclass",
    "_rebuild_from_type_v2",
    "Parameter",
    "Buffer",
    "UninitializedParameter",
    "UninitializedBuffer",
];

fn is_class_name(name: &str) -> bool {
    name.trim_start_matches('_').starts_with(|first: char| first.is_ascii_uppercase())
}

/// Cython's own way to remake an object, and scikit-learn's.
fn is_cython_maker(name: &str) -> bool {
    name.starts_with("__pyx_unpickle_") || name == "newObj"
}

fn is_within(module: &str, packages: &[&str]) -> bool {
    packages.iter().any(|package| module.strip_prefix(package).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

fn is_safe(module: &str, name: &str, dialect: Dialect) -> bool {
    if module.split('.').any(|part| matches!(part, "tests" | "testing" | "_testing" | "conftest")) {
        return false;
    }
    if CALLING.contains(&name) {
        return false;
    }
    let class = is_class_name(name);
    match top_level(module) {
        "numpy" => {
            if is_within(module, &["numpy.random"]) {
                return NUMPY_RANDOM.contains(&name);
            }
            let home =
                is_within(module, &["numpy.core", "numpy._core", "numpy.ma", "numpy.lib", "numpy.matrixlib", "numpy.dtypes", "numpy.rec"]);
            let data_type = is_within(module, &["numpy.dtypes"]) && name.ends_with("DType");
            (module == "numpy" || home) && (NUMPY.contains(&name) || data_type)
        }
        "scipy" => {
            (is_within(module, &["scipy.sparse"]) && (name.ends_with("_matrix") || name.ends_with("_array")) && !name.contains("load"))
                || (is_within(module, &["scipy.stats"]) && (class || name.ends_with("_gen") || name.starts_with("rv_")))
                || (is_within(module, &["scipy.interpolate", "scipy.spatial"])
                    && (class || matches!(name, "interp1d" | "interp2d" | "cKDTree")))
                || (is_within(module, &["scipy.special"]) && matches!(name, "expit" | "logit" | "softmax" | "erf"))
        }
        "sklearn" => {
            if is_within(module, &["sklearn.externals", "sklearn.datasets", "sklearn.utils._joblib"]) {
                return false;
            }
            let functions = is_within(
                module,
                &[
                    "sklearn.metrics",
                    "sklearn.feature_selection",
                    "sklearn.preprocessing",
                    "sklearn.feature_extraction.text",
                    "sklearn.gaussian_process.kernels",
                ],
            ) && name != "partial";
            class || is_cython_maker(name) || functions
        }
        "pandas" => {
            is_within(module, &["pandas.core", "pandas._libs", "pandas.arrays", "pandas.tseries"])
                && !is_within(module, &["pandas.core.computation"])
                && (class
                    || is_cython_maker(name)
                    || matches!(
                        name,
                        "_unpickle_block"
                            | "_new_Index"
                            | "_new_DatetimeIndex"
                            | "_new_PeriodIndex"
                            | "new_block"
                            | "make_block"
                            | "_unpickle_timestamp"
                            | "_timedelta_unpickle"
                            | "_nat_unpickle"
                    ))
        }
        "joblib" => module == "joblib.numpy_pickle" && name == "NumpyArrayWrapper",
        "xgboost" => class && name != "DMatrix" && is_within(module, &["xgboost.sklearn", "xgboost.core", "xgboost.compat"]),
        "lightgbm" => class && is_within(module, &["lightgbm.sklearn", "lightgbm.basic", "lightgbm.compat"]),
        "catboost" => class && module == "catboost.core" && name.starts_with("CatBoost"),
        "imblearn" => class,
        "torch" => is_safe_of_torch(module, name, class) || (dialect != Dialect::Python && name.ends_with("Storage")),
        "torchvision" => class && is_within(module, &["torchvision.models", "torchvision.ops", "torchvision.transforms"]),
        _ => {
            STANDARD.iter().any(|(standard, names)| *standard == module && names.contains(&name))
                || (module == "builtins" && class && (name.ends_with("Error") || name.ends_with("Warning") || name == "Exception"))
        }
    }
}

fn is_safe_of_torch(module: &str, name: &str, class: bool) -> bool {
    let rebuilds = matches!(module, "torch" | "torch._utils" | "torch._tensor" | "torch.nn.parameter" | "torch.nn" | "torch.serialization")
        && TORCH.contains(&name);
    let storages = matches!(module, "torch" | "torch.storage" | "torch.cuda") && name.ends_with("Storage");
    let modules = class
        && is_within(module, &["torch.nn", "torch.ao.nn", "torch.distributions", "torch.optim"])
        && !is_within(module, &["torch.nn.parallel", "torch.nn.utils"]);
    let functions = matches!(module, "torch.nn.functional" | "torch.nn.init" | "torch._C._nn")
        || (matches!(module, "torch" | "torch._C._VariableFunctions")
            && matches!(name, "relu" | "sigmoid" | "tanh" | "softmax" | "sin" | "cos" | "exp" | "log" | "abs"));
    rebuilds || storages || modules || functions
}

#[cfg(test)]
mod tests;
