//! Feast's own command line against the platform's AWS APIs, and what the platform's state says of its registry.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Cloud, python};

/// A feature repository as Feast's users have one: two feature views over a file, and an on-demand one over the first.
const SETTINGS: &str = "project: drivers
provider: aws
registry: s3://features/drivers/registry.db
online_store:
  type: dynamodb
  region: us-east-1
offline_store:
  type: file
entity_key_serialization_version: 3
";

const DEFINITIONS: &str = r#"
from datetime import timedelta
import pandas
from feast import Entity, FeatureView, Field, FileSource
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64, Int64

pandas.DataFrame({"driver": [1], "trips": [2], "rating": [0.5], "at": pandas.to_datetime(["2026-01-01"], utc=True)}).to_parquet("drivers.parquet")
driver = Entity(name="driver", join_keys=["driver"])
source = FileSource(path="drivers.parquet", timestamp_field="at")
trips = FeatureView(name="trips", entities=[driver], ttl=timedelta(days=1), schema=[Field(name="trips", dtype=Int64)], source=source)
ratings = FeatureView(name="ratings", entities=[driver], ttl=timedelta(days=1), schema=[Field(name="rating", dtype=Float64)], source=source)

@on_demand_feature_view(sources=[trips], schema=[Field(name="many", dtype=Float64)])
def many(inputs: pandas.DataFrame) -> pandas.DataFrame:
    return pandas.DataFrame({"many": inputs["trips"] / 10.0})
"#;

const MAKE_BUCKET: &str = "import boto3; boto3.client('s3').create_bucket(Bucket='features')";
const BREAK_REGISTRY: &str =
    "import boto3; boto3.client('s3').put_object(Bucket='features', Key='drivers/registry.db', Body=b'{\"no\": \"protobuf\"}')";

/// What `serveml environment` prints for a shell, read back.
fn environment(data: &Path) -> HashMap<String, String> {
    let printed = python::run(Command::new(env!("CARGO_BIN_EXE_serveml")).args(["environment", "--data"]).arg(data));
    let variables = printed.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn features(status: &Value) -> (Option<bool>, Option<u64>) {
    (status["feast_store_available"].as_bool(), status["feature_views"].as_u64())
}

/// Every log file of the cloud.
fn logged(data: &Path) -> String {
    let files = std::fs::read_dir(data.join("logs")).unwrap().filter_map(Result::ok);
    files.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_views_that_feast_apply_wrote_are_counted() {
    let python = tokio::task::spawn_blocking(|| python::environment("feast", &["feast[aws]"])).await.unwrap();
    let cloud = Cloud::start_with(&["--parameter", "FeastRegistry=s3://features/drivers/registry.db"]);
    let variables = environment(cloud.data());
    let repository = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::fs::write(repository.path().join("feature_store.yaml"), SETTINGS).unwrap();
    std::fs::write(repository.path().join("definitions.py"), DEFINITIONS).unwrap();
    let run = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(repository.path()).envs(&variables).env("FEAST_USAGE", "false");
        python::run(&mut command)
    };

    assert_eq!(features(&cloud.client.get("/mlops/status").await.body), (Some(false), Some(0)));
    assert!(logged(cloud.data()).contains("the Feast registry cannot be read"), "{}", logged(cloud.data()));

    run(&python, &["-c", MAKE_BUCKET]);
    let feast = python.with_file_name("feast");
    run(&feast, &["apply"]);
    let listed = run(&feast, &["feature-views", "list"]).lines().filter(|line| line.contains("FeatureView")).count();
    assert_eq!(listed, 3);
    assert_eq!(features(&cloud.client.get("/mlops/status").await.body), (Some(true), Some(3)));

    run(&python, &["-c", BREAK_REGISTRY]);
    assert_eq!(features(&cloud.client.get("/mlops/status").await.body), (Some(false), Some(0)));
    assert!(logged(cloud.data()).contains("it is no Feast registry"));
}
