//! Keras: `.keras` archives, and HDF5 files with the model's configuration as an attribute.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek};

use serde_json::Value;

use crate::archive::Archive;
use crate::error::InspectionError;
use crate::hdf5;
use crate::imports::{self, Verdict, shown};
use crate::inspection::{Format, Framework, Import, Inspection, Shape};
use crate::pickle::Dialect;

const CONFIGURATION_BYTES: u64 = 16 << 20;
const FINDINGS: usize = 100;

/// Inspects a `.keras` archive.
pub(crate) fn inspect_archive(file: &mut (impl Read + Seek), size: u64) -> Result<Inspection, InspectionError> {
    let archive = Archive::open(file, size)?;
    if !archive.contains("config.json") {
        return Err(InspectionError::Unsupported(
            "the archive was not saved by Keras: it holds no config.json; save the model with model.save(\"model.keras\")".to_owned(),
        ));
    }
    if !archive.contains("model.weights.h5") && !archive.contains("model.weights.json") {
        return Err(InspectionError::Unsupported(
            "the archive holds no weights; save the model with model.save(\"model.keras\")".to_owned(),
        ));
    }
    let configuration = parse("config.json", &archive.member(file, "config.json", CONFIGURATION_BYTES)?)?;
    let mut versions = BTreeMap::new();
    if archive.contains("metadata.json") {
        let metadata = parse("metadata.json", &archive.member(file, "metadata.json", 1 << 20)?)?;
        if let Some(version) = metadata.get("keras_version").and_then(Value::as_str) {
            versions.insert("keras".to_owned(), shown(version));
        }
    }
    describe(Format::KerasArchive, &configuration, versions)
}

/// Inspects an HDF5 file.
pub(crate) fn inspect_hdf5(file: &mut (impl Read + Seek), size: u64) -> Result<Inspection, InspectionError> {
    let attributes = hdf5::root_attributes(file, size, &["model_config", "keras_version", "backend"])?;
    let Some(configuration) = attributes.get("model_config") else {
        return Err(InspectionError::Unsupported(
            "the HDF5 file holds no Keras model, perhaps its weights alone: save the whole model with model.save".to_owned(),
        ));
    };
    let configuration = parse("model_config", configuration)?;
    let mut versions = BTreeMap::new();
    for (attribute, name) in [("keras_version", "keras"), ("backend", "keras_backend")] {
        if let Some(Ok(text)) = attributes.get(attribute).map(|text| std::str::from_utf8(text)) {
            versions.insert(name.to_owned(), shown(text));
        }
    }
    describe(Format::KerasHdf5, &configuration, versions)
}

fn parse(part: &str, content: &[u8]) -> Result<Value, InspectionError> {
    serde_json::from_slice(content).map_err(|error| InspectionError::damaged(part, 0, format!("it is not JSON: {error}")))
}

fn describe(format: Format, model: &Value, package_versions: BTreeMap<String, String>) -> Result<Inspection, InspectionError> {
    let Some(class) = model.get("class_name").and_then(Value::as_str) else {
        return Err(InspectionError::damaged("the model's configuration", 0, "it names no class"));
    };
    let module = model.get("module").and_then(Value::as_str).unwrap_or("keras");
    let mut findings = Findings::default();
    findings.search(model);
    Ok(Inspection {
        format,
        framework: Framework::Tensorflow,
        model_type: shown(class),
        module: shown(&format!("{module}.{class}")),
        input_shape: input_shape(model, 0),
        output_shape: output_shape(model, 0),
        feature_names: None,
        package_versions,
        packages: BTreeSet::from(["keras".to_owned()]),
        suspicious_imports: findings.suspicious.into_iter().collect(),
        unknown_imports: findings.unknown.into_iter().collect(),
    })
}

#[derive(Default)]
struct Findings {
    suspicious: BTreeSet<Import>,
    unknown: BTreeSet<Import>,
}

impl Findings {
    /// Searches a configuration for what runs code; serde_json bounds its depth.
    fn search(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.search(item)),
            Value::Object(entries) => {
                self.judge(value);
                entries.values().for_each(|entry| self.search(entry));
            }
            _ => {}
        }
    }

    fn judge(&mut self, object: &Value) {
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        let Some(class) = text("class_name") else { return };
        let module = text("module").unwrap_or("keras");
        let carries = match class {
            "Lambda" | "__lambda__" => Some("it carries Python code in the file, which would run here"),
            "TorchModuleWrapper" => Some("it carries a pickled PyTorch module in the file"),
            "function" if !is_keras(text("module").unwrap_or_default()) && text("module") != Some("builtins") => {
                Some("it names a function to be imported")
            }
            _ => None,
        };
        if let Some(reason) = carries {
            self.list(true, module, class, reason.to_owned());
            return;
        }
        match text("module") {
            Some(module) if !(is_keras(module) || module == "builtins" && is_builtin(class)) => {
                match imports::judge(module, class, Dialect::Python) {
                    Verdict::Safe => {}
                    Verdict::Suspicious(reason) => self.list(true, module, class, reason),
                    Verdict::Unknown(reason) => self.list(false, module, class, reason),
                }
            }
            // A class that its author registered: its code must be imported before the model is loaded.
            None if text("registered_name").is_some_and(|name| name.contains('>') && !name.starts_with("keras")) => {
                let reason = "it is a class that its author registered, whose package must be among the requirements";
                self.list(false, module, class, reason.to_owned());
            }
            _ => {}
        }
        // A plain function is named by its configuration: `{"module": "builtins", "config": "my_function"}`.
        if class == "function"
            && text("module") == Some("builtins")
            && let Some(name) = text("config").or_else(|| text("registered_name"))
            && let Verdict::Suspicious(reason) = imports::judge("builtins", name, Dialect::Python)
            && (name.contains('.') || PYTHON_FUNCTIONS.contains(&name))
        {
            self.list(true, "builtins", name, reason);
        }
    }

    fn list(&mut self, suspicious: bool, module: &str, name: &str, reason: String) {
        let list = if suspicious { &mut self.suspicious } else { &mut self.unknown };
        if list.len() < FINDINGS {
            list.insert(Import { module: shown(module), name: shown(name), reason });
        }
    }
}

