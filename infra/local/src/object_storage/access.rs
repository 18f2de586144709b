//! Who calls, by its key, and whether it may.

use std::sync::Arc;

use http::Extensions;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::DeleteObjectsInput;
use s3s::path::S3Path;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result, s3_error};

use crate::rights::{Caller, Refused, Rights, required};

/// The rights of an account, as S3 asks for them.
pub struct Access(pub Arc<Rights>);

/// Stands with a request whose caller may not know that an object is missing; with the answer that it gets instead.
#[derive(Debug, Clone)]
struct Unknowing(String);

impl Access {
    fn caller(&self, credentials: Option<&s3s::auth::Credentials>) -> S3Result<Caller> {
        let caller = credentials.and_then(|credentials| self.0.caller(&credentials.access_key));
        caller.ok_or_else(|| s3_error!(AccessDenied, "Anonymous access is forbidden for this operation"))
    }
}

#[async_trait::async_trait]
impl S3Auth for Access {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let secret = self.0.secret(access_key).ok_or_else(|| s3_error!(InvalidAccessKeyId))?;
        Ok(SecretKey::from(secret))
    }
}

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let caller = self.caller(cx.credentials())?;
        if matches!(caller, Caller::Account) {
            return Ok(());
        }
        let (bucket, key) = match cx.s3_path() {
            S3Path::Root => (None, None),
            S3Path::Bucket { bucket } => (Some(&**bucket), None),
            S3Path::Object { bucket, key } => (Some(&**bucket), Some(&**key)),
        };
        let operation = cx.s3_op().name().to_owned();
        let needed = required::s3::of(&operation, bucket, key, cx.uri().query(), cx.headers());
        self.0.check(&caller, &needed).map_err(|refused| denied(&refused))?;
        let read = match operation.as_str() {
            "GetObject" | "HeadObject" => bucket.map(str::to_owned),
            "CopyObject" | "UploadPartCopy" => required::s3::copied(cx.headers()).map(|(bucket, _)| bucket),
            _ => None,
        };
        if let Some(bucket) = read {
            let list = required::s3::knowing_what_is_missing(&bucket);
            if !self.0.allows(&caller, &list) {
                cx.extensions_mut().insert(Unknowing(format!(
                    "Access Denied: the object is missing, and without {} on {} S3 does not tell that",
                    list.action, list.resource
                )));
            }
        }
        Ok(())
    }

    async fn delete_objects(&self, req: &mut S3Request<DeleteObjectsInput>) -> S3Result<()> {
        let caller = self.caller(req.credentials.as_ref())?;
        let needed: Vec<_> = req.input.delete.objects.iter().map(|object| required::s3::deleted(&req.input.bucket, &object.key)).collect();
        self.0.check(&caller, &needed).map_err(|refused| denied(&refused))
    }
}

/// The answer for an object that is not there: as S3 does, one whose caller may not list the bucket hears that it is forbidden.
pub fn missing(error: S3Error, extensions: &Extensions) -> S3Error {
    match extensions.get::<Unknowing>() {
        Some(Unknowing(message)) if *error.code() == S3ErrorCode::NoSuchKey => {
            S3Error::with_message(S3ErrorCode::AccessDenied, message.clone())
        }
        _ => error,
    }
}

fn denied(refused: &Refused) -> S3Error {
    S3Error::with_message(S3ErrorCode::AccessDenied, refused.message())
}
