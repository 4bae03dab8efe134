use super::{after, cancelled, deliveries, gateway, hook, tried};
use kit::{
    process::eventually,
    receiver::{Answers, Receiver},
};
use serde_json::{Value, json};

#[tokio::test]
async fn a_cancelled_job_is_told_once() {
    let receiver = Receiver::start();
    let (app, client) = gateway().await;
    let (id, _) = hook(&client, &format!("{}/hook?x=1", receiver.url)).await;
    let job = cancelled(&client).await;
    let delivery = tried(&app, &client, &id, 1).await;
    assert_eq!(
        delivery,
        json!({
            "id": delivery["id"], "webhook_id": id, "type": "transcription.cancelled", "transcription_id": job,
            "status": "delivered", "attempts": 1, "created_at": "2026-01-01T00:00:00Z", "next_at": null,
            "last_at": "2026-01-01T00:00:00Z", "last_status": 200, "last_error": null,
        })
    );
    let heard = receiver.heard();
    assert_eq!((heard.len(), heard[0].path.as_str()), (1, "/hook?x=1"));
    assert_eq!(heard[0].headers["webhook-id"], delivery["id"].as_str().unwrap());
    assert_eq!(heard[0].headers["webhook-timestamp"], "1767225600");
    assert_eq!(heard[0].headers["content-type"], "application/json");
    let body: Value = serde_json::from_str(&heard[0].body).unwrap();
    assert_eq!(
        (&body["type"], &body["timestamp"]),
        (&json!("transcription.cancelled"), &json!("2026-01-01T00:00:00Z"))
    );
    assert_eq!((&body["data"]["transcription_id"], &body["data"]["status"]), (&json!(job), &json!("cancelled")));
    assert_eq!(client.get(&format!("/v1/webhooks/{id}")).await.json["last_success_at"], "2026-01-01T00:00:00Z");
}

