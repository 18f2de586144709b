//! Training scripts, and requests that send them.

use serde_json::{Value, json};

/// A model that trains in no time and answers with a constant, told by the caller: which version answers is in the
/// answer itself.
pub fn constant(value: i64) -> String {
    format!(
        r#"
import mlflow, mlflow.sklearn, numpy
from sklearn.dummy import DummyRegressor

with mlflow.start_run():
    model = DummyRegressor(strategy="constant", constant={value})
    model.fit(numpy.zeros((2, 2)), [0, 1])
    mlflow.sklearn.log_model(model, "model")
"#
    )
}

/// A request to deploy or train a script under a model's name.
pub fn request(model_name: &str, script: &str) -> Value {
    json!({
        "script_name": "train.py",
        "script_content": script,
        "experiment_name": "end-to-end",
        "model_name": model_name,
        "requirements": ["scikit-learn"],
    })
}

/// The same for a script that needs no package: MLflow alone is installed.
pub fn bare_request(model_name: &str, script: &str) -> Value {
    let mut request = request(model_name, script);
    request["requirements"] = json!([]);
    request
}

/// The "Complete Example Script" of the MLOps document, as it stands there.
pub fn documents_example() -> String {
    let document = include_str!("../documents/mlops-api-v5.md");
    let (_, rest) = document.split_once("### Complete Example Script").unwrap();
    let (_, rest) = rest.split_once("```python\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}
