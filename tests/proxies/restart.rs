//! A rolling restart of two gateways behind a real proxy, under load: nobody gets an answer but success.

use kit::{
    client::Client,
    process::{Launch, Process},
    servers::{Front, Proxy, postgres_url},
};
use reqwest::Method;
use serde_json::json;
use std::{
    mem,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{sync::watch, task::JoinSet};

/// Clients that ask at the same time. More of them would find the limit of a busy machine, where the store is late: 503.
const CLIENTS: usize = 3;

/// A gateway and how it is started.
struct Node {
    launch: Launch,
    address: SocketAddr,
    process: Process,
}

impl Node {
    /// At an address of this machine, 127.0.1.`host`, which nobody else uses: its port stays free while it is started again.
    fn start(store: &str, host: u8) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 1, host), 0)).unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
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

    /// Waits until it has ended, and starts it again.
    fn restart(self) -> Self {
        let ended = self.process.ended();
        assert_eq!((ended.code, ended.signal), (Some(0), None), "{}", ended.text());
        let process = self.launch.start();
        Self { process, ..self }
    }

    /// How many answers it has given but those to probes.
    fn answers(&self) -> usize {
        let lines = self.process.lines();
        lines.iter().filter(|line| line.contains(r#"route="/auth"#) || line.contains(r#"route="/call"#)).count()
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

/// Asks until it is over: one GET, and two POSTs that a proxy may not repeat, in turn. What was no success.
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
        let request = match turn % 3 {
            0 => client.request(Method::GET, "/auth/me"),
            1 => client.request(Method::POST, "/auth/keys").json(&json!({"name": "made", "scopes": ["jobs:read"]})),
            _ => client.request(Method::POST, "/call").json(&json!({"command": "whoami"})),
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
    let mut nodes = vec![Node::start(&store, proxy as u8 * 2 + 1), Node::start(&store, proxy as u8 * 2 + 2)];
    let secret = nodes[0].process.admin().secret.unwrap();
    let front = proxy.start([nodes[0].address, nodes[1].address], &[]);
    let load = Load::start(&front, &secret);
    for _ in 0..2 {
        let node = nodes.remove(0);
        is_asked(&node, &load).await;
        node.process.terminate();
        node.process.line("draining");
        if proxy == Proxy::Nginx {
            // It has no probes: it learns of the stop when it is refused a connection.
            load.more(10 * CLIENTS).await;
        } else {
            is_asked_no_more(&node, &load).await;
        }
        node.process.terminate();
        // The other one is alone with the load meanwhile.
        load.more(10 * CLIENTS).await;
        let node = node.restart();
        is_asked(&node, &load).await;
        nodes.push(node);
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
        load.more(5 * CLIENTS).await;
        let now = node.answers();
        if mem::replace(&mut before, now) == now {
            return;
        }
    }
}

super::on_proxies! { nobody_notices_a_rolling_restart }
