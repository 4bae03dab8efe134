//! A bucket of an S3-compatible store.

use super::Blob;
use dalston_auth::SecretText;
use dalston_model::Timestamp;
use futures_util::StreamExt;
use object_store::{
    ClientOptions, Error, ObjectStore, ObjectStoreExt, RetryConfig, WriteMultipart, aws::AmazonS3Builder, path,
};
use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use thiserror::Error;
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

/// Timeout for connecting.
const CONNECT: Duration = Duration::from_secs(5);
/// Timeout of one step, such as sending a part or receiving a piece. A timeout counts as an outage.
const STEP: Duration = Duration::from_mins(1);
/// Maximum time that an unresponsive bucket delays the start.
const CHECK: Duration = Duration::from_secs(10);
/// Maximum number of retries of a request, and maximum total time for them.
const RETRIES: usize = 3;
const RETRYING: Duration = Duration::from_secs(15);
/// Size of an uploaded part in bytes: the minimum of S3. The maximum of 10,000 parts allows objects of 48 GiB.
const PART: usize = 5 * 1024 * 1024;
/// Maximum number of parts in flight.
const PARTS: usize = 2;
/// Number of bytes read from a file at a time.
const PIECE: usize = 256 * 1024;

/// The location of a bucket, and the credentials for it.
#[derive(Debug, Clone)]
pub struct BucketParts {
    /// The name of the bucket.
    pub bucket: String,
    /// The prefix of all object names, without a slash at either end.
    pub prefix: String,
    /// The URL of the server; `None` for Amazon's.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
    /// The access key id.
    pub access_key: String,
    /// The secret access key.
    pub secret_key: SecretText,
}

/// A client of a bucket.
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: String,
    /// Whether the last request was answered; `None` before the first.
    answered: Mutex<Option<bool>>,
}

/// Why the bucket is unusable until a setting or a permission changes.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum BucketError {
    /// The server has no such bucket.
    #[error("the server has no such bucket")]
    Missing,
    /// The server refuses this action.
    #[error(
        "the server refuses {0}: AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is wrong, or lacks a permission; \
         PutObject, GetObject, DeleteObject, AbortMultipartUpload and ListBucket are needed"
    )]
    Forbidden(&'static str),
}

/// An object in a listing.
pub(super) struct ListedObject {
    /// The object's name within its folder.
    pub(super) name: String,
    /// When the object was last modified.
    pub(super) modified: Timestamp,
}

impl Bucket {
    /// Creates a client with these settings. Makes no request.
    pub fn open(parts: BucketParts) -> io::Result<Self> {
        dalston_tls::install_provider();
        let options = ClientOptions::new().with_connect_timeout(CONNECT).with_timeout_disabled();
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRYING, ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(parts.bucket)
            .with_region(parts.region)
            .with_access_key_id(parts.access_key)
            .with_secret_access_key(parts.secret_key.expose())
            // Not every server supports bulk delete.
            .with_disable_bulk_delete(true)
            .with_client_options(options)
            .with_retry(retry);
        if let Some(endpoint) = parts.endpoint {
            // The scheme of the configured endpoint determines whether plain HTTP is used.
            builder = builder.with_allow_http(endpoint.starts_with("http://")).with_endpoint(endpoint);
        }
        let store = builder.build().map_err(io::Error::other)?;
        Ok(Self { store: Arc::new(store), prefix: parts.prefix, answered: Mutex::default() })
    }

