//! S3: its protocol by `s3s`, its files by `s3s-fs`.

use std::io;
use std::path::Path;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;

use crate::account::Credentials;
use crate::http_server::{Body, full};

/// The buckets.
#[derive(Clone)]
pub struct ObjectStorage {
    service: S3Service,
}

impl ObjectStorage {
    /// Opens the buckets' folder and makes the buckets that it lacks.
    pub fn open(folder: &Path, buckets: &[String], credentials: &Credentials) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        for bucket in buckets {
            std::fs::create_dir_all(folder.join(bucket))?;
        }
        let files = FileSystem::new(folder).map_err(|error| io::Error::other(format!("{error:?}")))?;
        let mut builder = S3ServiceBuilder::new(files);
        let key = credentials.secret_access_key.clone();
        builder.set_auth(SimpleAuth::from_single(credentials.access_key_id.clone(), key));
        Ok(Self { service: builder.build() })
    }

    /// Answers a call of S3's API; its signature is checked.
    pub async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        match self.service.call(request.map(s3s::Body::from)).await {
            Ok(response) => response.map(|body| body.map_err(io::Error::other).boxed_unsync()),
            Err(error) => {
                let mut response = Response::new(full(format!("{error:?}")));
                *response.status_mut() = StatusCode::BAD_REQUEST;
                response
            }
        }
    }
}
