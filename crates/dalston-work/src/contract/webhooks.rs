//! Webhooks: insert, get, list, update, rotate, delete.

use super::{
    WorkFixture,
    handle::{
        WorkHandle, at_once,
        hooks::secret,
        page,
        work::{ALMOST, MICRO, MINUTE},
    },
};
use crate::{EventKind, InsertWebhookOutcome, RotateWebhookOutcome, Webhook, WebhookPatch};
use dalston_model::{Actor, Cursor, Start, TenantId, Timestamp};
use std::time::Duration;

pub async fn every_field_of_a_webhook_survives(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let full = Webhook {
        url: "https://example.com/ü?a='\"\\&b=%20".to_owned(),
        description: Some("Ünï 'quo\"te' 🎉".parse().unwrap()),
        events: vec![EventKind::Cancelled, EventKind::Completed],
        enabled: false,
        disabled_at: Some(Timestamp::from_micros(1_767_225_600_000_001)),
        created_at: Timestamp::from_micros(1),
        created_by: Some(Actor::Key(hand.key_id())),
        last_success_at: Some(Timestamp::from_micros(253_402_300_799_999_999)),
        exhausted: u32::MAX,
        ..hand.new_webhook()
    };
    let plain = hand.new_webhook();
    let every = Webhook { events: EventKind::ALL.to_vec(), created_by: Some(Actor::Master), ..hand.new_webhook() };
    for webhook in [&full, &plain, &every] {
        assert_eq!(hand.try_insert_webhook(webhook).await, InsertWebhookOutcome::Inserted);
        assert_eq!(&hand.look_webhook(webhook).await, webhook);
        let listed = hand.store.webhooks(&webhook.tenant, &page(10, Start::Newest)).await.unwrap();
        assert!(listed.items.contains(webhook));
    }
    let audit = hand.audit().await;
    assert_eq!(audit.iter().map(|record| record.action.as_str()).collect::<Vec<_>>(), ["webhook.created"; 3]);
}

pub async fn a_webhook_of_an_unknown_tenant_is_not_inserted(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let webhook = Webhook { tenant: "nobody".parse().unwrap(), ..hand.new_webhook() };
    assert_eq!(hand.try_insert_webhook(&webhook).await, InsertWebhookOutcome::UnknownTenant);
    assert_eq!(hand.store.webhook(&webhook.tenant, webhook.id).await, Ok(None));
    assert_eq!(hand.seq().await, 0);
}

pub async fn a_tenant_has_only_so_many_webhooks(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let acme = hand.tenant("acme").await;
    let first = hand.webhook(&[]).await;
    for _ in 1..Webhook::MOST {
        hand.webhook(&[]).await;
    }
    let seq = hand.seq().await;
    let more = hand.new_webhook();
    assert_eq!(hand.try_insert_webhook(&more).await, InsertWebhookOutcome::TooMany);
    assert_eq!(hand.store.webhook(&more.tenant, more.id).await, Ok(None));
    assert_eq!(hand.seq().await, seq);
    let theirs = Webhook { tenant: acme, ..hand.new_webhook() };
    assert_eq!(hand.try_insert_webhook(&theirs).await, InsertWebhookOutcome::Inserted, "each has its own");
    assert!(hand.delete_webhook(&first).await);
    assert_eq!(hand.try_insert_webhook(&more).await, InsertWebhookOutcome::Inserted);
}

pub async fn webhooks_are_listed_in_pages(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let mut all = Vec::new();
    for _ in 0..5 {
        all.insert(0, hand.webhook(&[]).await);
    }
    let tenant = TenantId::default();
    let first = hand.store.webhooks(&tenant, &page(2, Start::Newest)).await.unwrap();
    let cursor = Cursor { created_at: all[1].created_at, id: all[1].id.to_string() };
    assert_eq!((&first.items[..], first.next.as_ref()), (&all[..2], Some(&cursor)));
    let rest = hand.store.webhooks(&tenant, &page(9, Start::After(cursor))).await.unwrap();
    assert_eq!((&rest.items[..], rest.next), (&all[2..], None));
    let rest = hand.store.webhooks(&tenant, &page(9, Start::Offset(4))).await.unwrap();
    assert_eq!(rest.items, all[4..]);
}

