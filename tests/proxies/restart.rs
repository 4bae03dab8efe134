//! A rolling restart of two gateways behind a real proxy, under load: nobody gets an answer but success.

use kit::{
    client::Client,
    process::{Launch, Process},
    servers::{Front, Proxy, free_port, postgres_url},
    wav,
};
use reqwest::Method;
use serde_json::json;
use std::{
    mem,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{sync::watch, task::JoinSet};

/// Clients that ask at the same time, half of them for what may not be asked twice.
const CLIENTS: usize = 6;

/// A gateway and how it is started.
struct Node {
    launch: Launch,
    address: SocketAddr,
    process: Process,
}

impl Node {
    fn start(store: &str) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let launch = Launch::new()
            .store(store)
            .set("DALSTON_LISTEN", &address.to_string())
            .set("DALSTON_TRUSTED_PROXIES", "127.0.0.1/32")
            .set("DALSTON_ALLOWED_HOSTS", "api.example.com")
            // Until it is asked again.
            .set("DALSTON_DRAIN_SECONDS", "3600");
        let process = launch.start();
        Self { launch, address, process }
    }

    /// How many answers it has given but those to probes.
    fn answers(&self) -> usize {
        let lines = self.process.lines();
        lines.iter().filter(|line| line.contains(r#"route="/auth"#) || line.contains(r#"route="/v1"#)).count()
    }
}

/// Clients that ask without a pause, each on connections of its own.
struct Load {
    answers: Arc<watch::Sender<usize>>,
    is_over: Arc<AtomicBool>,
    clients: JoinSet<Vec<String>>,
}

impl Load {
    fn start(front: &Front, secret: &str) -> Self {
        let mut load =
            Self { answers: Arc::new(watch::Sender::new(0)), is_over: Arc::default(), clients: JoinSet::new() };
        for number in 0..CLIENTS {
            let client = front.client(Some(secret), 2);
            load.clients.spawn(ask(client, number, load.answers.clone(), load.is_over.clone()));
        }
        load
    }

    /// Waits for so many further answers.
    async fn more(&self, count: usize) {
        let mut answers = self.answers.subscribe();
        let wanted = *answers.borrow() + count;
        kit::patience::patiently(answers.wait_for(|answers| *answers >= wanted)).await.unwrap();
    }

    /// Ends it. What went wrong.
    async fn end(self) -> Vec<String> {
        self.is_over.store(true, Ordering::SeqCst);
        self.clients.join_all().await.concat()
    }
}

/// Asks until it is over: GET, POST of JSON, an upload, in turn. What was no success.
async fn ask(
    client: Client,
    number: usize,
    answers: Arc<watch::Sender<usize>>,
    is_over: Arc<AtomicBool>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for turn in number.. {
        if is_over.load(Ordering::SeqCst) {
            break;
        }
        let request = match turn % 4 {
            0 | 2 => client.request(Method::GET, "/auth/me"),
            1 => client.request(Method::POST, "/auth/keys").json(&json!({"name": "made", "scopes": ["jobs:read"]})),
            _ => client.uploading(wav::tone(1), "a.wav"),
        };
        match request.send().await {
            Ok(answer) if answer.status().is_success() => drop(answer.bytes().await),
            Ok(answer) => wrong.push(format!("{turn}: {} {:?}", answer.status(), answer.text().await)),
            Err(error) => wrong.push(format!("{turn}: {error:?}")),
        }
        answers.send_modify(|answers| *answers += 1);
    }
    wrong
}

async fn nobody_notices_a_rolling_restart(proxy: Proxy) {
    let store = postgres_url().await;
    let mut nodes = [Node::start(&store), Node::start(&store)];
    let secret = nodes[0].process.admin().secret.unwrap();
    let front = proxy.start([nodes[0].address, nodes[1].address], &[]);
    let load = Load::start(&front, &secret);
    for node in &mut nodes {
        is_asked(node, &load).await;
        node.process.terminate();
        node.process.line("draining");
        if proxy == Proxy::Nginx {
            // It has no probes: it learns of the stop when it is refused a connection.
            load.more(5 * CLIENTS).await;
        } else {
            is_asked_no_more(node, &load).await;
        }
        node.process.terminate();
        // It is alone with the load meanwhile.
        load.more(5 * CLIENTS).await;
        let next = node.launch.spawn();
        let ended = mem::replace(&mut node.process, next).ended();
        assert_eq!((ended.code, ended.signal), (Some(0), None), "{}", ended.text());
        node.process.listening();
        is_asked(node, &load).await;
    }
    let wrong = load.end().await;
    assert!(wrong.is_empty(), "{proxy:?}: {wrong:#?} {}", front.log());
}

/// Waits until a gateway is asked.
async fn is_asked(node: &Node, load: &Load) {
    let before = node.answers();
    while node.answers() == before {
        load.more(1).await;
    }
}

/// Waits until a gateway is asked no more: not once while the others are asked often.
async fn is_asked_no_more(node: &Node, load: &Load) {
    let mut before = node.answers();
    loop {
        load.more(3 * CLIENTS).await;
        let now = node.answers();
        if mem::replace(&mut before, now) == now {
            return;
        }
    }
}

super::on_proxies! { nobody_notices_a_rolling_restart }
