//! Tables and buckets, spoken to with the AWS SDK.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier};
use local::cloud::Cloud;

use crate::http::send;
use crate::sandbox::Sandbox;

crate::tests![
    items_survive_a_restart_and_new_indexes_are_added,
    objects_are_put_read_listed_and_deleted,
    large_objects_come_in_presigned_parts,
    broken_uploads_leave_the_old_object,
    buckets_of_users_are_made_beside_the_templates,
    only_the_clouds_own_key_opens_it,
];

const STORES: &str = "  Table:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      TableName: items\n      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}, {AttributeName: sk, AttributeType: S}INDEX_ATTRIBUTE]\n      KeySchema: [{AttributeName: pk, KeyType: HASH}, {AttributeName: sk, KeyType: RANGE}]\n      TimeToLiveSpecification: {AttributeName: expires, Enabled: true}\nINDEX  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: things}}\n";

fn sandbox(index: bool) -> Sandbox {
    let (attribute, definition) = match index {
        false => ("", ""),
        true => (
            ", {AttributeName: shade, AttributeType: S}",
            "      GlobalSecondaryIndexes: [{IndexName: by-other, KeySchema: [{AttributeName: shade, KeyType: HASH}], Projection: {ProjectionType: ALL}}]\n",
        ),
    };
    Sandbox::new(&[], &STORES.replace("INDEX_ATTRIBUTE", attribute).replace("INDEX", definition))
}

macro_rules! client {
    ($sdk:ident, $cloud:expr, $key:expr) => {{
        let variables: std::collections::HashMap<_, _> = $cloud.aws_environment().into_iter().collect();
        let key = $key.unwrap_or_else(|| variables["AWS_ACCESS_KEY_ID"].clone());
        let configuration = $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region($sdk::config::Region::new("us-east-1"))
            .endpoint_url($cloud.aws_endpoint())
            .credentials_provider($sdk::config::Credentials::new(key, &variables["AWS_SECRET_ACCESS_KEY"], None, None, "test"))
            .retry_config($sdk::config::retry::RetryConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        configuration
    }};
}

fn tables(cloud: &Cloud) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::from_conf(client!(aws_sdk_dynamodb, cloud, None::<String>).build())
}

fn objects(cloud: &Cloud) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(client!(aws_sdk_s3, cloud, None::<String>).force_path_style(true).build())
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

async fn items_survive_a_restart_and_new_indexes_are_added() {
    let before = sandbox(false);
    let cloud = before.start().await;
    let client = tables(&cloud);
    for number in 0..3 {
        let put = client.put_item().table_name("items").item("pk", text("a")).item("sk", text(&number.to_string()));
        put.item("shade", text("o")).send().await.unwrap();
    }
    let taken = client.put_item().table_name("items").item("pk", text("a")).item("sk", text("0"));
    let taken = taken.condition_expression("attribute_not_exists(pk)").send().await.unwrap_err();
    assert_eq!(aws_sdk_dynamodb::error::ProvideErrorMetadata::code(&taken), Some("ConditionalCheckFailedException"));
    cloud.shutdown().await;
    // The same data under a template with an index more.
    let after = sandbox(true);
    let data = before.path().join(".serveml");
    let cloud = after.start_with(|options| options.data = data).await;
    let client = tables(&cloud);
    let query = client.query().table_name("items").key_condition_expression("pk = :p").expression_attribute_values(":p", text("a"));
    assert_eq!(query.send().await.unwrap().count(), 3);
    let by_other = client.query().table_name("items").index_name("by-other").key_condition_expression("shade = :o");
    assert_eq!(by_other.expression_attribute_values(":o", text("o")).send().await.unwrap().count(), 3);
    let lifetime = client.describe_time_to_live().table_name("items").send().await.unwrap();
    assert_eq!(lifetime.time_to_live_description().unwrap().attribute_name(), Some("expires"));
    cloud.shutdown().await;
}

