//! S3: its protocol and signatures by `s3s`, its objects as files with an index.
//!
//! The index lets keys be any text (one may be the beginning of another), pages of a list cost the same however large a
//! bucket is, and a request that breaks off or carries a wrong checksum leave the old object untouched.

mod access;
mod buckets;
mod files;
mod index;
mod operations;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use s3s::service::{S3Service, S3ServiceBuilder};

use crate::http_server::{Body, full};
use crate::rights::Rights;
use access::Access;
use buckets::Buckets;
use files::Files;
use index::Index;
use operations::Operations;

/// The buckets.
#[derive(Clone)]
pub struct ObjectStorage {
    service: S3Service,
}

impl ObjectStorage {
    /// Opens the folder of the buckets' objects; `rights` says who may do what with them.
    pub fn open(folder: &Path, buckets: &[String], rights: &Arc<Rights>) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let index = Index::open(&folder.join("index.sqlite"))?;
        let files = Files::open(folder.join("files"))?;
        let (sweeper, needed, start) = (files.clone(), index.clone(), SystemTime::now());
        // What cannot be removed now costs space only, and is tried again at the next start.
        std::thread::spawn(move || sweeper.sweep(&needed, start));
        let operations = Operations { buckets: Buckets::open(buckets, &index)?, index, files };
        let mut builder = S3ServiceBuilder::new(operations);
        builder.set_auth(Access(Arc::clone(rights)));
        builder.set_access(Access(Arc::clone(rights)));
        Ok(Self { service: builder.build() })
    }

    /// Answers a call of S3's API; its signature and its caller's rights are checked.
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
