//! Update preconditions, checked in the transaction of the change.

use super::{
    Fixture,
    handle::{StoreHandle, scopes, within},
};
use crate::{PolicyViolation, RevokeKeyOutcome, RotateKeyOutcome, UpdateKeyOutcome, UpdatePrecondition};
use dalston_model::{KeyPatch, Scope, TenantId};
use std::time::Duration;

fn keep_admin(handle: &StoreHandle) -> UpdatePrecondition {
    UpdatePrecondition { keep_admin: true, ..handle.guard() }
}

fn disabled() -> KeyPatch {
    KeyPatch { enabled: Some(false), ..KeyPatch::default() }
}

pub async fn a_wider_key_is_not_changed(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let tenant = TenantId::default();
    let within = |names| UpdatePrecondition { within: Some(within(names)), ..handle.guard() };
    let wider = handle.key_of(&tenant, &["worker", "jobs:read"]).await;
    let callers = [
        (&["admin"][..], Scope::Worker),
        (&["worker"], Scope::JobsRead),
        (&["jobs:read", "jobs:write"], Scope::Worker),
    ];
    for (caller, beyond) in callers {
        let guard = within(caller);
        let refused = UpdateKeyOutcome::Refused(PolicyViolation::Wider(beyond));
        assert_eq!(handle.update(&wider.key, &disabled(), &guard).await, refused);
        let rotation = StoreHandle::rotation(Duration::ZERO);
        let answer = handle.try_rotate(&wider.key, &rotation, &guard, None).await;
        assert_eq!(answer, RotateKeyOutcome::Refused(PolicyViolation::Wider(beyond)));
        assert_eq!(
            handle.try_revoke(&wider.key, &guard).await,
            RevokeKeyOutcome::Refused(PolicyViolation::Wider(beyond))
        );
    }
    assert_eq!(handle.look(&wider.key).await.key, wider.key);
    let guard = within(&["platform"]);
    assert!(matches!(handle.update(&wider.key, &disabled(), &guard).await, UpdateKeyOutcome::Changed(_)));
    assert_eq!(handle.try_revoke(&wider.key, &within(&["worker", "jobs:read"])).await, RevokeKeyOutcome::Revoked);
}

pub async fn a_name_that_nobody_knows_is_within_admin_alone(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let stale = handle.key_of(&TenantId::default(), &["jobs:read", "gone:read"]).await;
    let refused = PolicyViolation::Wider(Scope::Admin);
    for caller in [&["jobs:read", "jobs:write"][..], &["worker", "metrics", "jobs:read"]] {
        let guard = UpdatePrecondition { within: Some(within(caller)), ..handle.guard() };
        assert_eq!(handle.update(&stale.key, &disabled(), &guard).await, UpdateKeyOutcome::Refused(refused));
        let answer = handle.try_rotate(&stale.key, &StoreHandle::rotation(Duration::ZERO), &guard, None).await;
        assert_eq!(answer, RotateKeyOutcome::Refused(refused));
        assert_eq!(handle.try_revoke(&stale.key, &guard).await, RevokeKeyOutcome::Refused(refused));
    }
    for caller in ["admin", "platform"] {
        let guard = UpdatePrecondition { within: Some(within(&[caller])), ..handle.guard() };
        assert!(
            matches!(handle.update(&stale.key, &disabled(), &guard).await, UpdateKeyOutcome::Changed(_)),
            "{caller}"
        );
        let answer = handle.try_rotate(&stale.key, &StoreHandle::replacement(Duration::ZERO), &guard, None).await;
        assert!(matches!(answer, RotateKeyOutcome::Rotated { .. }), "{caller}");
    }
    let admin = UpdatePrecondition { within: Some(within(&["admin"])), keep_admin: true, ..handle.guard() };
    assert_eq!(handle.try_revoke(&stale.key, &admin).await, RevokeKeyOutcome::Revoked);
}

pub async fn a_name_that_nobody_knows_makes_no_admin(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let tenant = TenantId::default();
    let admin = handle.key_of(&tenant, &["admin", "gone:read"]).await;
    for name in ["Admin", "gone:admin", "PLATFORM", "admin:"] {
        handle.key_of(&tenant, &[name]).await;
    }
    assert_eq!(
        handle.try_revoke(&admin.key, &keep_admin(&handle)).await,
        RevokeKeyOutcome::Refused(PolicyViolation::LastAdmin)
    );
    let losing = KeyPatch { scopes: Some(scopes(&["gone:read"])), ..KeyPatch::default() };
    let answer = handle.update(&admin.key, &losing, &keep_admin(&handle)).await;
    assert_eq!(answer, UpdateKeyOutcome::Refused(PolicyViolation::LastAdmin));
}

pub async fn the_last_live_admin_is_kept(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let tenant = TenantId::default();
    let (one, two) = (handle.key_of(&tenant, &["admin"]).await, handle.key_of(&tenant, &["admin"]).await);
    handle.key_of(&tenant, &["jobs:read"]).await;
    assert_eq!(handle.try_revoke(&one.key, &keep_admin(&handle)).await, RevokeKeyOutcome::Revoked);
    assert_eq!(
        handle.try_revoke(&two.key, &keep_admin(&handle)).await,
        RevokeKeyOutcome::Refused(PolicyViolation::LastAdmin)
    );
    assert_eq!(handle.find(&two.digest).await.key, two.key);
}

