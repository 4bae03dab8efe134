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
    let handle = WorkHandle::of(fixture);
    let full = Webhook {
        url: "https://example.com/ü?a='\"\\&b=%20".to_owned(),
        description: Some("Ünï 'quo\"te' 🎉".parse().unwrap()),
        events: vec![EventKind::Cancelled, EventKind::Completed],
        enabled: false,
        disabled_at: Some(Timestamp::from_micros(1_767_225_600_000_001)),
        created_at: Timestamp::from_micros(1),
        created_by: Some(Actor::Key(handle.key_id())),
        last_success_at: Some(Timestamp::from_micros(253_402_300_799_999_999)),
        exhausted: u32::MAX,
        ..handle.new_webhook()
    };
    let plain = handle.new_webhook();
    let every = Webhook { events: EventKind::ALL.to_vec(), created_by: Some(Actor::Master), ..handle.new_webhook() };
    for webhook in [&full, &plain, &every] {
        assert_eq!(handle.try_insert_webhook(webhook).await, InsertWebhookOutcome::Inserted);
        assert_eq!(&handle.look_webhook(webhook).await, webhook);
        let listed = handle.store.webhooks(&webhook.tenant, &page(10, Start::Newest)).await.unwrap();
        assert!(listed.items.contains(webhook));
    }
    let audit = handle.audit().await;
    assert_eq!(audit.iter().map(|record| record.action.as_str()).collect::<Vec<_>>(), ["webhook.created"; 3]);
}

pub async fn a_webhook_of_an_unknown_tenant_is_not_inserted(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let webhook = Webhook { tenant: "nobody".parse().unwrap(), ..handle.new_webhook() };
    assert_eq!(handle.try_insert_webhook(&webhook).await, InsertWebhookOutcome::UnknownTenant);
    assert_eq!(handle.store.webhook(&webhook.tenant, webhook.id).await, Ok(None));
    assert_eq!(handle.seq().await, 0);
}

pub async fn a_tenant_has_only_so_many_webhooks(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let acme = handle.tenant("acme").await;
    let first = handle.webhook(&[]).await;
    for _ in 1..Webhook::MOST {
        handle.webhook(&[]).await;
    }
    let seq = handle.seq().await;
    let more = handle.new_webhook();
    assert_eq!(handle.try_insert_webhook(&more).await, InsertWebhookOutcome::TooMany);
    assert_eq!(handle.store.webhook(&more.tenant, more.id).await, Ok(None));
    assert_eq!(handle.seq().await, seq);
    let theirs = Webhook { tenant: acme, ..handle.new_webhook() };
    assert_eq!(handle.try_insert_webhook(&theirs).await, InsertWebhookOutcome::Inserted, "each has its own");
    assert!(handle.delete_webhook(&first).await);
    assert_eq!(handle.try_insert_webhook(&more).await, InsertWebhookOutcome::Inserted);
}

pub async fn webhooks_are_listed_in_pages(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let mut all = Vec::new();
    for _ in 0..5 {
        all.insert(0, handle.webhook(&[]).await);
    }
    let tenant = TenantId::default();
    let first = handle.store.webhooks(&tenant, &page(2, Start::Newest)).await.unwrap();
    let cursor = Cursor { created_at: all[1].created_at, id: all[1].id.to_string() };
    assert_eq!((&first.items[..], first.next.as_ref()), (&all[..2], Some(&cursor)));
    let rest = handle.store.webhooks(&tenant, &page(9, Start::After(cursor))).await.unwrap();
    assert_eq!((&rest.items[..], rest.next), (&all[2..], None));
    let rest = handle.store.webhooks(&tenant, &page(9, Start::Offset(4))).await.unwrap();
    assert_eq!(rest.items, all[4..]);
}

