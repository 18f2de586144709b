//! What a pickled model is: its class, its shapes and versions, read from the symbols of its pickle.

use std::collections::{BTreeMap, BTreeSet};

use crate::imports::{shown, top_level};
use crate::inspection::{Framework, Shape};
use crate::pickle::{Arena, Node, Value, array_shape, integer};

/// How deep pipelines, searches and the like are followed.
const DEPTH: usize = 8;
const VISITED: usize = 10_000;
const LONGEST_FEATURE_LIST: usize = 10_000;

/// What is told of a model.
#[derive(Debug, Default)]
pub(crate) struct Description {
    pub(crate) model_type: String,
    pub(crate) module: String,
    pub(crate) input_shape: Option<Shape>,
    pub(crate) output_shape: Option<Shape>,
    pub(crate) feature_names: Option<Vec<String>>,
    pub(crate) package_versions: BTreeMap<String, String>,
}

/// The framework that loads a class.
pub(crate) fn framework_of(module: &str) -> Framework {
    match top_level(module) {
        "sklearn" | "imblearn" => Framework::Sklearn,
        "torch" | "torchvision" => Framework::Pytorch,
        "xgboost" => Framework::Xgboost,
        "lightgbm" => Framework::Lightgbm,
        "keras" | "tensorflow" => Framework::Tensorflow,
        _ => Framework::Other,
    }
}

/// Top-level packages of all imports.
pub(crate) fn packages(arena: &Arena) -> BTreeSet<String> {
    arena
        .globals()
        .iter()
        .map(|global| top_level(&global.module))
        .filter(|package| !matches!(*package, "builtins" | "__builtin__" | "copyreg" | "copy_reg" | "__torch__" | ""))
        .take(1000)
        .map(shown)
        .collect()
}

/// The class and module of any value, in Python's words.
pub(crate) fn class_of(arena: &Arena, value: Value) -> (String, String) {
    let plain = |name: &str| (name.to_owned(), format!("builtins.{name}"));
    if let Some(class) = arena.class(value) {
        return (shown(&class.name), shown(&format!("{}.{}", class.module, class.name)));
    }
    match value {
        Value::None => plain("NoneType"),
        Value::Bool(_) => plain("bool"),
        Value::Int(_) => plain("int"),
        Value::Float => plain("float"),
        Value::Global(_) => plain("type"),
        Value::Opaque => plain("object"),
        Value::Node(_) => plain(match arena.node(value) {
            Some(Node::Text { .. }) => "str",
            Some(Node::Bytes(_)) => "bytes",
            Some(Node::Tuple(_)) => "tuple",
            Some(Node::List(_)) => "list",
            Some(Node::Set(_)) => "set",
            Some(Node::Dict(_)) => "dict",
            _ => "object",
        }),
    }
}

/// Describes the root of a pickle.
pub(crate) fn describe(arena: &Arena, root: Value) -> Description {
    let steps = chain(arena, root, DEPTH);
    let last = steps.last().copied().unwrap_or(root);
    // What a later step takes is not what the model takes: texts, where the first step counts their words.
    let first = steps.iter().copied().find(|step| *step != root).unwrap_or(root);
    let (outer, module) = class_of(arena, root);
    let model_type = if is_pipeline(&outer) { class_of(arena, last).0 } else { outer };
    let mut description = Description {
        model_type,
        module,
        input_shape: input_length(arena, first).map(|length| vec![Some(length)]),
        output_shape: output_length(arena, last).map(|length| vec![Some(length)]),
        feature_names: steps.iter().find_map(|step| feature_names(arena, *step)),
        package_versions: BTreeMap::new(),
    };
    for step in [root].into_iter().chain(steps) {
        versions(arena, step, &mut description.package_versions);
    }
    description
}

fn is_pipeline(class: &str) -> bool {
    class.ends_with("Pipeline")
}

