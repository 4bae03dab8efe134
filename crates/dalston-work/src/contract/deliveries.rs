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

async fn only(hand: &WorkHandle, webhook: &Webhook) -> Delivery {
    let mut all = hand.deliveries(webhook).await;
    assert_eq!(all.len(), 1);
    all.remove(0)
}

pub async fn a_published_event_reaches_whoever_listens_once(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let listening = [hand.webhook(&[]).await, hand.webhook(&[EventKind::Failed]).await];
    let other = hand.webhook(&[EventKind::Completed]).await;
    let off = hand.webhook(&[]).await;
    hand.switch(&off, false).await;
    // An event that belongs to no job: subject and body are arbitrary.
    let event = |tenant: &str, subject: &str| Event {
        kind: EventKind::Failed,
        tenant: tenant.parse::<TenantId>().unwrap(),
        at: hand.now(),
        subject: subject.to_owned(),
        body: r#"{"data":{"it's":"\u0000🎉"}}"#.to_owned(),
    };
    let seq = hand.seq().await;
    let told = event("default", "key 1");
    for _ in 0..2 {
        hand.store.publish_event(&told).await.unwrap();
        hand.store.publish_event(&event("nobody", "key 1")).await.unwrap();
        for webhook in &listening {
            assert_eq!(only(&hand, webhook).await, Delivery::new(&told, webhook.id));
        }
        for webhook in [&other, &off] {
            assert_eq!(hand.deliveries(webhook).await, []);
        }
    }
    // The delivery is due. After it was delivered, publishing the same event again adds nothing.
    for due in hand.take().await {
        hand.note(&hand.arrived(&due), &due.webhook).await;
    }
    hand.store.publish_event(&told).await.unwrap();
    assert_eq!(hand.take().await, []);
    // Concurrent nodes publish the same event.
    let next = event("default", "key 2");
    let publish = || async { hand.store.publish_event(&next).await.unwrap() };
    tokio::join!(publish(), publish(), publish());
    assert_eq!(hand.take().await.len(), listening.len());
    assert_eq!(hand.seq().await, seq, "no change to record");
}

pub async fn a_delivery_is_taken_for_a_while(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    assert_eq!(hand.take().await, []);
    let webhook = hand.webhook(&[]).await;
    hand.happen().await;
    let new = only(&hand, &webhook).await;
    let seq = hand.seq().await;
    for attempts in 1..=3 {
        let due = hand.take_one().await;
        let delivery = Delivery { attempts, next_at: Some(hand.now().plus(MINUTE)), ..new.clone() };
        let secrets = vec![secret(0)];
        assert_eq!(due, DueDelivery { delivery: delivery.clone(), webhook: webhook.clone(), secrets });
        assert_eq!(only(&hand, &webhook).await, delivery);
        assert_eq!(hand.take().await, [], "by one only");
        hand.clock.advance(ALMOST);
        assert_eq!(hand.take().await, []);
        // The lease of the dead node expires.
        hand.clock.advance(MICRO);
    }
    assert_eq!(hand.seq().await, seq, "no change to record");
}

pub async fn the_oldest_due_is_taken_first(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let (one, two) = (hand.webhook(&[]).await, hand.webhook(&[]).await);
    for _ in 0..3 {
        hand.happen().await;
    }
    assert_eq!(hand.store.take_deliveries(0, MINUTE, &[]).await, Ok(Vec::new()));
    let mut taken = Vec::new();
    for limit in [2, 3, 9] {
        taken.extend(hand.store.take_deliveries(limit, MINUTE, &[]).await.unwrap());
        assert_eq!(taken.len(), [2, 5, 6][[2, 3, 9].iter().position(|it| *it == limit).unwrap()]);
    }
    assert!(taken.is_sorted_by_key(|due| due.delivery.created_at));
    for webhook in [&one, &two] {
        assert_eq!(taken.iter().filter(|due| due.webhook.id == webhook.id).count(), 3);
    }
    // The later deliveries get the earlier retry times.
    for (due, seconds) in taken.iter().zip([6_u64, 5, 4, 3, 2, 1]) {
        let at = hand.now().plus(Duration::from_secs(seconds));
        hand.note(&hand.missed(due, Some(at)), &due.webhook).await;
    }
    hand.clock.advance(Duration::from_secs(4));
    let again = hand.take().await;
    let expected: Vec<_> = taken[2..].iter().rev().map(|due| due.delivery.id).collect();
    assert_eq!(again.iter().map(|due| due.delivery.id).collect::<Vec<_>>(), expected);
}

