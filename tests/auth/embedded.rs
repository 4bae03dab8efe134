//! The library without a gateway: keys of a service of one's own, on one node and on two.

use dalston_auth::{Auth, AuthRequest, MintedKey, NewKey, Product, RejectionReason, Requirement};
use dalston_model::{OsEntropy, Scope};
use dalston_store::Overlap;
use dalston_work::{SharedWorkStorage, contract::WorkFixture};
use kit::{log, patience::eventually, stores};
use std::sync::Arc;

/// A node on the store, by its clock.
fn node(fixture: &WorkFixture) -> Auth {
    let builder =
        Auth::builder(fixture.store.clone()).product(Product::named("notes").unwrap()).key_prefix("notes_").unwrap();
    builder.clock_and_entropy(fixture.clock.clone(), Arc::new(OsEntropy)).build().unwrap()
}

async fn made(node: &Auth) -> MintedKey {
    let ask = NewKey::named("ci".parse().unwrap(), "jobs:read".parse().unwrap());
    let made = node.keys().create(&node.operator("a test"), ask, None).await.unwrap();
    log::guard(made.secret.expose());
    made
}

/// Why the secret is refused, if it is.
async fn reason(node: &Auth, secret: &str) -> Option<RejectionReason> {
    let entered =
        node.gate().authenticate(AuthRequest::with_key(secret, None), Requirement::Scope(Scope::JobsRead)).await;
    entered.err().map(|denied| denied.reason)
}

async fn count(store: &SharedWorkStorage, made: &MintedKey) -> u64 {
    let key = &made.key.key;
    store.usage(&key.tenant, key.id, dalston_model::Day::from_number(0)).await.unwrap().unwrap().usage_count
}

async fn a_service_creates_rotates_revokes_and_lists_keys(fixture: WorkFixture) {
    let node = node(&fixture);
    let background = node.spawn();
    let first = made(&node).await;
    assert_eq!(reason(&node, first.secret.expose()).await, None);

    let rotated = node.keys().rotate(&node.operator("a test"), first.key.key.id, Overlap::none(), None).await.unwrap();
    log::guard(rotated.secret.expose());
    assert_eq!(reason(&node, first.secret.expose()).await, Some(RejectionReason::InvalidCredential));
    assert_eq!(reason(&node, rotated.secret.expose()).await, None);

    let listed = node.keys().list(&node.operator("a test"), &Default::default(), false).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    node.keys().revoke(&node.operator("a test"), first.key.key.id).await.unwrap();
    assert_eq!(reason(&node, rotated.secret.expose()).await, Some(RejectionReason::InvalidCredential));
    assert!(node.keys().list(&node.operator("a test"), &Default::default(), false).await.unwrap().items.is_empty());

    background.stop().await;
    assert_eq!(count(&fixture.store, &first).await, 2, "what was counted is written at the stop");
}

async fn what_one_node_revokes_the_other_refuses(fixture: WorkFixture) {
    let (here, there) = (node(&fixture), node(&fixture));
    let (mut background, mut there_too) = (here.spawn(), there.spawn());
    background.ready().await;
    there_too.ready().await;
    let made = made(&here).await;
    let secret = made.secret.expose();
    assert_eq!(reason(&there, secret).await, None);
    here.keys().revoke(&here.operator("a test"), made.key.key.id).await.unwrap();
    assert_eq!(reason(&here, secret).await, Some(RejectionReason::InvalidCredential));
    eventually("the other node has followed", async || reason(&there, secret).await.is_some()).await;
    background.stop().await;
    there_too.stop().await;
}

macro_rules! on_every_store {
    ($($store:ident)*) => {
        $(mod $store {
            #[tokio::test]
            async fn a_service_creates_rotates_revokes_and_lists_keys() {
                super::a_service_creates_rotates_revokes_and_lists_keys(super::stores::$store().await).await;
            }

            #[tokio::test]
            async fn what_one_node_revokes_the_other_refuses() {
                super::what_one_node_revokes_the_other_refuses(super::stores::$store().await).await;
            }
        })*
    };
}

on_every_store! { memory sqlite postgres redis }
