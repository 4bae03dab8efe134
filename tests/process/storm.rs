//! Gateways, workers and the store are killed in turn under load (F-14 to F-21): no acknowledged job is lost, none ends
//! twice, all slots come back, and no temporary file stays.

use futures_util::{SinkExt, StreamExt};
use kit::{
    client::Client,
    log,
    process::{Launch, Process, eventually, files},
    program::program,
    servers::{Postgres, Redis},
    shell::Shell,
    wav,
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::task::JoinSet;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// Kills, each of the next in turn.
const ROUNDS: usize = 20;
/// Uploads that are acknowledged between two kills.
const UPLOADS: usize = 5;
/// An engine that is at work for long enough to be killed meanwhile.
const ENGINE: &str = r#"python3 -c "import time; time.sleep(0.1); print('a word')" {audio}"#;

/// The store that is killed.
enum Server {
    Postgres(Postgres),
    Redis(Redis),
}

impl Server {
    fn crash(&mut self) {
        match self {
            Self::Postgres(server) => {
                server.kill();
                server.restart();
            }
            Self::Redis(server) => {
                server.kill();
                server.restart();
            }
        }
    }
}

/// A worker of streams in a process of its own, killed when it is dropped.
struct Worker(Child);

impl Worker {
    fn start(gateway: &str, secret: &str) -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program("stream-worker")).args([gateway, "storm", "4"]);
        command.env_clear().env("DALSTON_API_KEY", secret);
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Uploads and streams without a pause, at two gateways, whether they are there or not.
struct Load {
    urls: [String; 2],
    secret: String,
    jobs: Mutex<Vec<String>>,
    streamed: AtomicUsize,
    over: AtomicBool,
}

impl Load {
    async fn upload(self: Arc<Self>) {
        let audio = wav::tone(1);
        for turn in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let client = Client::new(&self.urls[turn % 2], Some(&self.secret));
            // What is not acknowledged may be there or not.
            let Ok(answer) = client.uploading(audio.clone(), "a.wav").send().await else { continue };
            if answer.status() == 201
                && let Ok(job) = answer.json::<Value>().await
            {
                self.jobs.lock().unwrap().push(job["id"].as_str().unwrap().to_owned());
            }
        }
    }

    async fn stream(self: Arc<Self>) {
        for turn in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let url = self.urls[turn % 2].replace("http://", "ws://");
            let mut request = format!("{url}/v1/audio/transcriptions/stream").into_client_request().unwrap();
            request.headers_mut().insert("x-api-key", self.secret.parse().unwrap());
            let Ok((mut socket, _)) = connect_async(request).await else { continue };
            // Some go without a word, some are ended by who is killed.
            for _ in 0..20 {
                let sent = socket.send(Message::binary(vec![0; 3_200])).await;
                let heard = socket.next().await;
                if sent.is_err() || !matches!(heard, Some(Ok(Message::Text(_)))) {
                    break;
                }
                self.streamed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn acknowledged(&self) -> usize {
        self.jobs.lock().unwrap().len()
    }
}

async fn list(client: &Client, path: &str) -> Vec<Value> {
    let (mut all, mut next) = (Vec::new(), format!("{path}&limit=100"));
    loop {
        let page = client.get(&next).await.expect(200);
        all.extend(page.json.as_array().unwrap().iter().cloned());
        let Some(link) = page.headers.get("link") else { return all };
        next = link.to_str().unwrap().trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
}

/// How often each job ended, by the audit log.
async fn ends(admin: &Client) -> HashMap<String, Vec<String>> {
    let mut ends = HashMap::<String, Vec<String>>::new();
    for action in ["job.completed", "job.failed", "job.cancelled"] {
        for record in list(admin, &format!("/v1/audit?action={action}")).await {
            ends.entry(record["target"]["id"].as_str().unwrap().to_owned()).or_default().push(action.to_owned());
        }
    }
    ends
}

/// What lies in the scratch folders beside the lock of a process that lives; a folder of one that does not counts.
fn desks(scratch: &Path) -> usize {
    let folders: Vec<_> = fs::read_dir(scratch).unwrap().map_while(Result::ok).map(|it| it.path()).collect();
    let things: usize = folders.iter().map(|folder| fs::read_dir(folder).map_or(0, Iterator::count)).sum();
    things.abs_diff(1) + folders.len().abs_diff(1)
}

async fn a_storm(mut server: Server, store: String) {
    // A second one works in the data folder of the first.
    let first = Launch::new();
    let folder = first.data();
    let set = |launch: Launch| {
        let launch = launch.store(&store).set("DALSTON_DATA_DIR", folder.to_str().unwrap());
        let launch = launch.set("DALSTON_ENGINE_COMMAND", ENGINE).set("DALSTON_JOB_ATTEMPTS", "100");
        launch.set("DALSTON_OWN_STREAMS", "0").set("PATH", "/usr/local/bin:/usr/bin:/bin")
    };
    let mut launches = [set(first), set(Launch::new())];
    let mut gateways: Vec<Option<Process>> = Vec::new();
    for launch in &mut launches {
        let gateway = launch.start();
        // It comes back where it was: who works with it finds it again.
        *launch = std::mem::take(launch).set("DALSTON_LISTEN", &gateway.address.to_string());
        gateways.push(Some(gateway));
    }
    let urls = [0, 1].map(|n| gateways[n].as_ref().unwrap().url.clone());
    let admin = gateways[0].as_ref().unwrap().admin();
    let made = |answer: kit::client::Answer| answer.expect(201).json["key"].as_str().unwrap().to_owned();
    let scopes = json!({"name": "load", "scopes": ["jobs:read", "jobs:write", "realtime"]});
    let secret = made(admin.post("/auth/keys", scopes).await);
    // An admin may not make it: who may everything makes it on the store.
    let shell = Shell::new().set("DALSTON_STORE", &store);
    let worker_secret = shell.secret(&["keys", "create", "--name", "worker", "--scopes", "worker"]);
    log::guard(&secret);
    let mut worker = Some(Worker::start(&urls[0], &worker_secret));

    let load = Arc::new(Load {
        urls: urls.clone(),
        secret,
        jobs: Mutex::default(),
        streamed: AtomicUsize::default(),
        over: AtomicBool::default(),
    });
    let mut tasks = JoinSet::new();
    for _ in 0..2 {
        tasks.spawn(load.clone().upload());
        tasks.spawn(load.clone().stream());
    }
    for round in 0..ROUNDS {
        let target = load.acknowledged() + UPLOADS;
        eventually("uploads are acknowledged", async || load.acknowledged() >= target).await;
        match round % 3 {
            0 => {
                let victim = round % 2;
                gateways[victim].take().unwrap().kill();
                gateways[victim] = Some(launches[victim].start());
            }
            1 => {
                drop(worker.take());
                worker = Some(Worker::start(&urls[0], &worker_secret));
            }
            _ => server.crash(),
        }
    }
    load.over.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    assert!(load.streamed.load(Ordering::Relaxed) > 0, "no stream was ever served");

    eventually("every job ends", async || {
        let open = ["pending", "running"].map(|status| format!("/v1/audio/transcriptions?status={status}"));
        let mut left = 0;
        for path in open {
            let answer = admin.get(&path).await;
            left += answer.json.as_array().map_or(1, Vec::len);
        }
        left == 0
    })
    .await;
    let jobs = load.jobs.lock().unwrap().clone();
    let ends = ends(&admin).await;
    for job in &jobs {
        let ended: Vec<&str> = ends.get(job).into_iter().flatten().map(String::as_str).collect();
        let shown = admin.get(&format!("/v1/audio/transcriptions/{job}")).await.expect(200).json;
        if ended == ["job.failed"] {
            // Both of its gateways were killed, each while it worked on this one.
            assert_eq!(shown["error"], "The node that worked on it was lost", "JOB-01 {job}");
            continue;
        }
        assert_eq!(ended, ["job.completed"], "JOB-01 JOB-02 {job}");
        assert_eq!(shown["result"]["text"], "a word");
    }
    assert!(ends.values().all(|ends| ends.len() == 1), "JOB-02 a job ended twice");
    let operator = Client::new(&urls[0], Some(&worker_secret));
    eventually("all slots come back", async || {
        let workers = operator.get("/v1/workers").await;
        workers.json.as_array().is_some_and(|all| all.iter().all(|worker| worker["sessions"] == 0))
    })
    .await;

    // What a crash left is deleted once it is an hour old: all is, and recovery runs at the start.
    for gateway in &mut gateways {
        drop(gateway.take());
    }
    let aged = Command::new("find").arg(&folder).args(["-exec", "touch", "-d", "2 hours ago", "{}", "+"]).status();
    assert!(aged.unwrap().success());
    let _last = launches[0].start();
    let (audio, results) = (folder.join("audio"), folder.join("results"));
    eventually("no temporary file stays", async || {
        files(&audio.join("incoming")).is_empty()
            && desks(&folder.join("scratch")) == 0
            && files(&audio).len() == ends.len()
            && files(&results).len() == ends.len()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_nothing_is_lost_in_a_storm_of_crashes() {
    let server = Postgres::start();
    let store = server.database().await;
    a_storm(Server::Postgres(server), store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_redis_nothing_is_lost_in_a_storm_of_crashes() {
    let server = Redis::start(&[]);
    let store = server.url();
    a_storm(Server::Redis(server), store).await;
}