pub async fn deliveries_of_a_disabled_webhook_stay(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let (off, on) = (hand.webhook(&[]).await, hand.webhook(&[]).await);
    hand.happen().await;
    hand.switch(&off, false).await;
    hand.happen().await;
    let waits = only(&hand, &off).await;
    let taken = hand.store.take_deliveries(2, MINUTE, &[]).await.unwrap();
    assert_eq!(
        taken.iter().map(|due| due.webhook.id).collect::<Vec<_>>(),
        [on.id, on.id],
        "they stand in nobody's way"
    );
    assert_eq!(only(&hand, &off).await, waits);
    hand.switch(&off, true).await;
    assert_eq!(hand.take_one().await.delivery.id, waits.id);
}

pub async fn webhooks_that_have_enough_are_passed_over(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let (slow, quick) = (hand.webhook(&[]).await, hand.webhook(&[]).await);
    for _ in 0..5 {
        hand.happen().await;
    }
    let of = |taken: &[DueDelivery], webhook: &Webhook| taken.iter().filter(|due| due.webhook.id == webhook.id).count();
    let taken = hand.store.take_deliveries(3, MINUTE, &[slow.id]).await.unwrap();
    assert_eq!((of(&taken, &slow), of(&taken, &quick)), (0, 3), "they stand in nobody's way");
    let waiting = hand.deliveries(&slow).await;
    assert!(waiting.iter().all(|delivery| delivery.attempts == 0), "and have lost nothing");
    assert_eq!(hand.store.take_deliveries(9, MINUTE, &[slow.id, quick.id]).await, Ok(Vec::new()));
    let taken = hand.take().await;
    assert_eq!((of(&taken, &slow), of(&taken, &quick)), (5, 2));
}

pub async fn an_arrival_is_noted(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let webhook = Webhook { exhausted: 4, ..hand.new_webhook() };
    hand.try_insert_webhook(&webhook).await;
    hand.happen().await;
    let seq = hand.seq().await;
    let due = hand.take_one().await;
    hand.note(&hand.missed(&due, Some(hand.now())), &webhook).await;
    assert_eq!(hand.look_webhook(&webhook).await, webhook, "it is tried again: nothing follows");
    let due = hand.take_one().await;
    hand.clock.advance(Duration::from_secs(1));
    assert!(!hand.note(&hand.arrived(&due), &webhook).await);
    let arrived = Delivery {
        status: DeliveryStatus::Delivered,
        next_at: None,
        last_at: Some(hand.now()),
        last_status: Some(204),
        last_error: None,
        ..due.delivery
    };
    assert_eq!(only(&hand, &webhook).await, arrived);
    let expected = Webhook { last_success_at: Some(hand.now()), exhausted: 0, ..webhook.clone() };
    assert_eq!(hand.look_webhook(&webhook).await, expected);
    hand.clock.advance(MINUTE * 9);
    assert_eq!(hand.take().await, []);
    assert_eq!(hand.seq().await, seq);
}

pub async fn a_failed_attempt_is_tried_again_at_its_time(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let webhook = hand.webhook(&[]).await;
    hand.happen().await;
    let due = hand.take_one().await;
    let next_at = Some(hand.now().plus(MINUTE));
    let missed = AttemptOutcome { status: None, ..hand.missed(&due, next_at) };
    assert!(!hand.note(&missed, &webhook).await);
    let expected = Delivery {
        status: DeliveryStatus::Pending,
        next_at,
        last_at: Some(hand.now()),
        last_status: None,
        last_error: missed.error,
        ..due.delivery
    };
    assert_eq!(only(&hand, &webhook).await, expected);
    hand.clock.advance(ALMOST);
    assert_eq!(hand.take().await, []);
    hand.clock.advance(MICRO);
    assert_eq!(hand.take_one().await.delivery.attempts, 2);
}

