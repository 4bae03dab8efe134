//! A log that cannot be written: its lines are lost, and nothing else.

use kit::process::{Hears, Launch};
use serde_json::Value;

/// More lines than a pipe has room for.
const REQUESTS: usize = 600;

/// Every figure of a log in JSON is a number, so that programs can add them up.
#[tokio::test]
async fn figures_in_a_log_of_json_are_numbers() {
    let launch = Launch::new().set("DALSTON_LOG_FORMAT", "json");
    let gateway = launch.start();
    gateway.anon().get("/auth/me").await.expect(401);
    gateway.anon().get("/nowhere").await.expect(401);
    gateway.admin().get("/auth/me").await.expect(200);
    let refused: Value = serde_json::from_str(&gateway.line("\"status\":401")).unwrap();
    assert!(refused["micros"].is_u64() && refused["status"].is_u64(), "{refused}");
    for line in gateway.lines() {
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let is_figure = |value: &Value| value.as_str().is_some_and(|text| text.parse::<f64>().is_ok());
        let fields = line.as_object().unwrap().iter();
        let texts: Vec<_> = fields.filter(|(_, value)| is_figure(value)).collect();
        assert!(texts.is_empty(), "{texts:?} in {line}");
    }
}

async fn serves_while(hears: Hears) {
    let launch = Launch::new();
    let gateway = launch.start();
    gateway.is_heard(hears);
    let client = gateway.admin();
    for _ in 0..REQUESTS {
        client.get("/auth/me").await.expect(200);
        // A line of the log.
        gateway.anon().get("/auth/me").await.expect(401);
    }
    gateway.terminate();
    assert_eq!(gateway.ended().code, Some(0), "{hears:?}");
}

#[tokio::test]
async fn a_reader_of_the_log_that_has_gone_ends_nothing() {
    serves_while(Hears::Gone).await;
}

#[tokio::test]
async fn a_reader_of_the_log_that_reads_no_more_stops_nothing() {
    serves_while(Hears::Nothing).await;
}