pub async fn another_tenants_webhook_is_unknown_to_every_step(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let acme = hand.tenant("acme").await;
    let ours = hand.webhook(&[]).await;
    hand.happen().await;
    let due = hand.take_one().await;
    let mut missed = hand.missed(&due, None);
    missed.tenant = acme.clone();
    let theirs = Webhook { tenant: acme.clone(), ..ours.clone() };
    assert!(!hand.note(&missed, &theirs).await);
    assert_eq!(hand.deliveries(&ours).await, std::slice::from_ref(&due.delivery), "no attempt of another's");
    missed.tenant = ours.tenant.clone();
    hand.note(&missed, &ours).await;
    let seq = hand.seq().await;
    let (before, deliveries) = (hand.look_webhook(&ours).await, hand.deliveries(&ours).await);
    let patch = WebhookPatch { enabled: Some(false), ..WebhookPatch::default() };
    assert_eq!(hand.store.webhook(&acme, ours.id).await, Ok(None));
    assert_eq!(hand.patch_webhook(&theirs, &patch).await, None);
    assert_eq!(hand.rotate_webhook(&theirs, 1, MINUTE, true).await, RotateWebhookOutcome::Unknown);
    assert_eq!(hand.deliveries(&theirs).await, []);
    assert_eq!(hand.retry(&theirs, &deliveries[0], hand.now()).await, None);
    assert!(!hand.delete_webhook(&theirs).await);
    assert_eq!(hand.store.webhooks(&acme, &page(10, Start::Newest)).await.unwrap().items, []);
    assert_eq!(hand.look_webhook(&ours).await, before);
    assert_eq!(hand.deliveries(&ours).await, deliveries);
    assert_eq!(hand.seq().await, seq);
}

pub async fn a_patch_changes_what_it_names_and_nothing_else(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let webhook = Webhook { disabled_at: Some(hand.now()), exhausted: 12, enabled: false, ..hand.new_webhook() };
    hand.try_insert_webhook(&webhook).await;
    let mut now = webhook.clone();
    let leave = WebhookPatch::default;
    let patches = [
        WebhookPatch { url: Some("https://example.org/'".to_owned()), ..leave() },
        WebhookPatch { description: Some(Some("what 'for'".parse().unwrap())), ..leave() },
        WebhookPatch { events: Some(vec![EventKind::Failed]), ..leave() },
        WebhookPatch { description: Some(None), ..leave() },
        WebhookPatch { events: Some(Vec::new()), ..leave() },
        WebhookPatch { enabled: Some(false), ..leave() },
        WebhookPatch { enabled: Some(true), ..leave() },
        WebhookPatch { enabled: Some(false), url: Some("https://example.net/".to_owned()), ..leave() },
    ];
    for (number, patch) in patches.iter().enumerate() {
        now = patch.apply(now);
        assert_eq!(hand.patch_webhook(&webhook, patch).await.as_ref(), Some(&now), "{patch:?}");
        assert_eq!(hand.look_webhook(&webhook).await, now);
        assert_eq!(hand.audit().await.len(), number + 2);
    }
    assert_eq!((now.disabled_at, now.exhausted), (None, 0), "switching it on cleared them");
    let stranger = hand.new_webhook();
    assert_eq!(hand.patch_webhook(&stranger, &patches[0]).await, None);
    assert_eq!(hand.audit().await.len(), patches.len() + 1);
}

pub async fn two_secrets_sign_while_a_rotation_overlaps(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let webhook = hand.webhook(&[]).await;
    // A retry that is due at once: the next take shows which secrets sign.
    hand.happen().await;
    let signs = async || {
        let due = hand.take_one().await;
        let at = Some(hand.now());
        hand.note(&hand.missed(&due, at), &webhook).await;
        due.secrets
    };
    assert_eq!(signs().await, [secret(0)]);
    let rotated = hand.rotated(&webhook, MINUTE);
    assert_eq!(hand.rotate_webhook(&webhook, 1, MINUTE, false).await, rotated);
    assert_eq!(signs().await, [secret(1), secret(0)]);
    hand.clock.advance(ALMOST);
    assert_eq!(signs().await, [secret(1), secret(0)]);
    let rotated = hand.rotated(&webhook, MINUTE);
    assert_eq!(hand.rotate_webhook(&webhook, 2, MINUTE, true).await, rotated);
    assert_eq!(signs().await, [secret(2), secret(1)], "the oldest ends at once");
    hand.clock.advance(ALMOST);
    assert_eq!(signs().await, [secret(2), secret(1)]);
    hand.clock.advance(MICRO);
    assert_eq!(signs().await, [secret(2)]);
    let rotated = hand.rotated(&webhook, Duration::ZERO);
    assert_eq!(hand.rotate_webhook(&webhook, 3, Duration::ZERO, false).await, rotated);
    assert_eq!(signs().await, [secret(3)]);
    let records = hand.audit().await;
    assert_eq!(records.iter().filter(|record| record.action == "webhook.rotated").count(), 3);
    let seq = hand.seq().await;
    assert_eq!(hand.rotate_webhook(&hand.new_webhook(), 1, MINUTE, false).await, RotateWebhookOutcome::Unknown);
    assert_eq!(hand.seq().await, seq);
}