pub async fn a_delivery_is_given_up(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let webhook = hand.webhook(&[]).await;
    for exhausted in 1..=3 {
        hand.happen().await;
        let due = hand.take_one().await;
        let missed = hand.missed(&due, None);
        assert!(!hand.note(&missed, &webhook).await, "it is young");
        let given_up = Delivery {
            status: DeliveryStatus::Failed,
            next_at: None,
            last_at: Some(hand.now()),
            last_status: Some(500),
            last_error: missed.error,
            ..due.delivery
        };
        assert_eq!(hand.deliveries(&webhook).await[0], given_up);
        assert_eq!(hand.look_webhook(&webhook).await, Webhook { exhausted, ..webhook.clone() });
    }
    hand.clock.advance(MINUTE * 9);
    assert_eq!(hand.take().await, []);
}

pub async fn a_later_attempt_makes_an_earlier_one_void(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let webhook = hand.webhook(&[]).await;
    hand.happen().await;
    let first = hand.take_one().await;
    hand.clock.advance(MINUTE);
    let second = hand.take_one().await;
    for void in [hand.arrived(&first), hand.missed(&first, None), hand.missed(&first, Some(hand.now()))] {
        assert!(!hand.note(&void, &webhook).await);
        assert_eq!(only(&hand, &webhook).await, second.delivery);
    }
    assert_eq!(hand.look_webhook(&webhook).await, webhook);
    hand.note(&hand.arrived(&second), &webhook).await;
    assert_eq!(only(&hand, &webhook).await.status, DeliveryStatus::Delivered);
}

pub async fn an_attempt_is_noted_once(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let webhook = hand.webhook(&[]).await;
    hand.happen().await;
    let due = hand.take_one().await;
    hand.note(&hand.missed(&due, None), &webhook).await;
    let (delivery, counted) = (only(&hand, &webhook).await, hand.look_webhook(&webhook).await);
    for again in [hand.missed(&due, None), hand.arrived(&due), hand.missed(&due, Some(hand.now()))] {
        assert!(!hand.note(&again, &webhook).await);
        assert_eq!(only(&hand, &webhook).await, delivery, "it has ended");
    }
    assert_eq!(hand.look_webhook(&webhook).await, counted);
}

pub async fn a_webhook_that_never_answers_is_switched_off(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let webhook = hand.webhook(&[]).await;
    let fail = async || {
        hand.happen().await;
        let due = hand.take_one().await;
        hand.note(&hand.missed(&due, None), &webhook).await
    };
    hand.clock.advance(Webhook::SILENCE);
    for _ in 1..Webhook::EXHAUSTED {
        assert!(!fail().await, "not so many yet");
    }
    assert!(hand.look_webhook(&webhook).await.enabled);
    assert!(fail().await);
    let off = hand.look_webhook(&webhook).await;
    let disabled_at = Some(hand.now());
    assert_eq!(off, Webhook { enabled: false, disabled_at, exhausted: Webhook::EXHAUSTED, ..webhook.clone() });
    let audit = hand.audit().await;
    assert_eq!(audit.iter().filter(|record| record.action == "webhook.disabled").count(), 1);
    assert_eq!(audit.last().unwrap().action, "webhook.disabled");
    let told = hand.deliveries(&webhook).await.len();
    hand.happen().await;
    assert_eq!(hand.deliveries(&webhook).await.len(), told, "it hears nothing");
    hand.switch(&webhook, true).await;
    assert_eq!(hand.look_webhook(&webhook).await, webhook, "and has another chance");
    assert!(!fail().await);
}

pub async fn a_webhook_that_answered_lately_stays_on(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let webhook = hand.webhook(&[]).await;
    hand.clock.advance(Webhook::SILENCE);
    let attempt = async |arrives: bool| {
        hand.happen().await;
        let due = hand.take_one().await;
        let attempted = if arrives { hand.arrived(&due) } else { hand.missed(&due, None) };
        hand.note(&attempted, &webhook).await
    };
    assert!(!attempt(true).await);
    for _ in 0..Webhook::EXHAUSTED * 2 {
        assert!(!attempt(false).await);
    }
    assert!(hand.look_webhook(&webhook).await.enabled);
    hand.clock.advance(Webhook::SILENCE);
    assert!(attempt(false).await);
    assert!(!hand.look_webhook(&webhook).await.enabled);
}