pub async fn another_tenants_webhook_is_unknown_to_every_step(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let acme = handle.tenant("acme").await;
    let ours = handle.webhook(&[]).await;
    handle.happen().await;
    let due = handle.take_one().await;
    let mut missed = handle.missed(&due, None);
    missed.tenant = acme.clone();
    let theirs = Webhook { tenant: acme.clone(), ..ours.clone() };
    assert!(!handle.note(&missed, &theirs).await);
    assert_eq!(handle.deliveries(&ours).await, std::slice::from_ref(&due.delivery), "no attempt of another's");
    missed.tenant = ours.tenant.clone();
    handle.note(&missed, &ours).await;
    let seq = handle.seq().await;
    let (before, deliveries) = (handle.look_webhook(&ours).await, handle.deliveries(&ours).await);
    let patch = WebhookPatch { enabled: Some(false), ..WebhookPatch::default() };
    assert_eq!(handle.store.webhook(&acme, ours.id).await, Ok(None));
    assert_eq!(handle.patch_webhook(&theirs, &patch).await, None);
    assert_eq!(handle.rotate_webhook(&theirs, 1, MINUTE, true).await, RotateWebhookOutcome::Unknown);
    assert_eq!(handle.deliveries(&theirs).await, []);
    assert_eq!(handle.retry(&theirs, &deliveries[0], handle.now()).await, None);
    assert!(!handle.delete_webhook(&theirs).await);
    assert_eq!(handle.store.webhooks(&acme, &page(10, Start::Newest)).await.unwrap().items, []);
    assert_eq!(handle.look_webhook(&ours).await, before);
    assert_eq!(handle.deliveries(&ours).await, deliveries);
    assert_eq!(handle.seq().await, seq);
}

pub async fn a_patch_changes_what_it_names_and_nothing_else(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let webhook = Webhook { disabled_at: Some(handle.now()), exhausted: 12, enabled: false, ..handle.new_webhook() };
    handle.try_insert_webhook(&webhook).await;
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
        assert_eq!(handle.patch_webhook(&webhook, patch).await.as_ref(), Some(&now), "{patch:?}");
        assert_eq!(handle.look_webhook(&webhook).await, now);
        assert_eq!(handle.audit().await.len(), number + 2);
    }
    assert_eq!((now.disabled_at, now.exhausted), (None, 0), "switching it on cleared them");
    let stranger = handle.new_webhook();
    assert_eq!(handle.patch_webhook(&stranger, &patches[0]).await, None);
    assert_eq!(handle.audit().await.len(), patches.len() + 1);
}

pub async fn two_secrets_sign_while_a_rotation_overlaps(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let webhook = handle.webhook(&[]).await;
    // A retry that is due at once: the next take shows which secrets sign.
    handle.happen().await;
    let signs = async || {
        let due = handle.take_one().await;
        let at = Some(handle.now());
        handle.note(&handle.missed(&due, at), &webhook).await;
        due.secrets
    };
    assert_eq!(signs().await, [secret(0)]);
    let rotated = handle.rotated(&webhook, MINUTE);
    assert_eq!(handle.rotate_webhook(&webhook, 1, MINUTE, false).await, rotated);
    assert_eq!(signs().await, [secret(1), secret(0)]);
    handle.clock.advance(ALMOST);
    assert_eq!(signs().await, [secret(1), secret(0)]);
    let rotated = handle.rotated(&webhook, MINUTE);
    assert_eq!(handle.rotate_webhook(&webhook, 2, MINUTE, true).await, rotated);
    assert_eq!(signs().await, [secret(2), secret(1)], "the oldest ends at once");
    handle.clock.advance(ALMOST);
    assert_eq!(signs().await, [secret(2), secret(1)]);
    handle.clock.advance(MICRO);
    assert_eq!(signs().await, [secret(2)]);
    let rotated = handle.rotated(&webhook, Duration::ZERO);
    assert_eq!(handle.rotate_webhook(&webhook, 3, Duration::ZERO, false).await, rotated);
    assert_eq!(signs().await, [secret(3)]);
    let records = handle.audit().await;
    assert_eq!(records.iter().filter(|record| record.action == "webhook.rotated").count(), 3);
    let seq = handle.seq().await;
    assert_eq!(handle.rotate_webhook(&handle.new_webhook(), 1, MINUTE, false).await, RotateWebhookOutcome::Unknown);
    assert_eq!(handle.seq().await, seq);
}

