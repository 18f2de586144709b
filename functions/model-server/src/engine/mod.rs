//! The seam between the routes and whatever holds the model. The image's `model.json` names the engine.

pub mod contributions;
pub mod python;

use crate::{Options, inputs::Batch, outputs::Outputs, served::Served};
use serde::Deserialize;
use serde_json::Value;
use std::{future::Future, pin::Pin, sync::Arc};
use tokio::time::Instant;

/// A future that an engine hands out.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something that holds one loaded model and predicts with it.
///
/// An engine begins to load when it is made; the caller need not wait for it.
pub trait Engine: Send + Sync {
    /// Waits until the model is loaded.
    ///
    /// # Errors
    /// [`Problem::Unavailable`] where loading has failed for good.
    fn ready(&self) -> Pending<'_, Result<Arc<Ready>, Problem>>;

    /// Whether the model is loaded by now.
    fn is_ready(&self) -> bool;

    /// Predicts rows, with what is asked besides, by the deadline.
    ///
    /// Dropping the future gives the answer up and leaves the engine in order.
    ///
    /// # Errors
    /// Any [`Problem`].
    fn predict(&self, batch: Arc<Batch>, asked: Asked, deadline: Instant) -> Pending<'_, Result<Outputs, Problem>>;
}

/// What is asked of an engine besides the predictions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The probabilities of the classes.
    pub probabilities: bool,
    /// How much each feature contributed.
    pub contributions: bool,
    /// That nothing which the model prints meanwhile is kept.
    pub quiet: bool,
}

/// Why an engine gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The model cannot be loaded.
    #[error("{0}")]
    Unavailable(String),
    /// The model's own code failed: the exception's type and message.
    #[error("The model failed: {kind}: {message}")]
    Model { kind: String, message: String },
    /// The model cannot do what the request asks.
    #[error("{0}")]
    Refused(String),
    /// The model's process ended while it predicted.
    #[error("The model's process ended ({0}).")]
    Ended(String),
    /// The deadline passed.
    #[error("The model took too long: no answer by the deadline.")]
    Late,
    /// Too many requests are waiting.
    #[error("Too many requests are waiting for this model; try again later.")]
    Busy,
}

/// The form in which a model takes its inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Numbers, row after row.
    #[default]
    Matrix,
    /// A table of typed columns.
    Frame,
    /// One list of values.
    List,
    /// Whatever its signature says.
    Pyfunc,
    /// One array of any number of dimensions.
    Tensor,
}

/// What an engine knows of its model once that is loaded.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Ready {
    /// The version of the Python that runs the model, if one does.
    pub python_version: Option<String>,
    /// How the model was loaded, for people.
    pub loader: String,
    /// How it takes its inputs.
    pub form: Form,
    /// The features' names, where the model was fitted with names.
    pub names: Option<Vec<String>>,
    /// The number of features.
    pub features: Option<usize>,
    /// The shape of the one array that it takes, the rows first; -1 is any length.
    pub shape: Option<Vec<i64>>,
    /// A classifier's labels, in the order of its probabilities.
    pub classes: Option<Value>,
    /// Whether it gives probabilities.
    pub probabilities: bool,
    /// Whether a row's answer is the same whatever other rows come with it.
    pub independent_rows: bool,
    /// How long loading took, in milliseconds.
    pub load_ms: f64,
    /// Python modules that loading imported.
    pub modules: u32,
    /// Whether pandas was imported.
    pub pandas: bool,
    /// Whether MLflow was imported.
    pub mlflow: bool,
}

/// Starts the engine that the image names.
///
/// # Errors
/// A sentence, where there is no engine of that name.
pub fn start(served: &Arc<Served>, options: &Options, in_lambda: bool) -> Result<Arc<dyn Engine>, String> {
    match served.model.engine.as_str() {
        "python" => Ok(Arc::new(python::Python::start(served, options, in_lambda))),
        other => Err(format!("model.json names the engine {other:?}; this server has: python.")),
    }
}
