//! The template's rights, as functions and state machines meet them.

use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, TransactWriteItem};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use local::cloud::Cloud;
use serde_json::{Value, json};

use crate::http::get;
use crate::sandbox::Sandbox;

crate::tests![
    a_function_may_do_what_its_policies_allow_and_nothing_else,
    without_the_right_to_list_a_missing_object_is_forbidden,
    a_function_may_pass_only_the_role_that_it_is_allowed_to,
    a_report_tells_rights_that_were_not_used,
];

const POLICIES: &str = "Policies:
  - Statement:
      - {Effect: Allow, Action: [dynamodb:GetItem, dynamodb:PutItem], Resource: !GetAtt Table.Arn}
      - {Effect: Allow, Action: 's3:*Object', Resource: !Sub '${Bucket.Arn}/own/*'}
      - {Effect: Allow, Action: 's3:ListBucket', Resource: !GetAtt Bucket.Arn, Condition: {StringLike: {'s3:prefix': own/*}}}
      - {Effect: Allow, Action: 'lambda:CreateFunction', Resource: '*'}
      - {Effect: Allow, Action: 'iam:PassRole', Resource: !Sub 'arn:aws:iam::${AWS::AccountId}:role/model'}
";

const STORES: &str = "  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: items
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: things}}
";

fn sandbox() -> Sandbox {
    Sandbox::new(&[("plain", POLICIES)], STORES)
}

/// A client of a service with the function's key.
macro_rules! client {
    ($sdk:ident, $cloud:expr) => {{
        let key = $cloud.rights().credentials("plain");
        $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region($sdk::config::Region::new("us-east-1"))
            .endpoint_url($cloud.aws_endpoint())
            .credentials_provider($sdk::config::Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test"))
            .retry_config($sdk::config::retry::RetryConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
    }};
}

fn tables(cloud: &Cloud) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::from_conf(client!(aws_sdk_dynamodb, cloud).build())
}

fn objects(cloud: &Cloud) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(client!(aws_sdk_s3, cloud).force_path_style(true).build())
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

async fn a_function_may_do_what_its_policies_allow_and_nothing_else() {
    let sandbox = sandbox();
    let cloud = sandbox.start().await;
    let client = tables(&cloud);
    client.put_item().table_name("items").item("pk", text("a")).send().await.unwrap();
    assert!(client.get_item().table_name("items").key("pk", text("a")).send().await.unwrap().item().is_some());
    let refused = client.delete_item().table_name("items").key("pk", text("a")).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDeniedException"));
    let message = refused.message().unwrap();
    assert!(message.contains("not authorized to perform: dynamodb:DeleteItem on resource: arn:aws:dynamodb:"), "{message}");
    let check = ConditionCheck::builder().table_name("items").key("pk", text("a")).condition_expression("attribute_exists(pk)");
    let check = TransactWriteItem::builder().condition_check(check.build().unwrap()).build();
    let refused = client.transact_write_items().transact_items(check).send().await.unwrap_err();
    assert!(refused.message().unwrap().contains("dynamodb:ConditionCheckItem"), "{refused:?}");

    let client = objects(&cloud);
    client.put_object().bucket("things").key("own/a").body(ByteStream::from_static(b"x")).send().await.unwrap();
    let other = client.put_object().bucket("things").key("other/a").body(ByteStream::from_static(b"x")).send().await;
    assert_eq!(other.unwrap_err().code(), Some("AccessDenied"));
    assert_eq!(client.list_objects_v2().bucket("things").prefix("own/").send().await.unwrap().contents().len(), 1);
    assert_eq!(client.list_objects_v2().bucket("things").send().await.unwrap_err().code(), Some("AccessDenied"));
    // A presigned address may do what who signed it may do.
    let valid = || PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
    let own = client.get_object().bucket("things").key("own/a").presigned(valid()).await.unwrap();
    assert_eq!(get(own.uri()).await.text(), "x");
    let other = client.get_object().bucket("things").key("other/a").presigned(valid()).await.unwrap();
    assert_eq!(get(other.uri()).await.status, 403);
    cloud.shutdown().await;
}

async fn without_the_right_to_list_a_missing_object_is_forbidden() {
    let listing = POLICIES.replace(", Condition: {StringLike: {'s3:prefix': own/*}}", "");
    for (policies, status) in [(POLICIES, 403), (&listing, 404)] {
        let sandbox = Sandbox::new(&[("plain", policies)], STORES);
        let cloud = sandbox.start().await;
        let client = objects(&cloud);
        let head = client.head_object().bucket("things").key("own/missing").send().await.unwrap_err();
        assert_eq!(head.raw_response().unwrap().status().as_u16(), status);
        let read = client.get_object().bucket("things").key("own/missing").send().await.unwrap_err();
        assert_eq!(read.raw_response().unwrap().status().as_u16(), status);
        cloud.shutdown().await;
    }
}

async fn a_function_may_pass_only_the_role_that_it_is_allowed_to() {
    let sandbox = sandbox();
    let cloud = sandbox.start().await;
    let client = aws_sdk_lambda::Client::from_conf(client!(aws_sdk_lambda, cloud).build());
    let create = async |role: &str| {
        let code = aws_sdk_lambda::types::FunctionCode::builder().build();
        let role = format!("arn:aws:iam::000000000000:role/{role}");
        let sent = client.create_function().function_name("f").role(role).code(code).send().await.unwrap_err();
        aws_sdk_lambda::error::ProvideErrorMetadata::code(&sent).unwrap().to_owned()
    };
    assert_eq!(create("other").await, "AccessDeniedException");
    // Allowed, and refused for what it is.
    assert_eq!(create("model").await, "InvalidParameterValueException");
    let functions = client.list_functions().send().await.unwrap_err();
    assert_eq!(aws_sdk_lambda::error::ProvideErrorMetadata::code(&functions), Some("AccessDeniedException"));
    cloud.shutdown().await;
}

async fn a_report_tells_rights_that_were_not_used() {
    let sandbox = sandbox();
    let folder = sandbox.path().join("report");
    let cloud = sandbox.start_with(|options| options.rights_report = Some(folder.clone())).await;
    let client = tables(&cloud);
    client.get_item().table_name("items").key("pk", text("a")).send().await.unwrap();
    client.scan().table_name("items").send().await.unwrap_err();
    cloud.shutdown().await;
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let report: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(report["statements"][0]["owner"], "F0");
    assert_eq!(report["statements"][0]["actions"], json!({"dynamodb:getitem": 1, "dynamodb:putitem": 0}));
    assert_eq!(report["refused"][0]["action"], "dynamodb:Scan");
}
