//! Model files that come by themselves, without MLflow around them: told without running them, and written down as the
//! folder that a registered version's files are.

mod description;
mod folder;
mod reader;

use model_file::{Format, Framework, Inspection, InspectionError, Shape};

pub use description::ModelDescription;
pub use folder::{FLAVOR, description};
pub use reader::ObjectReader;

use crate::domain::deployment::ModelMetadata;
use crate::{Error, ErrorKind, Result};

/// How many imports a refusal names.
const IMPORTS_SHOWN: usize = 5;

/// A framework's name in the document.
pub fn framework_name(framework: Framework) -> &'static str {
    match framework {
        Framework::Sklearn => "sklearn",
        Framework::Pytorch => "pytorch",
        Framework::Tensorflow => "tensorflow",
        Framework::Onnx => "onnx",
        Framework::Xgboost => "xgboost",
        Framework::Lightgbm => "lightgbm",
        Framework::Other => "other",
    }
}

/// What a deployment keeps of an inspection.
pub fn metadata(inspection: &Inspection, size: u64) -> ModelMetadata {
    let shape = |shape: &Option<Shape>| shape.clone();
    ModelMetadata {
        framework: Some(framework_name(inspection.framework).to_owned()),
        model_type: Some(inspection.model_type.clone()),
        size_bytes: Some(size),
        input_shape: shape(&inspection.input_shape),
        output_shape: shape(&inspection.output_shape),
        feature_names: inspection.feature_names.clone(),
    }
}

/// The error for a file that could not be told.
pub fn refused(field: &str, error: InspectionError) -> Error {
    match error {
        InspectionError::Unreadable(cause) => Error::internal("reading a model file", cause),
        InspectionError::UnknownExtension(_) => Error::field(field, error.to_string()),
        other => Error::new(ErrorKind::ModelRefused, sentence(&other.to_string())),
    }
}

/// That an inspected file can be served and, unless it is trusted, imports nothing that no model needs.
///
/// # Errors
/// `ModelRefused`, with the reason.
pub fn check(inspection: &Inspection, trusted: bool) -> Result<()> {
    if inspection.format == Format::TorchState {
        return Err(Error::new(
            ErrorKind::ModelRefused,
            "The file holds a PyTorch model's weights without the model itself. Save the whole model, best with \
             torch.jit.script(model).save(\"model.pt\"), or with torch.save(model, \"model.pt\") where its class comes with a package \
             of the requirements file.",
        ));
    }
    if trusted || inspection.suspicious_imports.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = inspection
        .suspicious_imports
        .iter()
        .take(IMPORTS_SHOWN)
        .map(|import| format!("{}.{} ({})", import.module, import.name, import.reason))
        .collect();
    let more = inspection.suspicious_imports.len().saturating_sub(IMPORTS_SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(Error::new(
        ErrorKind::ModelRefused,
        format!(
            "Loading this file would run what no model needs: {}{more}. If you made it yourself and mean this, deploy it with \
             trusted=true.",
            shown.join(", ")
        ),
    ))
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => format!("{}{}", first.to_uppercase(), characters.as_str()),
        None => String::new(),
    }
}