/// The estimators that data passes through one after the other, outer ones unwrapped.
fn chain(arena: &Arena, root: Value, depth: usize) -> Vec<Value> {
    if depth == 0 {
        return vec![root];
    }
    if let Some(steps) = arena.attribute(root, "steps").and_then(|steps| arena.sequence(steps)) {
        let mut all = Vec::new();
        for step in steps.iter().take(100) {
            let estimator = arena.tuple(*step).and_then(|pair| pair.get(1)).copied();
            match estimator {
                Some(estimator @ Value::Node(_)) if arena.object(estimator).is_some() => {
                    all.extend(chain(arena, estimator, depth - 1));
                }
                // A step that passes its input on, or one that was switched off.
                _ => {}
            }
            if all.len() > 100 {
                break;
            }
        }
        return if all.is_empty() { vec![root] } else { all };
    }
    let searched = arena.attribute(root, "best_estimator_").filter(|best| arena.object(*best).is_some());
    match searched {
        Some(best) => {
            let mut all = chain(arena, best, depth - 1);
            // The search itself knows the names of the features.
            all.insert(0, root);
            all
        }
        None => vec![root],
    }
}

fn number(arena: &Arena, estimator: Value, names: &[&str]) -> Option<u64> {
    names.iter().find_map(|name| arena.attribute(estimator, name).and_then(|value| integer(arena, value))).filter(|number| *number > 0)
}

fn attribute_shape(arena: &Arena, estimator: Value, name: &str) -> Option<Vec<u64>> {
    array_shape(arena, arena.attribute(estimator, name)?)
}

fn input_length(arena: &Arena, estimator: Value) -> Option<u64> {
    number(arena, estimator, &["n_features_in_", "_n_features_in", "_n_features", "n_features_", "n_features"])
        .or_else(|| {
            ["coef_", "cluster_centers_", "components_", "theta_", "means_"]
                .iter()
                .find_map(|name| attribute_shape(arena, estimator, name)?.last().copied())
        })
        .or_else(|| booster_number(arena, estimator, BoosterNumber::Features))
}

fn output_length(arena: &Arena, estimator: Value) -> Option<u64> {
    let (class, module) = class_of(arena, estimator);
    if let Some([classes]) =
        attribute_shape(arena, estimator, "classes_").or_else(|| attribute_shape(arena, estimator, "_classes")).as_deref()
    {
        return Some(*classes);
    }
    let classifier = class.contains("Classif") || class.ends_with("SVC") || class.ends_with("NB");
    if classifier {
        return number(arena, estimator, &["n_classes_", "_n_classes"])
            .or_else(|| booster_number(arena, estimator, BoosterNumber::Classes));
    }
    if let Some(outputs) = number(arena, estimator, &["n_outputs_", "_num_outputs"]) {
        return Some(outputs);
    }
    let predicts = class.contains("Regress") || class.ends_with("SVR") || module.contains(".linear_model.") || class.contains("Ridge");
    if let Some(coefficients) = attribute_shape(arena, estimator, "coef_").filter(|_| predicts) {
        return Some(if coefficients.len() == 2 { coefficients[0] } else { 1 });
    }
    if class == "Booster" || class.starts_with("XGB") || class.starts_with("LGBM") {
        return booster_number(arena, estimator, BoosterNumber::Classes).or(Some(1));
    }
    predicts.then_some(1)
}

fn feature_names(arena: &Arena, estimator: Value) -> Option<Vec<String>> {
    ["feature_names_in_", "feature_names", "_feature_name", "feature_name_"]
        .iter()
        .find_map(|name| texts(arena, arena.attribute(estimator, name)?))
}

/// A list of texts, or an array of them as objects.
fn texts(arena: &Arena, value: Value) -> Option<Vec<String>> {
    let mut value = value;
    if let Some(content) = arena.object(value).and_then(|object| object.content) {
        value = content;
    }
    if arena.class(value).is_some_and(|class| class.name == "_reconstruct") {
        // (version, shape, data type, Fortran order, items)
        value = *arena.tuple(arena.object(value)?.state?)?.get(4)?;
    }
    let items = arena.sequence(value)?;
    if items.is_empty() || items.len() > LONGEST_FEATURE_LIST {
        return None;
    }
    items.iter().map(|item| arena.text(*item).map(shown)).collect()
}

