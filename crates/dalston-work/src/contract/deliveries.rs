//! The outbox: due deliveries are taken, their outcome is stored, and they are retried or given up.

use super::{
    WorkFixture,
    handle::{
        WorkHandle,
        hooks::secret,
        page,
        work::{ALMOST, MICRO, MINUTE},
    },
};
use crate::{AttemptOutcome, Delivery, DeliveryStatus, DueDelivery, Event, EventKind, Webhook};
use dalston_model::{Cursor, Start, TenantId};
use std::time::Duration;

async fn only(handle: &WorkHandle, webhook: &Webhook) -> Delivery {
    let mut all = handle.deliveries(webhook).await;
    assert_eq!(all.len(), 1);
    all.remove(0)
}

pub async fn a_published_event_reaches_whoever_listens_once(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let listening = [handle.webhook(&[]).await, handle.webhook(&[EventKind::Failed]).await];
    let other = handle.webhook(&[EventKind::Completed]).await;
    let off = handle.webhook(&[]).await;
    handle.switch(&off, false).await;
    // An event that belongs to no job: subject and body are arbitrary.
    let event = |tenant: &str, subject: &str| Event {
        kind: EventKind::Failed,
        tenant: tenant.parse::<TenantId>().unwrap(),
        at: handle.now(),
        subject: subject.to_owned(),
        body: r#"{"data":{"it's":"\u0000🎉"}}"#.to_owned(),
    };
    let seq = handle.seq().await;
    let told = event("default", "key 1");
    for _ in 0..2 {
        handle.store.publish_event(&told).await.unwrap();
        handle.store.publish_event(&event("nobody", "key 1")).await.unwrap();
        for webhook in &listening {
            assert_eq!(only(&handle, webhook).await, Delivery::new(&told, webhook.id));
        }
        for webhook in [&other, &off] {
            assert_eq!(handle.deliveries(webhook).await, []);
        }
    }
    // The delivery is due. After it was delivered, publishing the same event again adds nothing.
    for due in handle.take().await {
        handle.note(&handle.arrived(&due), &due.webhook).await;
    }
    handle.store.publish_event(&told).await.unwrap();
    assert_eq!(handle.take().await, []);
    // Concurrent nodes publish the same event.
    let next = event("default", "key 2");
    let publish = || async { handle.store.publish_event(&next).await.unwrap() };
    tokio::join!(publish(), publish(), publish());
    assert_eq!(handle.take().await.len(), listening.len());
    assert_eq!(handle.seq().await, seq, "no change to record");
}

pub async fn a_delivery_is_taken_for_a_while(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    assert_eq!(handle.take().await, []);
    let webhook = handle.webhook(&[]).await;
    handle.happen().await;
    let new = only(&handle, &webhook).await;
    let seq = handle.seq().await;
    for attempts in 1..=3 {
        let due = handle.take_one().await;
        let delivery = Delivery { attempts, next_at: Some(handle.now().plus(MINUTE)), ..new.clone() };
        let secrets = vec![secret(0)];
        assert_eq!(due, DueDelivery { delivery: delivery.clone(), webhook: webhook.clone(), secrets });
        assert_eq!(only(&handle, &webhook).await, delivery);
        assert_eq!(handle.take().await, [], "by one only");
        handle.clock.advance(ALMOST);
        assert_eq!(handle.take().await, []);
        // The lease of the dead node expires.
        handle.clock.advance(MICRO);
    }
    assert_eq!(handle.seq().await, seq, "no change to record");
}

pub async fn the_oldest_due_is_taken_first(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (one, two) = (handle.webhook(&[]).await, handle.webhook(&[]).await);
    for _ in 0..3 {
        handle.happen().await;
    }
    assert_eq!(handle.store.take_deliveries(0, MINUTE, &[]).await, Ok(Vec::new()));
    let mut taken = Vec::new();
    for limit in [2, 3, 9] {
        taken.extend(handle.store.take_deliveries(limit, MINUTE, &[]).await.unwrap());
        assert_eq!(taken.len(), [2, 5, 6][[2, 3, 9].iter().position(|it| *it == limit).unwrap()]);
    }
    assert!(taken.is_sorted_by_key(|due| due.delivery.created_at));
    for webhook in [&one, &two] {
        assert_eq!(taken.iter().filter(|due| due.webhook.id == webhook.id).count(), 3);
    }
    // The later deliveries get the earlier retry times.
    for (due, seconds) in taken.iter().zip([6_u64, 5, 4, 3, 2, 1]) {
        let at = handle.now().plus(Duration::from_secs(seconds));
        handle.note(&handle.missed(due, Some(at)), &due.webhook).await;
    }
    handle.clock.advance(Duration::from_secs(4));
    let again = handle.take().await;
    let expected: Vec<_> = taken[2..].iter().rev().map(|due| due.delivery.id).collect();
    assert_eq!(again.iter().map(|due| due.delivery.id).collect::<Vec<_>>(), expected);
}

