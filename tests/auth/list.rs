//! `GET /auth/keys`: newest first, in pages (LIST-01).

use kit::{app::App, client::Client};
use serde_json::json;
use std::time::Duration;

/// An admin, and the ids of `count` keys, newest first, the admin's last.
async fn with_keys(count: usize) -> (App, Client, Vec<String>) {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let mut ids = vec![admin.id.unwrap().to_string()];
    for _ in 0..count {
        // Every second pair is made in the same moment.
        if ids.len() % 2 == 0 {
            app.clock.advance(Duration::from_secs(1));
        }
        ids.push(app.key("jobs:read").await.id.unwrap().to_string());
    }
    // In one moment the ids decide.
    let listed = admin.get("/auth/keys?limit=100").await.expect(200);
    let listed: Vec<String> = listed.ids().into_iter().map(str::to_owned).collect();
    let (mut made, mut seen) = (ids.clone(), listed.clone());
    made.sort();
    seen.sort();
    assert_eq!(made, seen);
    (app, admin, listed)
}

/// The ids of all pages from this path on.
async fn walk(client: &Client, path: &str) -> Vec<Vec<String>> {
    let (mut pages, mut path) = (Vec::new(), path.to_owned());
    loop {
        let page = client.get(&path).await.expect(200);
        pages.push(page.ids().into_iter().map(str::to_owned).collect());
        match page.next() {
            Some(next) => path = next.to_owned(),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn keys_are_listed_newest_first_without_their_secrets() {
    let (_app, admin, _) = with_keys(5).await;
    let list = admin.get("/auth/keys").await.expect(200);
    let times: Vec<&str> =
        list.json.as_array().unwrap().iter().map(|key| key["created_at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
    assert_eq!(times.len(), 6);
    for key in list.json.as_array().unwrap() {
        assert_eq!(key.get("key"), None);
        let got = admin.get(&format!("/auth/keys/{}", key["id"].as_str().unwrap())).await.expect(200);
        assert_eq!(&got.json, key);
    }
}

#[tokio::test]
async fn a_page_leads_to_the_next_until_all_keys_were_seen_once() {
    let (_app, admin, ids) = with_keys(6).await;
    for limit in [1, 2, 3, 6, 7, 8] {
        let pages = walk(&admin, &format!("/auth/keys?limit={limit}")).await;
        assert!(pages.iter().all(|page| (1..=limit).contains(&page.len())), "{limit}");
        assert_eq!(pages.concat(), ids, "{limit}");
    }
}

#[tokio::test]
async fn unless_told_a_page_has_twenty_keys() {
    let (_app, admin, ids) = with_keys(21).await;
    let pages = walk(&admin, "/auth/keys").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [20, 2]);
    assert_eq!(pages.concat(), ids);
}

#[tokio::test]
async fn keys_made_while_paging_are_neither_seen_nor_in_the_way() {
    let (app, admin, ids) = with_keys(5).await;
    let first = admin.get("/auth/keys?limit=2").await.expect(200);
    app.clock.advance(Duration::from_secs(1));
    app.key("jobs:read").await;
    admin.delete(&format!("/auth/keys/{}", ids[1])).await.expect(200);
    assert_eq!(walk(&admin, first.next().unwrap()).await.concat(), ids[2..]);
}

#[tokio::test]
async fn revoked_keys_are_listed_when_asked_for_and_links_keep_the_question() {
    let (_app, admin, ids) = with_keys(4).await;
    let revoked = ids.iter().find(|id| **id != admin.id.unwrap().to_string()).unwrap();
    admin.delete(&format!("/auth/keys/{revoked}")).await.expect(200);
    assert!(!walk(&admin, "/auth/keys?limit=1").await.concat().contains(revoked));
    assert!(!walk(&admin, "/auth/keys?limit=1&include_revoked=false").await.concat().contains(revoked));
    assert_eq!(walk(&admin, "/auth/keys?limit=1&include_revoked=true").await.concat(), ids);
}

#[tokio::test]
async fn a_tenants_list_holds_its_own_keys_only() {
    let (app, admin, ids) = with_keys(2).await;
    let stranger = app.key_of("other", "admin", |ask| ask).await;
    assert_eq!(stranger.get("/auth/keys").await.expect(200).ids(), [stranger.id.unwrap().to_string()]);
    assert_eq!(walk(&admin, "/auth/keys").await.concat(), ids);
    // A cursor of another tenant is a place in time, and shows nothing of it.
    let page = admin.get("/auth/keys?limit=1").await.expect(200);
    let theirs = stranger.get(page.next().unwrap()).await.expect(200);
    assert!(theirs.ids().iter().all(|id| !ids.contains(&(*id).to_owned())), "TEN-01");
}

#[tokio::test]
async fn a_page_that_cannot_be_is_refused_by_its_field() {
    let (_app, admin, _) = with_keys(0).await;
    for value in ["0", "101", "-1", "%2B5", "+5", "abc", "", "1.5", "99999999999999999999", "5%20"] {
        let answer = admin.get(&format!("/auth/keys?limit={value}")).await.expect(422);
        assert_eq!(answer.fields(), ["limit"], "LIST-01 {value}");
    }
    for value in ["2", "", "null", "tru", "1.0"] {
        assert_eq!(
            admin.get(&format!("/auth/keys?include_revoked={value}")).await.expect(422).fields(),
            ["include_revoked"]
        );
    }
    for value in ["True", "1", "yes", "TRUE", "false", "0", "No"] {
        admin.get(&format!("/auth/keys?include_revoked={value}&limit=5.0")).await.expect(200);
    }
    for cursor in ["", "x", "1", "00060a24181e4000.", "zz.x"] {
        let answer = admin.get(&format!("/auth/keys?cursor={cursor}")).await;
        assert_eq!((answer.code(), answer.problem()), (400, "invalid_request"), "{cursor}");
    }
    for unknown in ["offset", "status", "tenant_id", "Limit"] {
        assert_eq!(admin.get(&format!("/auth/keys?{unknown}=1")).await.expect(422).fields(), [unknown]);
    }
    for twice in ["limit=1&limit=1", "limit=1&limit=2"] {
        assert_eq!(admin.get(&format!("/auth/keys?{twice}")).await.expect(400).problem(), "invalid_request");
    }
    assert_eq!(
        admin.post("/auth/keys?limit=1", json!({"name": "n", "limit": 1})).await.expect(422).fields(),
        ["limit"]
    );
}
