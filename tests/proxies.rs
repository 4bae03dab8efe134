//! A proxy or a balancer in front: names, probes, connections that rest, and a stop that loses no request.

/// These tests, with each proxy.
macro_rules! on_proxies {
    ($($test:ident)*) => {
        $crate::proxies::on_proxies! { @ nginx Nginx: $($test)* }
        $crate::proxies::on_proxies! { @ haproxy HaProxy: $($test)* }
        $crate::proxies::on_proxies! { @ caddy Caddy: $($test)* }
        $crate::proxies::on_proxies! { @ traefik Traefik: $($test)* }
    };
    (@ $name:ident $proxy:ident: $($test:ident)*) => {
        mod $name {
            use kit::servers::Proxy;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::$test(Proxy::$proxy).await;
                }
            )*
        }
    };
}
use on_proxies;

mod carried;
mod restart;

use kit::{
    app::{App, Start},
    client::Answer,
    process::Launch,
    raw::Raw,
    signal::Signal,
};
use reqwest::Method;
use serde_json::json;

async fn under(app: &App, host: &str, path: &str) -> Answer {
    Answer::of(app.master().request(Method::GET, path).header("host", host)).await
}

#[tokio::test]
async fn a_host_that_is_not_listed_is_told_which_setting_lists_hosts_and_probes_are_answered_under_any() {
    let app = Start::default().set("DALSTON_ALLOWED_HOSTS", "api.example.com,*.apps.example.com").start().await;
    for host in ["api.example.com", "a.apps.example.com", "a.b.APPS.example.com:8443"] {
        under(&app, host, "/auth/me").await.expect(200);
    }
    for host in ["dalston", "evil.example", "apps.example.com", "x.api.example.com"] {
        let answer = under(&app, host, "/auth/me").await;
        assert_eq!((answer.code(), answer.problem()), (421, "misdirected"), "{host}");
        assert!(answer.json["detail"].as_str().unwrap().contains("DALSTON_ALLOWED_HOSTS"), "{}", answer.text);
        for path in ["/health", "/health/ready"] {
            under(&app, host, path).await.expect(200);
        }
        assert_eq!(under(&app, host, "/health/").await.code(), 421);
        assert_eq!(under(&app, host, "/status").await.code(), 421);
    }
}

#[tokio::test]
async fn the_log_names_the_host_that_is_not_answered() {
    let launch = Launch::new();
    let gateway = launch.start();
    let request = gateway.admin().request(Method::GET, "/auth/me").header("host", "dalston.internal");
    assert_eq!(Answer::of(request).await.code(), 421);
    let line = gateway.line("DALSTON_ALLOWED_HOSTS");
    assert!(line.contains("dalston.internal"), "{line}");
}

#[tokio::test]
async fn a_link_has_the_scheme_that_a_trusted_proxy_tells() {
    for (trusted, scheme) in [("127.0.0.0/8", "https"), ("10.0.0.0/8", "http")] {
        let app = Start::default().set("DALSTON_TRUSTED_PROXIES", trusted).start().await;
        let params = json!({"name": "create_api_key", "arguments": {"name": "made", "scopes": ["jobs:read"]}});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let request = app.key("admin").await.request(Method::POST, "/mcp").header("x-forwarded-proto", "https");
        let answer = Answer::of(request.json(&body)).await.expect(200);
        let url = answer.json["result"]["structuredContent"]["claim_url"].as_str().unwrap();
        assert!(url.starts_with(&format!("{scheme}://")), "{trusted}: {url}");
    }
}

/// A request as a proxy sends it on a connection that it keeps.
fn request(address: std::net::SocketAddr, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n")
}

#[tokio::test]
async fn a_gateway_that_is_asked_to_stop_serves_on_while_it_says_that_it_is_not_ready() {
    for signal in [Signal::TERM, Signal::INT] {
        let launch = Launch::new().set("DALSTON_DRAIN_SECONDS", "3600");
        let gateway = launch.start();
        let (address, admin) = (gateway.address, gateway.admin());
        let mut kept = Raw::connect(address).await;
        kept.send(request(address, "/health/ready")).await;
        let reply = kept.reply().await;
        assert!(reply.code == 200 && !reply.head.contains("connection: close"), "{}", reply.head);
        gateway.signal(signal);
        gateway.line("draining");
        // The connection ends with its next answer; new ones are still served.
        kept.send(request(address, "/health/ready")).await;
        let reply = kept.reply().await;
        assert_eq!((reply.code, &reply.json["status"]), (503, &json!("stopping")));
        assert!(reply.head.contains("connection: close"), "{}", reply.head);
        kept.ended().await;
        admin.post("/auth/keys", json!({"name": "late"})).await.expect(201);
        admin.get("/health").await.expect(200);
        // Whoever asks again does not want to wait.
        gateway.signal(signal);
        assert_eq!(gateway.ended().code, Some(0));
    }
}

#[tokio::test]
async fn a_hangup_ends_nothing() {
    let launch = Launch::new();
    let gateway = launch.start();
    gateway.signal(Signal::HUP);
    gateway.admin().get("/auth/me").await.expect(200);
    gateway.terminate();
    let ended = gateway.ended();
    assert_eq!((ended.code, ended.signal), (Some(0), None), "{}", ended.text());
}