    /// Whether the last request was answered; `None` before the first.
    pub(super) fn is_answered(&self) -> Option<bool> {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes, reads, lists and deletes a test object, to find missing settings and permissions.
    ///
    /// An outage is logged and is not an error, since it may end.
    pub(super) async fn check(&self) -> Result<(), BucketError> {
        let path = self.within("check", None);
        let get = async || self.store.get(&path).await?.bytes().await.map(drop);
        let list = async || self.store.list(Some(&self.within("audio", None))).next().await.transpose().map(drop);
        let checked = async {
            examined("PutObject", self.store.put(&path, "".into()).await.map(drop))?;
            examined("GetObject", get().await)?;
            // `object_store` does not report why a list failed. A server that has just answered twice refuses it.
            list().await.map_err(|_| BucketFlaw::Lasting(BucketError::Forbidden("ListBucket")))?;
            examined("DeleteObject", self.store.delete(&path).await)
        };
        let checked =
            timeout(CHECK, checked).await.unwrap_or_else(|_| Err(BucketFlaw::Outage("no answer in time".to_owned())));
        self.note(checked.is_ok());
        match checked {
            Ok(()) => Ok(()),
            Err(BucketFlaw::Lasting(error)) => Err(error),
            Err(BucketFlaw::Outage(error)) => {
                tracing::warn!(event = "blobs.unavailable", error, "the blob store is not available");
                Ok(())
            }
        }
    }

    fn note(&self, is_answered: bool) {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(is_answered);
    }

    /// Returns the result unchanged, and records whether the bucket answered.
    fn noted<T>(&self, result: io::Result<T>) -> io::Result<T> {
        match &result {
            Err(error) if is_outage(error) => self.note(false),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {}
            _ => self.note(true),
        }
        result
    }

    /// Distinguishes a missing object from a missing bucket: the server, or a proxy in front of it, answers 404 to
    /// both.
    ///
    /// Lists the bucket after a "not found". If that succeeds, the object is missing; otherwise the failure is an
    /// outage.
    async fn located<T>(&self, result: io::Result<T>) -> io::Result<T> {
        let is_missing = result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        if is_missing {
            self.listed("audio", None, 1).await?;
        }
        result
    }

    /// Uploads a file as an object, part by part.
    pub(super) async fn put(&self, blob: &Blob, from: &Path) -> io::Result<()> {
        let file = File::open(from).await?;
        // On a write, "not found" refers to the bucket, and is an outage.
        let put = self.put_parts(blob, file).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::new(io::ErrorKind::HostUnreachable, error),
            _ => error,
        });
        self.noted(put)
    }

    async fn put_parts(&self, blob: &Blob, mut file: File) -> io::Result<()> {
        let upload = step(self.store.put_multipart(&self.path(blob))).await?;
        let mut parts = WriteMultipart::new_with_chunk_size(upload, PART);
        let mut piece = vec![0; PIECE];
        let sent = async {
            loop {
                let read = file.read(&mut piece).await?;
                if read == 0 {
                    return Ok(());
                }
                step(parts.wait_for_capacity(PARTS)).await?;
                parts.write(&piece[..read]);
            }
        };
        match sent.await {
            Ok(()) => step(parts.finish()).await.map(|_| ()),
            Err(error) => {
                // If the abort fails, a lifecycle rule of the bucket must delete the parts that the server keeps.
                let _ = step(parts.abort()).await;
                Err(error)
            }
        }
    }

    /// Downloads an object into a file, which is overwritten if it exists.
    pub(super) async fn fetch(&self, blob: &Blob, to: &Path) -> io::Result<()> {
        let fetched = self.fetch_pieces(blob, to).await;
        self.noted(self.located(fetched).await)
    }

    async fn fetch_pieces(&self, blob: &Blob, to: &Path) -> io::Result<()> {
        let mut pieces = step(self.store.get(&self.path(blob))).await?.into_stream();
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(to).await?;
        while let Some(piece) = timeout(STEP, pieces.next()).await? {
            file.write_all(&piece.map_err(|error| fault(&error))?).await?;
        }
        file.flush().await
    }

    /// Whether the object exists.
    pub(super) async fn has(&self, blob: &Blob) -> io::Result<bool> {
        let found = step(self.store.head(&self.path(blob))).await;
        match self.noted(self.located(found).await) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes an object, if it exists.
    pub(super) async fn delete(&self, blob: &Blob) -> io::Result<()> {
        let deleted = step(self.store.delete(&self.path(blob))).await;
        super::folder::gone(self.noted(self.located(deleted).await))
    }

    /// Lists up to `limit` objects of a folder whose names come after `after`, ordered by name.
    pub(super) async fn list(&self, folder: &str, after: Option<&str>, limit: usize) -> io::Result<Vec<ListedObject>> {
        self.noted(self.listed(folder, after, limit).await)
    }

    async fn listed(&self, folder: &str, after: Option<&str>, limit: usize) -> io::Result<Vec<ListedObject>> {
        let within = self.within(folder, None);
        let mut found = match after {
            Some(name) => self.store.list_with_offset(Some(&within), &self.within(folder, Some(name))),
            None => self.store.list(Some(&within)),
        };
        let mut listed = Vec::new();
        while listed.len() < limit
            && let Some(object) = timeout(STEP, found.next()).await?
        {
            // A folder without objects yields an empty list, so "not found" refers to the bucket.
            let object = object.map_err(|error| outage(&error))?;
            let modified = Timestamp::from_micros(object.last_modified.timestamp_micros());
            listed.push(ListedObject { name: object.location.filename().unwrap_or_default().to_owned(), modified });
        }
        Ok(listed)
    }

    fn path(&self, blob: &Blob) -> path::Path {
        self.within(blob.folder(), Some(&blob.name()))
    }

    fn within(&self, folder: &str, name: Option<&str>) -> path::Path {
        self.prefix.split('/').filter(|part| !part.is_empty()).chain([folder]).chain(name).collect()
    }
}

/// Runs one step with a timeout of [`STEP`].
async fn step<T>(asked: impl Future<Output = object_store::Result<T>>) -> io::Result<T> {
    timeout(STEP, asked).await?.map_err(|error| fault(&error))
}

/// Converts an error of the object store to an I/O error. Its text is for the log and contains no secret key.
fn fault(error: &Error) -> io::Error {
    match error {
        Error::NotFound { .. } => io::Error::new(io::ErrorKind::NotFound, error.to_string()),
        _ => outage(error),
    }
}

fn outage(error: &Error) -> io::Error {
    io::Error::new(io::ErrorKind::HostUnreachable, error.to_string())
}

/// Whether the error is an outage of the bucket, not an error of this machine.
pub(crate) fn is_outage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::HostUnreachable | io::ErrorKind::TimedOut)
}

/// A problem that a check found.
enum BucketFlaw {
    Lasting(BucketError),
    Outage(String),
}

fn examined(action: &'static str, result: object_store::Result<()>) -> Result<(), BucketFlaw> {
    result.map_err(|error| match error {
        Error::NotFound { .. } => BucketFlaw::Lasting(BucketError::Missing),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            BucketFlaw::Lasting(BucketError::Forbidden(action))
        }
        other => BucketFlaw::Outage(other.to_string()),
    })
}
