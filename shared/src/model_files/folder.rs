//! The `MLmodel` file of a model that came as a single file.

use model_file::{Format, Framework, Inspection};
use serde_json::{Value, json};

/// The flavor under which the model server finds such a model.
pub const FLAVOR: &str = "model_file";

/// The packages without which a model of a framework cannot be loaded, whatever its requirements file says.
const NEEDED: [&str; 4] = ["onnxruntime", "scikit-learn", "torch", "joblib"];

/// The text of `MLmodel` for a file of that name. It is YAML by being JSON.
pub fn description(inspection: &Inspection, file_name: &str) -> String {
    let needed: Vec<String> = model_file::suggested_requirements(inspection)
        .into_iter()
        .filter(|requirement| NEEDED.contains(&requirement.split("==").next().unwrap_or_default()))
        .collect();
    let flavor = json!({
        "data": file_name,
        "format": inspection.format,
        "framework": super::framework_name(inspection.framework),
        "model_class": inspection.module,
        "packages": needed,
    });
    let mut description = json!({ "flavors": { FLAVOR: flavor } });
    if let Some(inputs) = signature(inspection) {
        // As MLflow writes it: JSON within YAML.
        description["signature"] = json!({ "inputs": inputs.to_string() });
    }
    format!("{description:#}\n")
}

/// The signature of a network's input. Estimators tell what they take when they are loaded.
fn signature(inspection: &Inspection) -> Option<Value> {
    let is_network = matches!(
        inspection.format,
        Format::TorchScript | Format::TorchPickleModule | Format::TorchState | Format::KerasArchive | Format::KerasHdf5
    );
    if !is_network || !matches!(inspection.framework, Framework::Pytorch | Framework::Tensorflow) {
        return None;
    }
    let shape = inspection.input_shape.as_ref()?;
    let lengths = shape.iter().map(|length| length.map_or(Some(-1), |length| i64::try_from(length).ok()));
    let shape: Vec<i64> = std::iter::once(Some(-1)).chain(lengths).collect::<Option<_>>()?;
    Some(json!([{ "type": "tensor", "tensor-spec": { "dtype": "float32", "shape": shape } }]))
}