pub async fn a_running_overlap_forbids_a_rotation(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let webhook = handle.webhook(&[]).await;
    handle.happen().await;
    handle.rotate_webhook(&webhook, 1, MINUTE, false).await;
    let (end, seq) = (handle.now().plus(MINUTE), handle.seq().await);
    for step in [Duration::ZERO, ALMOST] {
        handle.clock.advance(step);
        for length in [Duration::ZERO, MINUTE, MINUTE * 2] {
            let answer = handle.rotate_webhook(&webhook, 2, length, false).await;
            assert_eq!(answer, RotateWebhookOutcome::Overlapping(end), "{length:?}");
        }
    }
    assert_eq!(handle.seq().await, seq);
    assert_eq!(handle.take_one().await.secrets, [secret(1), secret(0)]);
    handle.clock.advance(MINUTE);
    let rotated = handle.rotated(&webhook, MINUTE);
    assert_eq!(handle.rotate_webhook(&webhook, 3, MINUTE, false).await, rotated);
    assert_eq!(handle.take_one().await.secrets, [secret(3), secret(1)]);
}

pub async fn parallel_rotations_keep_the_secret_that_signs(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let webhook = handle.webhook(&[]).await;
    handle.happen().await;
    let answers = at_once(8, |number| {
        let (handle, webhook) = (handle.clone(), webhook.clone());
        async move { handle.rotate_webhook(&webhook, number + 1, MINUTE, false).await }
    })
    .await;
    let refused = RotateWebhookOutcome::Overlapping(handle.now().plus(MINUTE));
    assert_eq!(answers.iter().filter(|answer| **answer == refused).count(), 7);
    assert_eq!(answers.iter().filter(|answer| **answer == handle.rotated(&webhook, MINUTE)).count(), 1);
    assert_eq!(handle.take_one().await.secrets[1..], [secret(0)]);
}

pub async fn a_rotation_changes_nothing_else(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let webhook = Webhook { enabled: false, exhausted: 3, ..handle.new_webhook() };
    handle.try_insert_webhook(&webhook).await;
    let rotated = handle.rotated(&webhook, MINUTE);
    assert_eq!(handle.rotate_webhook(&webhook, 1, MINUTE, false).await, rotated);
    assert_eq!(handle.look_webhook(&webhook).await, webhook);
}

pub async fn a_deleted_webhook_is_gone_with_its_deliveries(fixture: &WorkFixture) {
    let handle = WorkHandle::of(fixture);
    let (webhook, stays) = (handle.webhook(&[]).await, handle.webhook(&[]).await);
    handle.happen().await;
    let due = handle.take().await;
    let due = due.iter().find(|due| due.webhook.id == webhook.id).unwrap();
    assert!(handle.delete_webhook(&webhook).await);
    assert!(!handle.delete_webhook(&webhook).await);
    assert_eq!(handle.store.webhook(&webhook.tenant, webhook.id).await, Ok(None));
    assert_eq!(
        handle.store.webhooks(&webhook.tenant, &page(10, Start::Newest)).await.unwrap().items,
        std::slice::from_ref(&stays)
    );
    assert_eq!(handle.deliveries(&webhook).await, []);
    let seq = handle.seq().await;
    assert!(!handle.note(&handle.missed(due, None), &webhook).await);
    assert_eq!(handle.retry(&webhook, &due.delivery, handle.now()).await, None);
    handle.clock.advance(MINUTE);
    let left = handle.take().await;
    assert_eq!(left.iter().map(|due| due.webhook.id).collect::<Vec<_>>(), [stays.id]);
    assert_eq!(handle.seq().await, seq);
    let deleted = handle.audit().await;
    assert_eq!(deleted.iter().filter(|record| record.action == "webhook.deleted").count(), 1);
    handle.happen().await;
    assert_eq!(handle.deliveries(&stays).await.len(), 2);
    assert_eq!(handle.deliveries(&webhook).await, []);
}