pub async fn the_last_admin_is_neither_disabled_nor_stripped_nor_ended(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let admin = handle.key_of(&TenantId::default(), &["admin"]).await;
    let losing = [
        disabled(),
        KeyPatch { scopes: Some(scopes(&["jobs:read", "worker"])), ..KeyPatch::default() },
        KeyPatch { expires_at: Some(Some(handle.now())), ..KeyPatch::default() },
    ];
    for patch in losing {
        let answer = handle.update(&admin.key, &patch, &keep_admin(&handle)).await;
        assert_eq!(answer, UpdateKeyOutcome::Refused(PolicyViolation::LastAdmin), "{patch:?}");
    }
    assert_eq!(handle.look(&admin.key).await.key, admin.key);
    let keeping = [
        KeyPatch { scopes: Some(scopes(&["admin", "worker"])), ..KeyPatch::default() },
        KeyPatch { expires_at: Some(Some(handle.now().plus(Duration::from_secs(1)))), ..KeyPatch::default() },
        KeyPatch { scopes: Some(scopes(&["platform"])), ..KeyPatch::default() },
    ];
    for patch in keeping {
        let answer = handle.update(&admin.key, &patch, &keep_admin(&handle)).await;
        assert!(matches!(answer, UpdateKeyOutcome::Changed(_)), "{patch:?}");
    }
    let rotation = StoreHandle::rotation(Duration::ZERO);
    let answer = handle.try_rotate(&admin.key, &rotation, &keep_admin(&handle), None).await;
    assert!(matches!(answer, RotateKeyOutcome::Rotated { .. }));
}

pub async fn an_admin_that_is_not_live_does_not_count(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let tenant = TenantId::default();
    let last = handle.key_of(&tenant, &["admin"]).await;
    let off = handle.key_of(&tenant, &["admin"]).await;
    handle.update(&off.key, &disabled(), &handle.guard()).await;
    let gone = handle.key_of(&tenant, &["admin"]).await;
    handle.revoke(&gone.key).await;
    let mut ending = handle.new_key();
    ending.key.scopes = scopes(&["admin"]);
    ending.key.expires_at = Some(handle.now().plus(Duration::from_secs(10)));
    handle.insert(&ending).await;
    // The key works up to its expiry, but not at that time.
    handle.clock.advance(Duration::from_secs(10));
    assert_eq!(
        handle.try_revoke(&last.key, &keep_admin(&handle)).await,
        RevokeKeyOutcome::Refused(PolicyViolation::LastAdmin)
    );
    let earlier = UpdatePrecondition { at: ending.key.created_at, ..keep_admin(&handle) };
    assert_eq!(handle.try_revoke(&last.key, &earlier).await, RevokeKeyOutcome::Revoked, "the guard's time decides");
}

pub async fn an_admin_of_another_tenant_does_not_count(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let acme = handle.tenant("acme").await;
    let (ours, _theirs) =
        (handle.key_of(&TenantId::default(), &["admin"]).await, handle.key_of(&acme, &["platform"]).await);
    assert_eq!(
        handle.try_revoke(&ours.key, &keep_admin(&handle)).await,
        RevokeKeyOutcome::Refused(PolicyViolation::LastAdmin)
    );
}

pub async fn a_platform_key_counts_as_an_admin(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let tenant = TenantId::default();
    let (admin, platform) = (handle.key_of(&tenant, &["admin"]).await, handle.key_of(&tenant, &["platform"]).await);
    assert_eq!(handle.try_revoke(&admin.key, &keep_admin(&handle)).await, RevokeKeyOutcome::Revoked);
    assert_eq!(
        handle.try_revoke(&platform.key, &keep_admin(&handle)).await,
        RevokeKeyOutcome::Refused(PolicyViolation::LastAdmin)
    );
}

pub async fn a_key_that_is_no_live_admin_may_always_go(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let tenant = TenantId::default();
    let plain = handle.key_of(&tenant, &["jobs:read", "worker"]).await;
    assert_eq!(handle.try_revoke(&plain.key, &keep_admin(&handle)).await, RevokeKeyOutcome::Revoked);
    let off = handle.key_of(&tenant, &["admin"]).await;
    handle.update(&off.key, &disabled(), &handle.guard()).await;
    assert_eq!(handle.try_revoke(&off.key, &keep_admin(&handle)).await, RevokeKeyOutcome::Revoked);
}

pub async fn the_last_admin_goes_when_nobody_asks_to_keep_it(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let admin = handle.key_of(&TenantId::default(), &["admin"]).await;
    assert!(matches!(handle.update(&admin.key, &disabled(), &handle.guard()).await, UpdateKeyOutcome::Changed(_)));
    assert_eq!(handle.revoke(&admin.key).await, RevokeKeyOutcome::Revoked);
}

pub async fn what_a_guard_refuses_leaves_no_trace(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let admin = handle.key_of(&TenantId::default(), &["admin"]).await;
    let seq = handle.seq().await;
    let within = UpdatePrecondition { within: Some(within(&["jobs:read"])), ..handle.guard() };
    let rotation = StoreHandle::rotation(Duration::ZERO);
    handle.try_rotate(&admin.key, &rotation, &within, None).await;
    handle.update(&admin.key, &disabled(), &keep_admin(&handle)).await;
    handle.try_revoke(&admin.key, &within).await;
    handle.try_revoke(&admin.key, &keep_admin(&handle)).await;
    assert_eq!(handle.store.find_key(&rotation.digest).await, Ok(None));
    assert_eq!(handle.find(&admin.digest).await.key, admin.key);
    assert!(handle.lives(&admin.digest).await);
    assert_eq!(handle.seq().await, seq);
    assert_eq!(handle.audit().await.len(), 1);
}