#[tokio::test]
async fn a_failed_delivery_is_tried_five_times_within_about_an_hour_and_again_by_hand() {
    let receiver = Receiver::start();
    let (app, client) = gateway().await;
    let (id, _) = hook(&client, &receiver.url).await;
    receiver.answers([500, 404, 503, 301, 429].map(Answers::Status));
    cancelled(&client).await;
    for (attempt, (status, wait)) in [(500, 30), (404, 120), (503, 600), (301, 3_600)].into_iter().enumerate() {
        let failed = tried(&app, &client, &id, attempt as u64 + 1).await;
        assert_eq!((&failed["status"], &failed["last_status"]), (&json!("pending"), &json!(status)));
        assert_eq!(failed["last_error"], format!("answered with {status}"));
        let next = app.clock_now().plus(std::time::Duration::from_secs(wait));
        assert_eq!(failed["next_at"], json!(next), "attempt {attempt}");
        after(&app, wait);
    }
    let given_up = tried(&app, &client, &id, 5).await;
    assert_eq!((&given_up["status"], &given_up["next_at"]), (&json!("failed"), &Value::Null));
    assert_eq!(client.get(&format!("/v1/webhooks/{id}")).await.json["failed_deliveries"], 1);
    let ids: Vec<String> = receiver.heard().into_iter().map(|it| it.headers["webhook-id"].clone()).collect();
    assert_eq!(ids, vec![given_up["id"].as_str().unwrap(); 5], "an attempt is known again");
    let times: Vec<String> = receiver.heard().into_iter().map(|it| it.headers["webhook-timestamp"].clone()).collect();
    assert_eq!(times.last().unwrap(), "1767229950", "each is signed at its own time");

    after(&app, 1);
    let retry = format!("/v1/webhooks/{id}/deliveries/{}/retry", given_up["id"].as_str().unwrap());
    let again = client.post(&retry, json!({})).await.expect(200);
    assert_eq!((&again.json["status"], &again.json["attempts"]), (&json!("pending"), &json!(0)));
    let delivered = tried(&app, &client, &id, 1).await;
    assert_eq!((&delivered["status"], &delivered["last_error"]), (&json!("delivered"), &Value::Null));
    assert_eq!(client.get(&format!("/v1/webhooks/{id}")).await.json["failed_deliveries"], 0);
    let unknown = format!("/v1/webhooks/{id}/deliveries/msg_{}/retry", "0".repeat(32));
    client.post(&unknown, json!({})).await.expect(404);
    let record = &app.master().get("/v1/audit?action=delivery.retried").await.expect(200).json[0];
    assert_eq!(record["target"], json!({"kind": "delivery", "id": given_up["id"]}));
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_switched_off_and_hears_what_it_missed_when_it_is_on_again() {
    let receiver = Receiver::start();
    let (app, client) = gateway().await;
    let (id, _) = hook(&client, &receiver.url).await;
    receiver.answers([Answers::Status(410)]);
    cancelled(&client).await;
    let gone = tried(&app, &client, &id, 1).await;
    assert_eq!((&gone["status"], &gone["last_status"]), (&json!("failed"), &json!(410)));
    let path = format!("/v1/webhooks/{id}");
    eventually("it is switched off", async || client.get(&path).await.json["enabled"] == false).await;
    let record = app.master().get("/v1/audit?action=webhook.disabled").await.expect(200).json;
    assert_eq!((&record[0]["detail"], &record[0]["actor"]["kind"]), (&json!({"status": 410}), &json!("gateway")));
    // What happens while it is off is not for it.
    cancelled(&client).await;
    assert_eq!(deliveries(&client, &id).await.len(), 1);
    client.patch(&path, json!({"enabled": true})).await.expect(200);
    cancelled(&client).await;
    receiver.sent(2).await;
}

#[tokio::test]
async fn what_was_under_way_when_a_webhook_was_switched_off_is_delivered_once_it_is_on() {
    let receiver = Receiver::start();
    let (app, client) = gateway().await;
    let (id, _) = hook(&client, &receiver.url).await;
    receiver.answers([Answers::Status(500)]);
    cancelled(&client).await;
    tried(&app, &client, &id, 1).await;
    let path = format!("/v1/webhooks/{id}");
    client.patch(&path, json!({"enabled": false})).await.expect(200);
    after(&app, 30);
    let (other, _) = hook(&client, &receiver.url).await;
    cancelled(&client).await;
    tried(&app, &client, &other, 1).await;
    assert_eq!(receiver.heard().len(), 2, "the one that is off heard nothing");
    client.patch(&path, json!({"enabled": true})).await.expect(200);
    assert_eq!(tried(&app, &client, &id, 2).await["status"], "delivered");
}

#[tokio::test]
async fn an_endpoint_that_takes_nothing_for_a_week_is_switched_off() {
    let receiver = Receiver::start();
    let (app, client) = gateway().await;
    let (id, _) = hook(&client, &receiver.url).await;
    receiver.answers(std::iter::repeat_n(Answers::Status(500), 50));
    for _ in 0..10 {
        cancelled(&client).await;
    }
    let path = format!("/v1/webhooks/{id}");
    for (round, wait) in [30, 120, 600, 7 * 24 * 3_600].into_iter().enumerate() {
        receiver.sent(10 * (round + 1)).await;
        eventually("a round is over", async || {
            let now = json!(app.clock_now());
            deliveries(&client, &id).await.iter().all(|it| it["attempts"] == round as u64 + 1 && it["last_at"] == now)
        })
        .await;
        after(&app, wait);
    }
    eventually("it is switched off", async || client.get(&path).await.json["enabled"] == false).await;
    let off = client.get(&path).await.json;
    assert_eq!((&off["disabled_at"], &off["failed_deliveries"]), (&json!(app.clock_now()), &json!(10)));
    let record = app.master().get("/v1/audit?action=webhook.disabled").await.expect(200).json;
    assert_eq!(record[0]["target"], json!({"kind": "webhook", "id": id}));
    let on = client.patch(&path, json!({"enabled": true})).await.expect(200).json;
    assert_eq!((&on["disabled_at"], &on["failed_deliveries"]), (&Value::Null, &json!(0)));
}

#[tokio::test]
async fn ended_deliveries_are_kept_for_thirty_days() {
    let receiver = Receiver::start();
    let (app, client) = gateway().await;
    let (id, _) = hook(&client, &receiver.url).await;
    cancelled(&client).await;
    tried(&app, &client, &id, 1).await;
    app.clock.advance(std::time::Duration::from_secs(30 * 24 * 3_600));
    app.runtime.recover().await;
    assert_eq!(deliveries(&client, &id).await.len(), 1);
    app.clock.advance(std::time::Duration::from_secs(1));
    app.runtime.recover().await;
    assert_eq!(deliveries(&client, &id).await.len(), 0);
}