async fn objects_are_put_read_listed_and_deleted() {
    let sandbox = sandbox(false);
    let cloud = sandbox.start().await;
    let client = objects(&cloud);
    let put = client.put_object().bucket("things").key("folder/größe ä.json").body(ByteStream::from_static(b"0123456789"));
    put.content_type("application/json").metadata("owner", "me").send().await.unwrap();
    let head = client.head_object().bucket("things").key("folder/größe ä.json").send().await.unwrap();
    assert_eq!((head.content_length(), head.content_type()), (Some(10), Some("application/json")));
    assert_eq!(head.metadata().unwrap()["owner"], "me");
    let part = client.get_object().bucket("things").key("folder/größe ä.json").range("bytes=2-4").send().await.unwrap();
    assert_eq!(part.content_range(), Some("bytes 2-4/10"));
    assert_eq!(part.body.collect().await.unwrap().into_bytes(), "234");
    let url =
        client.get_object().bucket("things").key("folder/größe ä.json").response_content_disposition("attachment; filename=\"x.json\"");
    let url = url.presigned(PresigningConfig::expires_in(Duration::from_secs(60)).unwrap()).await.unwrap();
    let download = crate::http::get(url.uri()).await;
    assert_eq!((download.status, download.text()), (200, "0123456789"));
    assert_eq!(download.headers["content-disposition"], "attachment; filename=\"x.json\"");
    let missing = client.get_object().bucket("things").key("nothing").send().await.unwrap_err();
    assert_eq!(missing.code(), Some("NoSuchKey"));

    // A key may be the beginning of another one.
    for key in ["a", "a/b", "a/b/c", "a/d", "b"] {
        client.put_object().bucket("things").key(key).body(ByteStream::from_static(b"x")).send().await.unwrap();
    }
    let mut keys = Vec::new();
    let mut token = None;
    loop {
        let page = client.list_objects_v2().bucket("things").max_keys(2).set_continuation_token(token).send().await.unwrap();
        keys.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
        token = page.next_continuation_token().map(String::from);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(keys, ["a", "a/b", "a/b/c", "a/d", "b", "folder/größe ä.json"]);
    let page = client.list_objects_v2().bucket("things").prefix("a/").delimiter("/").send().await.unwrap();
    assert_eq!(page.contents().iter().map(|object| object.key().unwrap()).collect::<Vec<_>>(), ["a/b", "a/d"]);
    assert_eq!(page.common_prefixes()[0].prefix(), Some("a/b/"));
    let copied = client.copy_object().bucket("things").key("copy").copy_source("things/a%2Fb").send().await.unwrap();
    assert!(copied.copy_object_result().unwrap().e_tag().is_some());
    let keys = ["a", "a/b", "a/b/c", "a/d", "b", "copy", "never-there"];
    let identifiers = keys.map(|key| ObjectIdentifier::builder().key(key).build().unwrap()).to_vec();
    let deleted = client.delete_objects().bucket("things").delete(Delete::builder().set_objects(Some(identifiers)).build().unwrap());
    assert_eq!(deleted.send().await.unwrap().deleted().len(), 7);
    client.delete_object().bucket("things").key("folder/größe ä.json").send().await.unwrap();
    assert_eq!(client.list_objects_v2().bucket("things").send().await.unwrap().key_count(), Some(0));
    cloud.shutdown().await;
}

async fn large_objects_come_in_presigned_parts() {
    let sandbox = sandbox(false);
    let cloud = sandbox.start().await;
    let client = objects(&cloud);
    let created = client.create_multipart_upload().bucket("things").key("large").content_type("application/x-large").send().await.unwrap();
    let upload = created.upload_id().unwrap().to_owned();
    let sizes = [5 * 1024 * 1024, 5 * 1024 * 1024, 1000];
    let mut parts = Vec::new();
    for (index, size) in sizes.iter().enumerate() {
        let number = index as i32 + 1;
        let part = client.upload_part().bucket("things").key("large").upload_id(&upload).part_number(number);
        let url = part.presigned(PresigningConfig::expires_in(Duration::from_secs(60)).unwrap()).await.unwrap();
        let answer = send("PUT", url.uri(), &[], vec![number as u8; *size]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let tag = answer.headers["etag"].to_str().unwrap();
        parts.push(CompletedPart::builder().part_number(number).e_tag(tag).build());
    }
    // An upload outlives the cloud.
    cloud.shutdown().await;
    let cloud = sandbox.start().await;
    let client = objects(&cloud);
    let listed = client.list_parts().bucket("things").key("large").upload_id(&upload).send().await.unwrap();
    assert_eq!(listed.parts().len(), 3);
    let complete = client.complete_multipart_upload().bucket("things").key("large").upload_id(&upload);
    let complete = complete.multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build());
    assert!(complete.send().await.unwrap().e_tag().unwrap().ends_with("-3\""));
    let object = client.get_object().bucket("things").key("large").send().await.unwrap();
    assert_eq!(object.content_type(), Some("application/x-large"));
    let bytes = object.body.collect().await.unwrap().into_bytes();
    assert_eq!(bytes.len(), sizes.iter().sum::<usize>());
    assert_eq!((bytes[0], bytes[5 * 1024 * 1024], bytes[bytes.len() - 1]), (1, 2, 3));
    cloud.shutdown().await;
}

async fn broken_uploads_leave_the_old_object() {
    let sandbox = sandbox(false);
    let cloud = sandbox.start().await;
    let client = objects(&cloud);
    client.put_object().bucket("things").key("kept").body(ByteStream::from_static(b"old")).send().await.unwrap();
    let wrong =
        client.put_object().bucket("things").key("kept").body(ByteStream::from_static(b"new")).content_md5("AAAAAAAAAAAAAAAAAAAAAA==");
    assert_eq!(wrong.send().await.unwrap_err().code(), Some("BadDigest"));
    let once = client.put_object().bucket("things").key("kept").if_none_match("*").body(ByteStream::from_static(b"new"));
    assert_eq!(once.send().await.unwrap_err().code(), Some("PreconditionFailed"));
    let object = client.get_object().bucket("things").key("kept").send().await.unwrap();
    assert_eq!(object.body.collect().await.unwrap().into_bytes(), "old");
    let escape = client.put_object().bucket("things").key("../../escaped").body(ByteStream::from_static(b"x")).send().await;
    let inside = client.get_object().bucket("things").key("../../escaped").send().await;
    assert_eq!(escape.is_ok(), inside.is_ok());
    assert!(!sandbox.path().join("escaped").exists() && !sandbox.path().join(".serveml/escaped").exists());
    cloud.shutdown().await;
}

async fn buckets_of_users_are_made_beside_the_templates() {
    let sandbox = sandbox(false);
    let cloud = sandbox.start().await;
    let client = objects(&cloud);
    client.create_bucket().bucket("features").send().await.unwrap();
    client.put_object().bucket("features").key("registry.db").body(ByteStream::from_static(b"x")).send().await.unwrap();
    assert_eq!(client.create_bucket().bucket("features").send().await.unwrap_err().code(), Some("BucketAlreadyOwnedByYou"));
    assert_eq!(client.create_bucket().bucket("things").send().await.unwrap_err().code(), Some("BucketAlreadyOwnedByYou"));
    assert_eq!(client.create_bucket().bucket("No_Name").send().await.unwrap_err().code(), Some("InvalidBucketName"));
    // They outlive the cloud, and the template's own is not theirs to remove.
    cloud.shutdown().await;
    let cloud = sandbox.start().await;
    let client = objects(&cloud);
    let listed = client.list_buckets().send().await.unwrap();
    assert_eq!(listed.buckets().iter().filter_map(|bucket| bucket.name()).collect::<Vec<_>>(), ["features", "things"]);
    assert_eq!(client.delete_bucket().bucket("features").send().await.unwrap_err().code(), Some("BucketNotEmpty"));
    client.delete_object().bucket("features").key("registry.db").send().await.unwrap();
    client.delete_bucket().bucket("features").send().await.unwrap();
    assert!(client.head_bucket().bucket("features").send().await.is_err());
    assert_eq!(client.delete_bucket().bucket("things").send().await.unwrap_err().code(), Some("AccessDenied"));
    cloud.shutdown().await;
}

async fn only_the_clouds_own_key_opens_it() {
    let sandbox = sandbox(false);
    let cloud = sandbox.start().await;
    let stranger = aws_sdk_dynamodb::Client::from_conf(client!(aws_sdk_dynamodb, cloud, Some("STRANGER".to_owned())).build());
    let refused = stranger.list_tables().send().await.unwrap_err();
    assert_eq!(aws_sdk_dynamodb::error::ProvideErrorMetadata::code(&refused), Some("UnrecognizedClientException"));
    let stranger = client!(aws_sdk_s3, cloud, Some("STRANGER".to_owned())).force_path_style(true).build();
    let refused = aws_sdk_s3::Client::from_conf(stranger).list_objects_v2().bucket("things").send().await;
    assert!(refused.is_err());
    assert_eq!(send("POST", &cloud.aws_endpoint(), &[("x-amz-target", "DynamoDB_20120810.ListTables")], "{}").await.status, 403);
    cloud.shutdown().await;
}
