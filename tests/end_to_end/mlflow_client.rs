//! MLflow's own Python client against the platform: the oldest line that is promised, and the latest.

use std::process::Command;

use crate::support::{Cloud, python};

const SCRIPT: &str = r#"
import math, sys
import mlflow, mlflow.sklearn, numpy
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression

name = "client-" + mlflow.__version__
mlflow.set_experiment(name)
X, y = numpy.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]), [0, 1, 1, 0]
with mlflow.start_run(run_name="first") as run:
    mlflow.log_param("C", 0.5)
    mlflow.log_params({"solver": "lbfgs", "n": 3})
    for step in range(5):
        mlflow.log_metric("loss", 1.0 / (step + 1), step=step)
    mlflow.log_metrics({"accuracy": 0.9, "nan": math.nan, "infinite": math.inf})
    mlflow.set_tag("team", "data-science")
    mlflow.log_text("hello", "notes/hello.txt")
    mlflow.log_text("x" * 6_000_000, "notes/large.txt")
    model = LogisticRegression().fit(X, y)
    kwargs = {"serialization_format": "cloudpickle"}
    info = mlflow.sklearn.log_model(model, name="model", input_example=X[:1], **kwargs)

client = MlflowClient()
read = client.get_run(run.info.run_id)
assert read.info.status == "FINISHED" and read.info.run_name == "first", read.info
assert read.data.params == {"C": "0.5", "solver": "lbfgs", "n": "3"}, read.data.params
assert read.data.metrics["loss"] == 0.2 and math.isnan(read.data.metrics["nan"]), read.data.metrics
assert math.isinf(read.data.metrics["infinite"]) or read.data.metrics["infinite"] > 1e300
assert read.data.tags["team"] == "data-science"
assert [metric.step for metric in client.get_metric_history(run.info.run_id, "loss")] == list(range(5))
assert client.get_experiment_by_name(name).experiment_id == read.info.experiment_id
listed = {file.path for file in client.list_artifacts(run.info.run_id, "notes")}
assert listed == {"notes/hello.txt", "notes/large.txt"}, listed
assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes/hello.txt") == "hello"
assert len(mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes/large.txt")) == 6_000_000

version = mlflow.register_model(info.model_uri, name)
assert str(version.version) == "1", version
client.set_registered_model_alias(name, "champion", "1")
assert str(client.get_model_version_by_alias(name, "champion").version) == "1"
again = mlflow.sklearn.load_model(f"models:/{name}/1")
assert (again.predict(X) == model.predict(X)).all()
logged = mlflow.get_logged_model(info.model_id)
assert logged.source_run_id == run.info.run_id and str(logged.status).endswith("READY"), logged
try:
    client.log_param(run.info.run_id, "C", "0.6")
except mlflow.exceptions.MlflowException as error:
    assert error.error_code == "INVALID_PARAMETER_VALUE", error
else:
    raise AssertionError("a param can be changed")
print("all read back", mlflow.__version__)
"#;

async fn works_with(name: &str, packages: &'static [&'static str]) {
    let python = tokio::task::spawn_blocking({
        let name = name.to_owned();
        move || python::environment(&name, packages)
    })
    .await
    .unwrap();
    let url = Cloud::shared().client.url.clone();
    let output = tokio::task::spawn_blocking(move || {
        let settings = [
            ("MLFLOW_TRACKING_URI", url.as_str()),
            ("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true"),
            ("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "4000000"),
        ];
        python::run(Command::new(python).args(["-c", SCRIPT]).envs(settings))
    })
    .await
    .unwrap();
    assert!(output.contains("all read back"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mlflow_3_13() {
    works_with("mlflow-3.13", &["mlflow==3.13.0", "scikit-learn"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mlflow_latest() {
    works_with("mlflow-latest", &["mlflow", "scikit-learn"]).await;
}