pub async fn deliveries_of_a_disabled_webhook_stay(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (off, on) = (handle.webhook(&[]).await, handle.webhook(&[]).await);
    handle.happen().await;
    handle.switch(&off, false).await;
    handle.happen().await;
    let waits = only(&handle, &off).await;
    let taken = handle.store.take_deliveries(2, MINUTE, &[]).await.unwrap();
    assert_eq!(
        taken.iter().map(|due| due.webhook.id).collect::<Vec<_>>(),
        [on.id, on.id],
        "they stand in nobody's way"
    );
    assert_eq!(only(&handle, &off).await, waits);
    handle.switch(&off, true).await;
    assert_eq!(handle.take_one().await.delivery.id, waits.id);
}

pub async fn webhooks_that_have_enough_are_passed_over(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (slow, quick) = (handle.webhook(&[]).await, handle.webhook(&[]).await);
    for _ in 0..5 {
        handle.happen().await;
    }
    let of = |taken: &[DueDelivery], webhook: &Webhook| taken.iter().filter(|due| due.webhook.id == webhook.id).count();
    let taken = handle.store.take_deliveries(3, MINUTE, &[slow.id]).await.unwrap();
    assert_eq!((of(&taken, &slow), of(&taken, &quick)), (0, 3), "they stand in nobody's way");
    let waiting = handle.deliveries(&slow).await;
    assert!(waiting.iter().all(|delivery| delivery.attempts == 0), "and have lost nothing");
    assert_eq!(handle.store.take_deliveries(9, MINUTE, &[slow.id, quick.id]).await, Ok(Vec::new()));
    let taken = handle.take().await;
    assert_eq!((of(&taken, &slow), of(&taken, &quick)), (5, 2));
}

pub async fn an_arrival_is_noted(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let webhook = Webhook { exhausted: 4, ..handle.new_webhook() };
    handle.try_insert_webhook(&webhook).await;
    handle.happen().await;
    let seq = handle.seq().await;
    let due = handle.take_one().await;
    handle.note(&handle.missed(&due, Some(handle.now())), &webhook).await;
    assert_eq!(handle.look_webhook(&webhook).await, webhook, "it is tried again: nothing follows");
    let due = handle.take_one().await;
    handle.clock.advance(Duration::from_secs(1));
    assert!(!handle.note(&handle.arrived(&due), &webhook).await);
    let arrived = Delivery {
        status: DeliveryStatus::Delivered,
        next_at: None,
        last_at: Some(handle.now()),
        last_status: Some(204),
        last_error: None,
        ..due.delivery
    };
    assert_eq!(only(&handle, &webhook).await, arrived);
    let expected = Webhook { last_success_at: Some(handle.now()), exhausted: 0, ..webhook.clone() };
    assert_eq!(handle.look_webhook(&webhook).await, expected);
    handle.clock.advance(MINUTE * 9);
    assert_eq!(handle.take().await, []);
    assert_eq!(handle.seq().await, seq);
}

pub async fn a_failed_attempt_is_tried_again_at_its_time(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let webhook = handle.webhook(&[]).await;
    handle.happen().await;
    let due = handle.take_one().await;
    let next_at = Some(handle.now().plus(MINUTE));
    let missed = AttemptOutcome { status: None, ..handle.missed(&due, next_at) };
    assert!(!handle.note(&missed, &webhook).await);
    let expected = Delivery {
        status: DeliveryStatus::Pending,
        next_at,
        last_at: Some(handle.now()),
        last_status: None,
        last_error: missed.error,
        ..due.delivery
    };
    assert_eq!(only(&handle, &webhook).await, expected);
    handle.clock.advance(ALMOST);
    assert_eq!(handle.take().await, []);
    handle.clock.advance(MICRO);
    assert_eq!(handle.take_one().await.delivery.attempts, 2);
}

