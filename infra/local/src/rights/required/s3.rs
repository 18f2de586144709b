//! S3: reading, writing and listing, whatever the operation is called.

use http::{HeaderMap, header};

use crate::gateway::decode;
use crate::rights::Needed;

/// What an operation needs on a bucket, or on an object of it; beside the operation's name the query and the headers count.
pub fn of(operation: &str, bucket: Option<&str>, key: Option<&str>, query: Option<&str>, headers: &HeaderMap) -> Vec<Needed> {
    let on_bucket = bucket.map_or_else(|| "*".to_owned(), bucket_arn);
    let on_object = match (bucket, key) {
        (Some(bucket), Some(key)) => object_arn(bucket, key),
        _ => on_bucket.clone(),
    };
    let has = |name: &str| headers.contains_key(name);
    match operation {
        "ListBuckets" => vec![Needed::new("s3:ListAllMyBuckets", "*")],
        "HeadBucket" => vec![Needed::new("s3:ListBucket", on_bucket)],
        "ListObjects" | "ListObjectsV2" => vec![listing(on_bucket, query.unwrap_or_default())],
        "ListMultipartUploads" => vec![Needed::new("s3:ListBucketMultipartUploads", on_bucket)],
        "ListParts" => vec![Needed::new("s3:ListMultipartUploadParts", on_object)],
        "GetObject" | "HeadObject" => vec![Needed::new("s3:GetObject", on_object)],
        "PutObject" | "CreateMultipartUpload" | "UploadPart" | "UploadPartCopy" | "CompleteMultipartUpload" | "CopyObject" => {
            let mut needed = vec![Needed::new("s3:PutObject", on_object.clone())];
            // What it depends on is read.
            if has(header::IF_MATCH.as_str()) && matches!(operation, "PutObject" | "CompleteMultipartUpload") {
                needed.push(Needed::new("s3:GetObject", on_object.clone()));
            }
            if has("x-amz-tagging") {
                needed.push(Needed::new("s3:PutObjectTagging", on_object.clone()));
            }
            if has("x-amz-acl") {
                needed.push(Needed::new("s3:PutObjectAcl", on_object));
            }
            needed.extend(copied(headers).map(|(bucket, key)| Needed::new("s3:GetObject", object_arn(&bucket, &key))));
            needed
        }
        // Which objects stands in the body: `deleted` says it.
        "DeleteObjects" => Vec::new(),
        other => vec![Needed::new(format!("s3:{other}"), on_object)],
    }
}

/// What the removal of one of several objects needs.
pub fn deleted(bucket: &str, key: &str) -> Needed {
    Needed::new("s3:DeleteObject", object_arn(bucket, key))
}

/// What a caller needs to hear that an object is missing: without the right to list, S3 says that it is forbidden. There is no
/// prefix here, so that a right to list some prefixes does not help.
pub fn knowing_what_is_missing(bucket: &str) -> Needed {
    Needed::new("s3:ListBucket", bucket_arn(bucket))
}

/// The bucket and the key that a call copies from.
pub fn copied(headers: &HeaderMap) -> Option<(String, String)> {
    let source = headers.get("x-amz-copy-source")?.to_str().ok()?;
    let source = source.split_once("?versionId=").map_or(source, |(source, _)| source);
    let source = decode(source.trim_start_matches('/')).into_owned();
    source.split_once('/').map(|(bucket, key)| (bucket.to_owned(), key.to_owned()))
}

fn listing(bucket: String, query: &str) -> Needed {
    let mut needed = Needed::new("s3:ListBucket", bucket);
    for (name, key) in [("prefix", "s3:prefix"), ("delimiter", "s3:delimiter"), ("max-keys", "s3:max-keys")] {
        let value = query.split('&').find_map(|pair| pair.split_once('=').filter(|(other, _)| *other == name));
        if let Some((_, value)) = value {
            needed = needed.with(key, decode(&value.replace('+', " ")).into_owned());
        }
    }
    needed
}

fn bucket_arn(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}")
}

fn object_arn(bucket: &str, key: &str) -> String {
    format!("arn:aws:s3:::{bucket}/{key}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of_call(operation: &str, key: Option<&str>, query: Option<&str>, headers: &[(&'static str, &str)]) -> Vec<String> {
        let headers = headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect();
        let short = |needed: Needed| format!("{} {}", needed.action, needed.resource.trim_start_matches("arn:aws:s3:::"));
        super::of(operation, Some("b"), key, query, &headers).into_iter().map(short).collect()
    }

    #[test]
    fn reading_and_writing_have_one_right_each() {
        assert_eq!(of_call("HeadObject", Some("k"), None, &[]), ["s3:GetObject b/k"]);
        for operation in ["PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"] {
            assert_eq!(of_call(operation, Some("k"), None, &[]), ["s3:PutObject b/k"]);
        }
        assert_eq!(of_call("PutObject", Some("k"), None, &[("if-match", "x")]), ["s3:PutObject b/k", "s3:GetObject b/k"]);
        assert_eq!(of_call("CopyObject", Some("k"), None, &[("x-amz-copy-source", "b/a%20b")]), ["s3:PutObject b/k", "s3:GetObject b/a b"]);
        assert_eq!(of_call("AbortMultipartUpload", Some("k"), None, &[]), ["s3:AbortMultipartUpload b/k"]);
        assert_eq!(of_call("DeleteObject", Some("k"), None, &[]), ["s3:DeleteObject b/k"]);
    }

    #[test]
    fn a_list_says_its_prefix() {
        let needed = super::of("ListObjectsV2", Some("b"), None, Some("list-type=2&prefix=artifacts%2F1"), &HeaderMap::new());
        assert_eq!(needed[0].context("s3:prefix"), Some("artifacts/1"));
        assert_eq!(needed[0].resource, "arn:aws:s3:::b");
        assert_eq!(knowing_what_is_missing("b").context("s3:prefix"), None);
    }
}
