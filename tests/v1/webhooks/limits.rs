use super::{SCOPES, after, cancelled, deliveries, gateway, hook, tried};
use kit::{
    app::Start,
    patience::eventually,
    receiver::{Answers, Receiver},
};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_slow_endpoint_holds_up_nobody_else() {
    let (slow, quick) = (Receiver::start(), Receiver::start());
    let (app, client) = gateway().await;
    hook(&client, &slow.url).await;
    slow.answers(std::iter::repeat_n(Answers::Nothing, 40));
    for _ in 0..40 {
        cancelled(&client).await;
    }
    slow.sent(4).await;
    let other = app.key_of("other", SCOPES, |ask| ask).await;
    let (id, _) = hook(&other, &quick.url).await;
    for _ in 0..10 {
        cancelled(&other).await;
    }
    quick.sent(10).await;
    assert_eq!(slow.heard().len(), 4, "so many to one webhook at once");
    eventually("all of them arrived", async || {
        deliveries(&other, &id).await.iter().all(|it| it["status"] == "delivered")
    })
    .await;
    slow.release();
    slow.sent(40).await;
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_in_time_is_given_up_and_tried_again() {
    let receiver = Receiver::start();
    let app = Start::default().delivers_within(Duration::from_millis(100)).start().await;
    let client = app.key(SCOPES).await;
    let (id, _) = hook(&client, &receiver.url).await;
    receiver.answers([Answers::Nothing]);
    cancelled(&client).await;
    let failed = tried(&app, &client, &id, 1).await;
    assert_eq!((&failed["status"], &failed["last_status"]), (&json!("pending"), &json!(null)));
    assert_eq!(failed["next_at"], app.clock_now().plus(Duration::from_secs(30)).to_string());
}

#[tokio::test]
async fn a_delivery_under_way_is_finished_when_the_gateway_stops() {
    let receiver = Receiver::start();
    let (mut app, client) = gateway().await;
    let (id, _) = hook(&client, &receiver.url).await;
    receiver.answers([Answers::Nothing]);
    cancelled(&client).await;
    receiver.sent(1).await;
    let runtime = app.runtime.clone();
    receiver.release();
    app.stop();
    let permit = runtime.gate.operator("a test").permit().unwrap();
    let page =
        dalston_model::PageRequest { limit: dalston_model::PageLimit::default(), start: dalston_model::Start::Newest };
    let kept = runtime.services.webhooks.deliveries(&permit, id.parse().unwrap(), &page).await.unwrap();
    assert_eq!(kept.items[0].status, dalston_work::DeliveryStatus::Delivered);
}

#[tokio::test]
async fn a_delivery_whose_node_died_is_made_by_another_once_its_lease_has_lapsed() {
    let receiver = Receiver::start();
    let (app, client) = gateway().await;
    let (id, _) = hook(&client, &receiver.url).await;
    receiver.answers([Answers::Nothing]);
    cancelled(&client).await;
    receiver.sent(1).await;
    // Nobody hears how the first attempt ends; by the clock of the store its lease has lapsed.
    after(&app, 60);
    assert_eq!(tried(&app, &client, &id, 2).await["status"], "delivered");
    receiver.release();
    assert_eq!(receiver.sent(2).await.len(), 2, "at least once");
}