fn versions(arena: &Arena, estimator: Value, versions: &mut BTreeMap<String, String>) {
    let mut note = |package: &str, version: Option<String>| {
        if let Some(version) = version {
            versions.entry(package.to_owned()).or_insert(version);
        }
    };
    let own = arena.attribute(estimator, "_sklearn_version").and_then(|version| arena.text(version));
    note("sklearn", own.map(shown));
    if let Some(booster) = find_booster(arena, estimator) {
        note("xgboost", booster_version(booster));
    }
}

#[derive(Clone, Copy)]
enum BoosterNumber {
    Features,
    Classes,
}

/// What is kept of bytes or of a text: all of it in `head`, or also its end.
#[derive(Clone, Copy)]
struct Kept<'a> {
    head: &'a [u8],
    tail: &'a [u8],
}

/// A booster in its own format inside a pickled XGBoost or LightGBM model.
fn find_booster(arena: &Arena, estimator: Value) -> Option<Kept<'_>> {
    let booster = ["_Booster", "_booster", "booster_"].iter().find_map(|name| arena.attribute(estimator, name)).unwrap_or(estimator);
    let raw = ["handle", "_handle", "_model_str", "model_str", "_model_string"].iter().find_map(|name| arena.attribute(booster, name))?;
    let raw = match arena.object(raw) {
        // bytearray(bytes)
        Some(object) => *arena.tuple(object.arguments)?.first()?,
        None => raw,
    };
    match arena.bytes(raw) {
        Some(blob) => Some(Kept { head: &blob.head, tail: &blob.tail }),
        None => Some(Kept { head: arena.text(raw)?.as_bytes(), tail: &[] }),
    }
}

fn booster_number(arena: &Arena, estimator: Value, wanted: BoosterNumber) -> Option<u64> {
    let booster = find_booster(arena, estimator)?;
    if booster.head.starts_with(b"tree\n") {
        // LightGBM's text begins with a line for each of its parameters.
        let parameter = |name: &[u8]| -> Option<u64> {
            let line = booster.head.split(|byte| *byte == b'\n').take(50).find(|line| line.starts_with(name))?;
            std::str::from_utf8(&line[name.len()..]).ok()?.trim().parse().ok()
        };
        let objective = booster.head.split(|byte| *byte == b'\n').take(50).find(|line| line.starts_with(b"objective="));
        return match wanted {
            BoosterNumber::Features => parameter(b"max_feature_idx=")?.checked_add(1),
            BoosterNumber::Classes if objective.is_some_and(|line| line.starts_with(b"objective=binary")) => Some(2),
            BoosterNumber::Classes => parameter(b"num_class=").filter(|classes| *classes > 0),
        };
    }
    match wanted {
        BoosterNumber::Features => ubjson_number(booster, b"num_feature"),
        BoosterNumber::Classes => match ubjson_number(booster, b"num_class")? {
            0 if contains(booster, b"binary:") => Some(2),
            0 => ubjson_number(booster, b"num_target"),
            classes => Some(classes),
        },
    }
    .filter(|number| *number > 0)
}

/// The last place of `text` in what is kept of a blob, and what follows it.
fn after<'a>(blob: Kept<'a>, text: &[u8]) -> Option<&'a [u8]> {
    [blob.tail, blob.head].into_iter().find_map(|kept| {
        let place = kept.windows(text.len()).rposition(|window| window == text)?;
        Some(&kept[place + text.len()..])
    })
}

fn contains(blob: Kept<'_>, text: &[u8]) -> bool {
    after(blob, text).is_some()
}

