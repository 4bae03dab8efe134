//! A small S3-compatible server: objects in memory, put whole or in parts, listed in pages.

use crate::app::Start;
use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    rt::System,
    web::{Bytes, Data, PayloadConfig, Query, to},
};
use std::{
    collections::{BTreeMap, HashMap},
    net::TcpListener,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
};

/// Who may ask, and with what.
const ACCESS: &str = "access-of-the-tests";
const SECRET: &str = "secret-of-the-bucket-0123456789";
/// When all objects were written: before the clocks of the tests.
const MODIFIED: [&str; 2] = ["Wed, 31 Dec 2025 20:00:00 GMT", "2025-12-31T20:00:00.000Z"];
/// Objects of a page.
const PAGE: usize = 3;

/// The server, with one bucket.
pub struct S3 {
    url: String,
    shelf: Arc<Shelf>,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shelf {
    objects: Mutex<BTreeMap<String, Bytes>>,
    uploads: Mutex<HashMap<String, BTreeMap<u32, Bytes>>>,
    is_away: AtomicBool,
}

impl Shelf {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn uploads(&self) -> MutexGuard<'_, HashMap<String, BTreeMap<u32, Bytes>>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl S3 {
    /// Starts one with an empty bucket.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shelf = Arc::new(Shelf::default());
        let (send, started) = mpsc::channel();
        let shared = Data::from(shelf.clone());
        let thread = thread::spawn(move || {
            System::new().block_on(async move {
                let app = move || {
                    let limit = PayloadConfig::new(64 << 20);
                    App::new().app_data(shared.clone()).app_data(limit).default_service(to(serve))
                };
                let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run();
                send.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Self { url, shelf, server: started.recv().unwrap(), thread: Some(thread) }
    }

    /// A gateway that keeps audio and results here.
    pub fn configure(&self, start: Start) -> Start {
        crate::log::guard(SECRET);
        start
            .set("DALSTON_AUDIO_STORE", "s3://bucket/some/prefix")
            .set("AWS_ENDPOINT_URL_S3", &self.url)
            .set("AWS_ACCESS_KEY_ID", ACCESS)
            .set("AWS_SECRET_ACCESS_KEY", SECRET)
    }

    /// The names of all objects, in order.
    pub fn names(&self) -> Vec<String> {
        self.shelf.objects().keys().cloned().collect()
    }

    /// Puts an object there.
    pub fn put(&self, name: &str) {
        self.shelf.objects().insert(name.to_owned(), Bytes::from_static(b"audio"));
    }

    /// Takes an object away.
    pub fn remove(&self, name: &str) {
        self.shelf.objects().remove(name);
    }

    /// Whether it answers.
    pub fn is_away(&self, is_away: bool) {
        self.shelf.is_away.store(is_away, Ordering::SeqCst);
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            drop(self.server.stop(false));
            let _ = thread.join();
        }
    }
}

async fn serve(request: HttpRequest, body: Bytes, shelf: Data<Shelf>) -> HttpResponse {
    if shelf.is_away.load(Ordering::SeqCst) {
        return HttpResponse::BadRequest().body("away");
    }
    let signed = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !signed.starts_with(&format!("AWS4-HMAC-SHA256 Credential={ACCESS}/")) {
        return HttpResponse::Forbidden().finish();
    }
    let query = Query::<HashMap<String, String>>::from_query(request.query_string()).unwrap().into_inner();
    let Some(name) = request.path().strip_prefix("/bucket") else { return HttpResponse::NotFound().finish() };
    let name = name.trim_start_matches('/').to_owned();
    match (request.method().as_str(), query.get("uploadId")) {
        ("GET", _) if name.is_empty() => list(&shelf, &query),
        ("GET" | "HEAD", _) => match shelf.objects().get(&name) {
            Some(object) => HttpResponse::Ok()
                .insert_header(("last-modified", MODIFIED[0]))
                .insert_header(("etag", "\"e\""))
                .body(object.clone()),
            None => HttpResponse::NotFound().finish(),
        },
        ("PUT", None) => {
            shelf.objects().insert(name, body);
            HttpResponse::Ok().insert_header(("etag", "\"e\"")).finish()
        }
        ("PUT", Some(id)) => {
            let part = query["partNumber"].parse().unwrap();
            shelf.uploads().get_mut(id).unwrap().insert(part, body);
            HttpResponse::Ok().insert_header(("etag", format!("\"{part}\""))).finish()
        }
        ("POST", None) => {
            let mut uploads = shelf.uploads();
            let id = uploads.len().to_string();
            uploads.insert(id.clone(), BTreeMap::new());
            xml("InitiateMultipartUploadResult", &format!("<UploadId>{id}</UploadId>"))
        }
        ("POST", Some(id)) => {
            let parts = shelf.uploads().get(id).unwrap().clone();
            let whole: Vec<u8> = parts.into_values().flatten().collect();
            shelf.objects().insert(name, whole.into());
            xml("CompleteMultipartUploadResult", "<ETag>\"e\"</ETag>")
        }
        ("DELETE", None) => {
            shelf.objects().remove(&name);
            HttpResponse::NoContent().finish()
        }
        _ => HttpResponse::NoContent().finish(),
    }
}

fn list(shelf: &Shelf, query: &HashMap<String, String>) -> HttpResponse {
    let empty = String::new();
    let prefix = query.get("prefix").unwrap_or(&empty);
    let after = query.get("continuation-token").or(query.get("start-after")).unwrap_or(&empty);
    let objects = shelf.objects();
    let found: Vec<&String> = objects.keys().filter(|name| name.starts_with(prefix) && *name > after).collect();
    let contents: String = found
        .iter()
        .take(PAGE)
        .map(|name| {
            let modified = MODIFIED[1];
            let size = objects[*name].len();
            format!("<Contents><Key>{name}</Key><LastModified>{modified}</LastModified><Size>{size}</Size></Contents>")
        })
        .collect();
    let more = found.len() > PAGE;
    let next = if more { format!("<NextContinuationToken>{}</NextContinuationToken>", found[PAGE - 1]) } else { empty };
    xml("ListBucketResult", &format!("<IsTruncated>{more}</IsTruncated>{contents}{next}"))
}

fn xml(name: &str, inner: &str) -> HttpResponse {
    HttpResponse::Ok().content_type("application/xml").body(format!("<{name}>{inner}</{name}>"))
}