pub async fn a_running_overlap_forbids_a_rotation(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let webhook = hand.webhook(&[]).await;
    hand.happen().await;
    hand.rotate_webhook(&webhook, 1, MINUTE, false).await;
    let (end, seq) = (hand.now().plus(MINUTE), hand.seq().await);
    for step in [Duration::ZERO, ALMOST] {
        hand.clock.advance(step);
        for length in [Duration::ZERO, MINUTE, MINUTE * 2] {
            let answer = hand.rotate_webhook(&webhook, 2, length, false).await;
            assert_eq!(answer, RotateWebhookOutcome::Overlapping(end), "{length:?}");
        }
    }
    assert_eq!(hand.seq().await, seq);
    assert_eq!(hand.take_one().await.secrets, [secret(1), secret(0)]);
    hand.clock.advance(MINUTE);
    let rotated = hand.rotated(&webhook, MINUTE);
    assert_eq!(hand.rotate_webhook(&webhook, 3, MINUTE, false).await, rotated);
    assert_eq!(hand.take_one().await.secrets, [secret(3), secret(1)]);
}

pub async fn parallel_rotations_keep_the_secret_that_signs(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let webhook = hand.webhook(&[]).await;
    hand.happen().await;
    let answers = at_once(8, |number| {
        let (hand, webhook) = (hand.clone(), webhook.clone());
        async move { hand.rotate_webhook(&webhook, number + 1, MINUTE, false).await }
    })
    .await;
    let refused = RotateWebhookOutcome::Overlapping(hand.now().plus(MINUTE));
    assert_eq!(answers.iter().filter(|answer| **answer == refused).count(), 7);
    assert_eq!(answers.iter().filter(|answer| **answer == hand.rotated(&webhook, MINUTE)).count(), 1);
    assert_eq!(hand.take_one().await.secrets[1..], [secret(0)]);
}

pub async fn a_rotation_changes_nothing_else(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let webhook = Webhook { enabled: false, exhausted: 3, ..hand.new_webhook() };
    hand.try_insert_webhook(&webhook).await;
    let rotated = hand.rotated(&webhook, MINUTE);
    assert_eq!(hand.rotate_webhook(&webhook, 1, MINUTE, false).await, rotated);
    assert_eq!(hand.look_webhook(&webhook).await, webhook);
}

pub async fn a_deleted_webhook_is_gone_with_its_deliveries(fixture: &WorkFixture) {
    let hand = WorkHandle::of(fixture);
    let (webhook, stays) = (hand.webhook(&[]).await, hand.webhook(&[]).await);
    hand.happen().await;
    let due = hand.take().await;
    let due = due.iter().find(|due| due.webhook.id == webhook.id).unwrap();
    assert!(hand.delete_webhook(&webhook).await);
    assert!(!hand.delete_webhook(&webhook).await);
    assert_eq!(hand.store.webhook(&webhook.tenant, webhook.id).await, Ok(None));
    assert_eq!(
        hand.store.webhooks(&webhook.tenant, &page(10, Start::Newest)).await.unwrap().items,
        std::slice::from_ref(&stays)
    );
    assert_eq!(hand.deliveries(&webhook).await, []);
    let seq = hand.seq().await;
    assert!(!hand.note(&hand.missed(due, None), &webhook).await);
    assert_eq!(hand.retry(&webhook, &due.delivery, hand.now()).await, None);
    hand.clock.advance(MINUTE);
    let left = hand.take().await;
    assert_eq!(left.iter().map(|due| due.webhook.id).collect::<Vec<_>>(), [stays.id]);
    assert_eq!(hand.seq().await, seq);
    let deleted = hand.audit().await;
    assert_eq!(deleted.iter().filter(|record| record.action == "webhook.deleted").count(), 1);
    hand.happen().await;
    assert_eq!(hand.deliveries(&stays).await.len(), 2);
    assert_eq!(hand.deliveries(&webhook).await, []);
}