pub async fn a_delivery_is_given_up(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let webhook = handle.webhook(&[]).await;
    for exhausted in 1..=3 {
        handle.happen().await;
        let due = handle.take_one().await;
        let missed = handle.missed(&due, None);
        assert!(!handle.note(&missed, &webhook).await, "it is young");
        let given_up = Delivery {
            status: DeliveryStatus::Failed,
            next_at: None,
            last_at: Some(handle.now()),
            last_status: Some(500),
            last_error: missed.error,
            ..due.delivery
        };
        assert_eq!(handle.deliveries(&webhook).await[0], given_up);
        assert_eq!(handle.look_webhook(&webhook).await, Webhook { exhausted, ..webhook.clone() });
    }
    handle.clock.advance(MINUTE * 9);
    assert_eq!(handle.take().await, []);
}

pub async fn a_later_attempt_makes_an_earlier_one_void(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let webhook = handle.webhook(&[]).await;
    handle.happen().await;
    let first = handle.take_one().await;
    handle.clock.advance(MINUTE);
    let second = handle.take_one().await;
    for void in [handle.arrived(&first), handle.missed(&first, None), handle.missed(&first, Some(handle.now()))] {
        assert!(!handle.note(&void, &webhook).await);
        assert_eq!(only(&handle, &webhook).await, second.delivery);
    }
    assert_eq!(handle.look_webhook(&webhook).await, webhook);
    handle.note(&handle.arrived(&second), &webhook).await;
    assert_eq!(only(&handle, &webhook).await.status, DeliveryStatus::Delivered);
}

pub async fn an_attempt_is_noted_once(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let webhook = handle.webhook(&[]).await;
    handle.happen().await;
    let due = handle.take_one().await;
    handle.note(&handle.missed(&due, None), &webhook).await;
    let (delivery, counted) = (only(&handle, &webhook).await, handle.look_webhook(&webhook).await);
    for again in [handle.missed(&due, None), handle.arrived(&due), handle.missed(&due, Some(handle.now()))] {
        assert!(!handle.note(&again, &webhook).await);
        assert_eq!(only(&handle, &webhook).await, delivery, "it has ended");
    }
    assert_eq!(handle.look_webhook(&webhook).await, counted);
}

pub async fn a_webhook_that_never_answers_is_switched_off(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let webhook = handle.webhook(&[]).await;
    let fail = async || {
        handle.happen().await;
        let due = handle.take_one().await;
        handle.note(&handle.missed(&due, None), &webhook).await
    };
    handle.clock.advance(Webhook::SILENCE);
    for _ in 1..Webhook::EXHAUSTED {
        assert!(!fail().await, "not so many yet");
    }
    assert!(handle.look_webhook(&webhook).await.enabled);
    assert!(fail().await);
    let off = handle.look_webhook(&webhook).await;
    let disabled_at = Some(handle.now());
    assert_eq!(off, Webhook { enabled: false, disabled_at, exhausted: Webhook::EXHAUSTED, ..webhook.clone() });
    let audit = handle.audit().await;
    assert_eq!(audit.iter().filter(|record| record.action == "webhook.disabled").count(), 1);
    assert_eq!(audit.last().unwrap().action, "webhook.disabled");
    let told = handle.deliveries(&webhook).await.len();
    handle.happen().await;
    assert_eq!(handle.deliveries(&webhook).await.len(), told, "it hears nothing");
    handle.switch(&webhook, true).await;
    assert_eq!(handle.look_webhook(&webhook).await, webhook, "and has another chance");
    assert!(!fail().await);
}

pub async fn a_webhook_that_answered_lately_stays_on(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let webhook = handle.webhook(&[]).await;
    handle.clock.advance(Webhook::SILENCE);
    let attempt = async |arrives: bool| {
        handle.happen().await;
        let due = handle.take_one().await;
        let attempted = if arrives { handle.arrived(&due) } else { handle.missed(&due, None) };
        handle.note(&attempted, &webhook).await
    };
    assert!(!attempt(true).await);
    for _ in 0..Webhook::EXHAUSTED * 2 {
        assert!(!attempt(false).await);
    }
    assert!(handle.look_webhook(&webhook).await.enabled);
    handle.clock.advance(Webhook::SILENCE);
    assert!(attempt(false).await);
    assert!(!handle.look_webhook(&webhook).await.enabled);
}