/// Python's functions that no layer's function is named after.
const PYTHON_FUNCTIONS: [&str; 9] = ["__import__", "breakpoint", "compile", "eval", "exec", "getattr", "input", "open", "setattr"];

fn is_keras(module: &str) -> bool {
    // Its helpers that load and unpack files are no layers.
    let helper = module.split('.').any(|part| matches!(part, "utils" | "saving" | "export" | "trainers" | "backend" | "wrappers"));
    matches!(imports::top_level(module), "keras" | "tf_keras") && !helper
        || matches!(module, "tensorflow.keras.layers" | "tensorflow.python.keras")
}

fn is_builtin(class: &str) -> bool {
    matches!(class, "function" | "dict" | "list" | "tuple" | "int" | "float" | "str" | "bool" | "slice" | "NoneType")
}

/// How deep models in models are followed.
const DEPTH: usize = 8;

fn layers(model: &Value) -> &[Value] {
    let configuration = model.get("config").unwrap_or(model);
    configuration
        .get("layers")
        .and_then(Value::as_array)
        // The first Keras wrote the list itself as a Sequential's configuration.
        .or_else(|| configuration.as_array())
        .map_or(&[], Vec::as_slice)
}

/// A shape without its batch dimension.
fn shape(value: &Value) -> Option<Shape> {
    let lengths = value.as_array()?;
    // Several inputs are a list of shapes, or a dict of them: they have no one shape.
    let (batch, rest) = lengths.split_first()?;
    if !(batch.is_null() || batch.is_u64()) || rest.len() > 16 {
        return None;
    }
    rest.iter()
        .map(|length| match length {
            Value::Null => Some(None),
            length => length.as_u64().map(Some),
        })
        .collect()
}

fn configured<'a>(layer: &'a Value, key: &str) -> Option<&'a Value> {
    layer.get("config")?.get(key).filter(|value| !value.is_null())
}

fn input_shape(model: &Value, depth: usize) -> Option<Shape> {
    if depth > DEPTH {
        return None;
    }
    let own = |layer: &Value| ["batch_shape", "batch_input_shape"].iter().find_map(|key| shape(configured(layer, key)?));
    let all = layers(model);
    let inputs: Vec<&Value> = all.iter().filter(|layer| layer.get("class_name").and_then(Value::as_str) == Some("InputLayer")).collect();
    match inputs.as_slice() {
        [input] => own(input),
        [] => all.first().and_then(|first| own(first).or_else(|| input_shape(first, depth + 1))).or_else(|| built_shape(model)),
        _ => None,
    }
}

/// The shape for which a model or a layer was built.
fn built_shape(layer: &Value) -> Option<Shape> {
    let built = layer.get("build_config")?;
    shape(built.get("input_shape").or_else(|| built.get("shapes_dict")?.get("input_shape"))?)
}

fn output_shape(model: &Value, depth: usize) -> Option<Shape> {
    if depth > DEPTH {
        return None;
    }
    let all = layers(model);
    let last = match configured(model, "output_layers") {
        Some(outputs) => {
            let name = one_output(outputs)?;
            let position = all
                .iter()
                .position(|layer| layer.get("name").or_else(|| configured(layer, "name")).and_then(Value::as_str) == Some(name))?;
            return output_of_layer(&all[position], depth);
        }
        None => all,
    };
    // Activations, dropout and the like leave the shape as it is.
    last.iter().rev().find(|layer| !is_passing(layer)).and_then(|layer| output_of_layer(layer, depth))
}

/// The name in `[["dense", 0, 0]]` or `["dense", 0, 0]`, where there is one output.
fn one_output(outputs: &Value) -> Option<&str> {
    match outputs.as_array()?.as_slice() {
        [Value::Array(one)] => one.first()?.as_str(),
        [Value::String(name), _, _] => Some(name),
        _ => None,
    }
}

fn is_passing(layer: &Value) -> bool {
    matches!(
        layer.get("class_name").and_then(Value::as_str),
        Some(
            "Activation"
                | "Dropout"
                | "BatchNormalization"
                | "LayerNormalization"
                | "Softmax"
                | "ReLU"
                | "LeakyReLU"
                | "ELU"
                | "PReLU"
                | "GaussianNoise"
                | "ActivityRegularization"
        )
    )
}

fn output_of_layer(layer: &Value, depth: usize) -> Option<Shape> {
    if !layers(layer).is_empty() {
        return output_shape(layer, depth + 1);
    }
    if is_passing(layer) {
        return built_shape(layer);
    }
    if configured(layer, "return_sequences").and_then(Value::as_bool) == Some(true) {
        return configured(layer, "units").and_then(Value::as_u64).map(|units| vec![None, Some(units)]);
    }
    let units = configured(layer, "units").and_then(Value::as_u64)?;
    // A dense layer keeps all dimensions but the last.
    match built_shape(layer) {
        Some(mut shape) if layer.get("class_name").and_then(Value::as_str) == Some("Dense") => {
            *shape.last_mut()? = Some(units);
            Some(shape)
        }
        _ => Some(vec![Some(units)]),
    }
}
