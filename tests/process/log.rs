//! A log that cannot be written: its lines are lost, and nothing else.

use kit::process::{Hears, Launch};

/// More lines than a pipe has room for.
const REQUESTS: usize = 600;

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