/// A number that XGBoost wrote as text under a key: `S`, a length (a type letter and a big-endian number), digits.
fn ubjson_number(blob: Kept<'_>, key: &[u8]) -> Option<u64> {
    let value = after(blob, key)?.strip_prefix(b"S")?;
    let (length, text) = ubjson_integer(value)?;
    let digits = text.get(..usize::try_from(length).ok()?)?;
    std::str::from_utf8(digits).ok()?.trim().parse().ok()
}

/// A whole number of UBJSON and what follows it.
fn ubjson_integer(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let width = match kind {
        b'i' | b'U' => 1,
        b'I' => 2,
        b'l' => 4,
        b'L' => 8,
        _ => return None,
    };
    let number = rest.get(..width)?.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    Some((number, &rest[width..]))
}

/// XGBoost's own version: `version`, then an array of three numbers, at the end.
fn booster_version(blob: Kept<'_>) -> Option<String> {
    let mut rest = after(blob, b"version")?.strip_prefix(b"[")?;
    if let Some(counted) = rest.strip_prefix(b"#") {
        rest = ubjson_integer(counted)?.1;
    }
    let mut parts = Vec::new();
    for _ in 0..3 {
        let (part, after) = ubjson_integer(rest)?;
        parts.push(part.to_string());
        rest = after;
    }
    Some(parts.join("."))
}

/// The shapes of the weights that a model holds, in their order, with their dotted names.
pub(crate) fn weights(arena: &Arena, root: Value) -> Vec<(String, Vec<u64>)> {
    let mut weights = Vec::new();
    let mut visited = 0;
    let mut seen = BTreeSet::new();
    collect_weights(arena, root, "", 0, &mut visited, &mut seen, &mut weights);
    weights
}

fn collect_weights(
    arena: &Arena,
    value: Value,
    path: &str,
    depth: usize,
    visited: &mut usize,
    seen: &mut BTreeSet<u32>,
    weights: &mut Vec<(String, Vec<u64>)>,
) {
    *visited += 1;
    let Value::Node(place) = value else { return };
    if depth > 64 || *visited > VISITED || !seen.insert(place) {
        return;
    }
    if let Some(shape) = array_shape(arena, value) {
        if weights.len() < VISITED {
            weights.push((path.to_owned(), shape));
        }
        return;
    }
    let state = arena.object(value).and_then(|object| object.state);
    let parts = [Some(value), state].into_iter().flatten().filter_map(|part| arena.entries(part));
    for (key, part) in parts.flatten() {
        let Some(key) = arena.text(*key) else { continue };
        let key = match key {
            // How a module keeps its parts.
            "_parameters" | "_modules" => path.to_owned(),
            "_buffers" | "optimizer" | "optimizer_state_dict" => continue,
            key if path.is_empty() => shown(key),
            key if path.len() < 1000 => format!("{path}.{}", shown(key)),
            _ => return,
        };
        collect_weights(arena, *part, &key, depth + 1, visited, seen, weights);
    }
}

/// The shapes of input and output that weights of the usual layers tell, from the first and the last of them.
pub(crate) fn shapes_of_weights(weights: &[(String, Vec<u64>)]) -> (Option<Shape>, Option<Shape>) {
    let matrices: Vec<_> = weights.iter().filter(|(name, shape)| name.contains("weight") && shape.len() >= 2).collect();
    let input = matrices.first().and_then(|(name, shape)| match shape.as_slice() {
        _ if name.to_lowercase().contains("emb") => None,
        // Recurrent layers take sequences.
        [_, features] if name.contains("weight_ih") => Some(vec![None, Some(*features)]),
        [_, features] => Some(vec![Some(*features)]),
        [_, channels, kernel @ ..] => {
            let mut shape = vec![Some(*channels)];
            shape.extend(kernel.iter().map(|_| None));
            Some(shape)
        }
        _ => None,
    });
    let output = matrices.last().and_then(|(name, shape)| match shape.as_slice() {
        [units, _] if !name.contains("weight_ih") && !name.contains("weight_hh") => Some(vec![Some(*units)]),
        _ => None,
    });
    (input, output)
}