pub async fn an_ended_delivery_is_started_again(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (webhook, other) = (handle.webhook(&[]).await, handle.webhook(&[]).await);
    handle.switch(&other, false).await;
    handle.happen().await;
    let due = handle.take_one().await;
    assert_eq!(handle.retry(&webhook, &due.delivery, handle.now()).await, None, "it is pending");
    handle.note(&handle.missed(&due, None), &webhook).await;
    for arrives in [true, false] {
        let ended = only(&handle, &webhook).await;
        let records = handle.audit().await.len();
        assert_eq!(handle.retry(&other, &ended, handle.now()).await, None, "it is another webhook's");
        let at = handle.now().plus(MINUTE);
        let started = handle.retry(&webhook, &ended, at).await.unwrap();
        let status = DeliveryStatus::Pending;
        assert_eq!(started, Delivery { status, attempts: 0, next_at: Some(at), ..ended });
        assert_eq!(only(&handle, &webhook).await, started);
        assert_eq!(handle.retry(&webhook, &started, at).await, None, "once");
        let audit = handle.audit().await;
        assert_eq!((audit.len(), audit[records].action.as_str()), (records + 1, "delivery.retried"));
        handle.clock.advance(ALMOST);
        assert_eq!(handle.take().await, []);
        handle.clock.advance(MICRO);
        let due = handle.take_one().await;
        assert_eq!(due.delivery.attempts, 1);
        let attempted = if arrives { handle.arrived(&due) } else { handle.missed(&due, None) };
        handle.note(&attempted, &webhook).await;
    }
    let mut stranger = only(&handle, &webhook).await;
    stranger.id = "msg_00000000000000000000000000000000".parse().unwrap();
    assert_eq!(handle.retry(&webhook, &stranger, handle.now()).await, None);
}

pub async fn deliveries_are_listed_in_pages(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (webhook, later) = (handle.webhook(&[]).await, handle.webhook(&[]).await);
    for _ in 0..5 {
        handle.happen().await;
    }
    let all = handle.deliveries(&webhook).await;
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted_by(|newer, older| newer.created_at > older.created_at));
    assert!(all.iter().all(|delivery| delivery.webhook == webhook.id));
    let first = handle.store.deliveries(&webhook.tenant, webhook.id, &page(2, Start::Newest)).await.unwrap();
    let cursor = Cursor { created_at: all[1].created_at, id: all[1].id.to_string() };
    assert_eq!((&first.items[..], first.next.as_ref()), (&all[..2], Some(&cursor)));
    let rest = handle.store.deliveries(&webhook.tenant, webhook.id, &page(9, Start::After(cursor))).await.unwrap();
    assert_eq!((&rest.items[..], rest.next), (&all[2..], None));
    let rest = handle.store.deliveries(&webhook.tenant, webhook.id, &page(9, Start::Offset(4))).await.unwrap();
    assert_eq!(rest.items, all[4..]);
    assert!(handle.deliveries(&later).await.iter().all(|delivery| delivery.webhook == later.id));
}

pub async fn old_ended_deliveries_are_swept(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let webhook = handle.webhook(&[]).await;
    for _ in 0..6 {
        handle.happen().await;
    }
    let taken = handle.take().await;
    for (number, due) in taken.iter().enumerate().take(5) {
        let attempted = if number % 2 == 0 { handle.arrived(due) } else { handle.missed(due, None) };
        handle.note(&attempted, &webhook).await;
    }
    let seq = handle.seq().await;
    let before = taken[4].delivery.created_at;
    let mut counts = Vec::new();
    for limit in [0, 3, 3, 3] {
        counts.push(handle.store.sweep_deliveries(before, limit).await.unwrap());
    }
    assert_eq!(counts, [0, 3, 1, 0]);
    let left = handle.deliveries(&webhook).await;
    assert_eq!(left.iter().map(|it| it.id).collect::<Vec<_>>(), [taken[5].delivery.id, taken[4].delivery.id]);
    let end = handle.now().plus(MINUTE);
    assert_eq!(handle.store.sweep_deliveries(end, 9).await, Ok(1));
    assert_eq!(only(&handle, &webhook).await.status, DeliveryStatus::Pending, "one that has not ended stays");
    assert_eq!(handle.seq().await, seq);
}