pub async fn an_ended_delivery_is_started_again(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let (webhook, other) = (hand.webhook(&[]).await, hand.webhook(&[]).await);
    hand.switch(&other, false).await;
    hand.happen().await;
    let due = hand.take_one().await;
    assert_eq!(hand.retry(&webhook, &due.delivery, hand.now()).await, None, "it is pending");
    hand.note(&hand.missed(&due, None), &webhook).await;
    for arrives in [true, false] {
        let ended = only(&hand, &webhook).await;
        let records = hand.audit().await.len();
        assert_eq!(hand.retry(&other, &ended, hand.now()).await, None, "it is another webhook's");
        let at = hand.now().plus(MINUTE);
        let started = hand.retry(&webhook, &ended, at).await.unwrap();
        let status = DeliveryStatus::Pending;
        assert_eq!(started, Delivery { status, attempts: 0, next_at: Some(at), ..ended });
        assert_eq!(only(&hand, &webhook).await, started);
        assert_eq!(hand.retry(&webhook, &started, at).await, None, "once");
        let audit = hand.audit().await;
        assert_eq!((audit.len(), audit[records].action.as_str()), (records + 1, "delivery.retried"));
        hand.clock.advance(ALMOST);
        assert_eq!(hand.take().await, []);
        hand.clock.advance(MICRO);
        let due = hand.take_one().await;
        assert_eq!(due.delivery.attempts, 1);
        let attempted = if arrives { hand.arrived(&due) } else { hand.missed(&due, None) };
        hand.note(&attempted, &webhook).await;
    }
    let mut stranger = only(&hand, &webhook).await;
    stranger.id = "msg_00000000000000000000000000000000".parse().unwrap();
    assert_eq!(hand.retry(&webhook, &stranger, hand.now()).await, None);
}

pub async fn deliveries_are_listed_in_pages(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let (webhook, later) = (hand.webhook(&[]).await, hand.webhook(&[]).await);
    for _ in 0..5 {
        hand.happen().await;
    }
    let all = hand.deliveries(&webhook).await;
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted_by(|newer, older| newer.created_at > older.created_at));
    assert!(all.iter().all(|delivery| delivery.webhook == webhook.id));
    let first = hand.store.deliveries(&webhook.tenant, webhook.id, &page(2, Start::Newest)).await.unwrap();
    let cursor = Cursor { created_at: all[1].created_at, id: all[1].id.to_string() };
    assert_eq!((&first.items[..], first.next.as_ref()), (&all[..2], Some(&cursor)));
    let rest = hand.store.deliveries(&webhook.tenant, webhook.id, &page(9, Start::After(cursor))).await.unwrap();
    assert_eq!((&rest.items[..], rest.next), (&all[2..], None));
    let rest = hand.store.deliveries(&webhook.tenant, webhook.id, &page(9, Start::Offset(4))).await.unwrap();
    assert_eq!(rest.items, all[4..]);
    assert!(hand.deliveries(&later).await.iter().all(|delivery| delivery.webhook == later.id));
}

pub async fn old_ended_deliveries_are_swept(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let webhook = hand.webhook(&[]).await;
    for _ in 0..6 {
        hand.happen().await;
    }
    let taken = hand.take().await;
    for (number, due) in taken.iter().enumerate().take(5) {
        let attempted = if number % 2 == 0 { hand.arrived(due) } else { hand.missed(due, None) };
        hand.note(&attempted, &webhook).await;
    }
    let seq = hand.seq().await;
    let before = taken[4].delivery.created_at;
    let mut counts = Vec::new();
    for limit in [0, 3, 3, 3] {
        counts.push(hand.store.sweep_deliveries(before, limit).await.unwrap());
    }
    assert_eq!(counts, [0, 3, 1, 0]);
    let left = hand.deliveries(&webhook).await;
    assert_eq!(left.iter().map(|it| it.id).collect::<Vec<_>>(), [taken[5].delivery.id, taken[4].delivery.id]);
    let end = hand.now().plus(MINUTE);
    assert_eq!(hand.store.sweep_deliveries(end, 9).await, Ok(1));
    assert_eq!(only(&hand, &webhook).await.status, DeliveryStatus::Pending, "one that has not ended stays");
    assert_eq!(hand.seq().await, seq);
}
