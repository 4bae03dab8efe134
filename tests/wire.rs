//! Requests that no client library writes (HTTP-01, HTTP-02, HTTP-06, HTTP-08, DOS-01).

use kit::app::App;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A request after which the gateway ends the connection.
const LAST: &str = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// All that the gateway answers to these bytes until it ends the connection.
async fn exchange(app: &App, request: &str) -> String {
    let mut socket = TcpStream::connect(app.address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is an end too.
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// The statuses of all answers in a connection.
fn statuses(answers: &str) -> Vec<&str> {
    answers.split("HTTP/1.").skip(1).map(|answer| &answer[2..5]).collect()
}

#[tokio::test]
async fn what_looks_like_an_upgrade_but_is_none_is_refused_as_any_other_request() {
    let app = App::start().await;
    for method in ["POST", "DELETE", "HEAD", "GET"] {
        let request = format!(
            "{method} /v1/audio/transcriptions/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n{LAST}"
        );
        assert_eq!(statuses(&exchange(&app, &request).await)[0], "401", "AUTHZ-01 {method}");
    }
}

#[tokio::test]
async fn a_request_whose_end_is_ambiguous_is_refused_and_nothing_behind_it_is_read() {
    let app = App::start().await;
    let secret = app.key("admin").await.secret.unwrap();
    let hidden = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for framing in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 6",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, identity",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 5, 5",
    ] {
        let head = format!("POST /auth/keys HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\n");
        let answers = exchange(&app, &format!("{head}{framing}\r\n\r\n0\r\n\r\n{hidden}")).await;
        assert_eq!(statuses(&answers), ["400"], "HTTP-01 {framing}: {answers}");
    }
}

#[tokio::test]
async fn what_a_refused_client_sends_as_a_body_is_never_read_as_a_request() {
    let app = App::start().await;
    let hidden = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let length = hidden.len();
    let head = "POST /auth/keys HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let answers = exchange(&app, &format!("{head}Content-Length: {length}\r\n\r\n{hidden}")).await;
    assert_eq!(statuses(&answers), ["401"], "UPL-01 {answers}");
    assert!(answers.to_lowercase().contains("connection: close"), "{answers}");
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{hidden}\r\n0\r\n\r\n");
    let answers = exchange(&app, &chunked).await;
    assert_eq!(statuses(&answers), ["401"], "{answers}");
}

#[tokio::test]
async fn the_host_of_an_absolute_target_counts_before_the_header() {
    let app = App::start().await;
    let request =
        |target: &str, host: &str| format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    for (target, host, status) in [
        ("http://evil.example/auth/me", "localhost", "421"),
        ("http://localhost/health", "localhost", "200"),
        ("/auth/me", "evil.example", "421"),
        ("/health", "evil.example", "200"),
        ("http://localhost/auth/me", "localhost", "401"),
        ("http://localhost/%61uth/me", "localhost", "401"),
    ] {
        let answers = exchange(&app, &request(target, host)).await;
        assert_eq!(statuses(&answers), [status], "HTTP-08 {target} {host}: {answers}");
    }
}

#[tokio::test]
async fn a_header_named_as_a_hop_is_still_a_credential() {
    let app = App::start().await;
    let secret = app.key("jobs:read").await.secret.unwrap();
    let head = "GET /auth/me HTTP/1.1\r\nHost: localhost\r\n";
    for (headers, status) in [
        (format!("Authorization: Bearer {secret}\r\nConnection: authorization"), "200"),
        (format!("Authorization_: Bearer {secret}"), "401"),
        (format!("X_API_Key: {secret}"), "401"),
        (format!("Authorization: Bearer {secret}\r\nAuthorization: Bearer {secret}"), "400"),
    ] {
        let answers = exchange(&app, &format!("{head}{headers}\r\n\r\n{LAST}")).await;
        assert_eq!(statuses(&answers), [status, "200"], "HTTP-06 {answers}");
    }
}

#[tokio::test]
async fn nobody_keeps_the_rights_of_the_request_before_on_a_connection() {
    let app = App::start().await;
    let secret = app.key("jobs:read").await.secret.unwrap();
    let with = format!("GET /auth/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\n\r\n");
    let without = "GET /auth/me HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answers = exchange(&app, &format!("{with}{without}{with}{without}{LAST}")).await;
    assert_eq!(statuses(&answers), ["200", "401", "200", "401", "200"], "TEN-05");
}

#[tokio::test]
async fn a_long_head_is_refused_before_all_else() {
    let app = App::start().await;
    for (uri, header, status) in [
        (8_192, 0, "200"),
        (8_193, 0, "400"),
        (60_000, 0, "400"),
        (100, 16_000, "200"),
        (100, 16_384, "400"),
        (100, 60_000, "400"),
        (8_000, 8_384, "400"),
    ] {
        for (route, accepted) in [("/health?x=", "200"), ("/auth/me?x=", "401")] {
            let rest = "q".repeat(uri - route.len());
            let head = format!("GET {route}{rest} HTTP/1.1\r\nHost: localhost\r\nX-Long: {}", "q".repeat(header));
            let answers = exchange(&app, &format!("{head}\r\nConnection: close\r\n\r\n")).await;
            let wanted = if status == "200" { accepted } else { status };
            assert_eq!(statuses(&answers), [wanted], "DOS-01 {uri} {header}");
            let told = answers.contains(r#""code":"invalid_request""#) && answers.contains(r#""request_id":""#);
            assert_eq!(told, wanted == "400", "ERR-01 {answers}");
            assert!(!answers.contains("qqq"), "ERR-02 {answers}");
        }
    }
}
