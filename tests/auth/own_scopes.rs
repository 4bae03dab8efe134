//! Scopes of the deployment's own, at every door.

use actix_web::{
    App as Service,
    test::{TestRequest, call_service, init_service},
    web,
};
use dalston_actix::{ContextMiddleware, Guard, RequirePermit};
use dalston_auth::{Auth, NewKey, Permit, Right, right};
use dalston_work::contract::WorkFixture;
use kit::{
    app::{App, Start},
    client::Client,
    log, stores,
};
use serde_json::{Value, json};

right!(NotesRead = "notes:read");
right!(NotesWrite = "notes:write");

const KNOWN: &str = "must name known scopes only: jobs:read, jobs:write, realtime, webhooks, nudge, verify, admin, \
                     worker, metrics, platform, notes:read, notes:write";

/// A gateway that names two scopes, in an order that is not that of display.
fn naming() -> Start {
    Start::default().set("DALSTON_SCOPES", "notes:write, notes:read")
}

fn path(client: &Client) -> String {
    format!("/auth/keys/{}", client.id.unwrap())
}

#[tokio::test]
async fn a_key_is_given_scopes_of_the_deployments_own() {
    let app = naming().start().await;
    let admin = app.key("admin").await;
    let ask = json!({"name": "n", "scopes": ["notes:write", "jobs:read", "notes:read"]});
    let made = admin.post("/auth/keys", ask).await.expect(201);
    let shown = json!(["jobs:read", "notes:read", "notes:write"]);
    assert_eq!(made.json["scopes"], shown);
    let client = app.with(&made.secret());
    assert_eq!(client.get("/auth/me").await.expect(200).json["scopes"], shown);
    let permit: Result<Permit<NotesRead>, _> = app.caller(&client).await.permit();
    assert!(permit.is_ok());
    let caller = client.get("/help").await.expect(200).json["caller"].clone();
    assert_eq!(caller, "n, tenant default, scopes jobs:read,notes:read,notes:write, no limit");
    let id = made.json["id"].as_str().unwrap();
    let patch = json!({"scopes": ["notes:write"]});
    assert_eq!(
        admin.patch(&format!("/auth/keys/{id}"), patch).await.expect(200).json["scopes"],
        json!(["notes:write"])
    );
    assert!(app.caller(&client).await.permit::<NotesRead>().is_err());
    let audit = admin.get("/v1/audit?action=key.updated").await.expect(200);
    assert_eq!(audit.json[0]["detail"]["scopes"], json!(["notes:write"]));
}

#[tokio::test]
async fn an_unknown_scope_is_refused_by_the_same_words_at_every_door() {
    let app = naming().start().await;
    let admin = app.key("admin").await;
    let victim = app.key("notes:read").await;
    let errors = json!([{"field": "scopes", "detail": KNOWN}]);
    // Alike in all but their case, their letters, their length.
    for wrong in ["Notes:read", "notes:reаd", "notes", "notes:read:all", "NOTES:WRITE", "", " notes:read", "*"] {
        let scopes = json!(["jobs:read", wrong]);
        let create = json!({"name": "n", "scopes": scopes});
        let made = admin.post("/auth/keys", create.clone()).await.expect(422);
        assert_eq!((made.problem(), &made.json["errors"]), ("invalid_request", &errors), "{wrong:?}");
        let patched = admin.patch(&path(&victim), json!({"scopes": scopes})).await.expect(422);
        assert_eq!(patched.json["errors"], errors, "{wrong:?}");
        let called = admin.post("/call", json!({"command": "keys.create", "arguments": create})).await.expect(422);
        assert_eq!(called.json["errors"], errors, "{wrong:?}");
        let call = json!({"name": "create_api_key", "arguments": create});
        let asked = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call});
        let tool = admin.post("/mcp", asked).await.expect(200);
        assert_eq!(tool.json["result"]["structuredContent"]["errors"], errors, "{wrong:?} {}", tool.text);
    }
    let typed = admin.post("/call", json!({"command": "/keys_create name=n scopes=notes:reed"})).await.expect(422);
    assert_eq!(typed.json["errors"], errors);
    assert_eq!(admin.get("/auth/keys").await.expect(200).json.as_array().unwrap().len(), 2, "none was made");
}

#[tokio::test]
async fn without_scopes_of_its_own_a_gateway_lists_the_built_in_ones() {
    let app = App::start().await;
    let refused = app.key("admin").await.post("/auth/keys", json!({"name": "n", "scopes": ["notes:read"]})).await;
    let built_in = KNOWN.trim_end_matches(", notes:read, notes:write");
    assert_eq!(refused.expect(422).json["errors"][0]["detail"], built_in);
}

#[tokio::test]
async fn the_schemas_of_tools_list_the_scopes_that_are_known() {
    let app = naming().start().await;
    let asked = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}});
    let listed = app.key("admin").await.post("/mcp", asked).await.expect(200);
    let tools = listed.json["result"]["tools"].as_array().unwrap();
    let names: Vec<&str> = KNOWN.split_once(": ").unwrap().1.split(", ").collect();
    for tool in ["create_api_key", "update_api_key"] {
        let tool = tools.iter().find(|listed| listed["name"] == tool).unwrap();
        let scopes = &tool["inputSchema"]["properties"]["scopes"];
        assert_eq!(scopes["items"], json!({"type": "string", "enum": names}), "{tool}");
    }
    // What language models are given comes from the same rows.
    let row = app.runtime.registry.row("keys.create").unwrap();
    assert_eq!(row.schema["properties"]["scopes"]["items"]["enum"], json!(names));
}

/// A handler behind a guard of one right takes the permit of that one, and of another only from whoever has it.
#[actix_web::test]
async fn a_service_guards_by_scopes_of_its_own() {
    let fixture = stores::memory().await;
    let auth = Auth::builder(fixture.store.clone()).scopes(["notes:read", "notes:write"]).build().unwrap();
    let guard = || Guard::new(auth.gate().clone(), NotesRead::requirement());
    let read = async |RequirePermit(permit): RequirePermit<NotesRead>| permit.tenant().to_string();
    let write = async |_: RequirePermit<NotesWrite>| "written";
    let notes = web::resource("/notes").route(web::get().to(read)).route(web::put().to(write)).wrap(guard());
    let app = init_service(Service::new().service(notes).wrap(ContextMiddleware::default())).await;
    for (scopes, reads, writes) in [
        ("notes:read", 200, 403),
        ("notes:write", 403, 403),
        ("notes:read,notes:write", 200, 200),
        ("admin", 200, 200),
        ("platform", 200, 200),
        ("jobs:read,worker,metrics", 403, 403),
    ] {
        let ask = NewKey::named("n".parse().unwrap(), scopes.parse().unwrap());
        let made = auth.keys().create(&auth.operator("a test"), ask, None).await.unwrap();
        log::guard(made.secret.expose());
        for (request, status, lacking) in
            [(TestRequest::get(), reads, "notes:read"), (TestRequest::put(), writes, "notes:write")]
        {
            let bearer = ("authorization", format!("Bearer {}", made.secret.expose()));
            let answer = call_service(&app, request.uri("/notes").insert_header(bearer).to_request()).await;
            assert_eq!(answer.status().as_u16(), status, "{scopes}");
            // The guard's need comes first.
            let lacking = if reads == 403 { "notes:read" } else { lacking };
            let challenge = answer.headers().get("www-authenticate").map(|value| value.to_str().unwrap());
            assert_eq!(challenge.is_some_and(|it| it.contains(&format!("scope=\"{lacking}\""))), status == 403);
        }
    }
}

/// A gateway that names these scopes, on the same store as another before it.
async fn later(fixture: &WorkFixture, names: Option<&str>) -> App {
    let WorkFixture { store, limits, clock, .. } = fixture;
    let (store, limits, clock) = (store.clone(), limits.clone(), clock.clone());
    let start = Start::default().on(WorkFixture { store, limits, clock, again: None, keep: Box::new(()) });
    names.into_iter().fold(start, |start, names| start.set("DALSTON_SCOPES", names)).start().await
}

async fn a_scope_that_is_named_no_more_stays_and_grants_nothing(fixture: WorkFixture) {
    let before = later(&fixture, Some("notes:read,notes:write")).await;
    let key = before.key("notes:read,jobs:read,notes:write").await;
    drop(before);

    let app = later(&fixture, Some("notes:write")).await;
    let (admin, reader) = (app.key("admin").await, app.with(key.secret.as_ref().unwrap()));
    let shown = json!(["jobs:read", "notes:write", "notes:read"]);
    assert_eq!(reader.get("/auth/me").await.expect(200).json["scopes"], shown, "at the end");
    assert!(app.caller(&reader).await.permit::<NotesRead>().is_err());
    reader.get("/v1/audio/transcriptions").await.expect(200);
    let help = reader.get("/help").await.expect(200).json["caller"].clone();
    assert!(help.as_str().unwrap().contains("scopes jobs:read,notes:write,notes:read,"), "{help}");
    let listed = admin.get("/auth/keys").await.expect(200);
    let listed = listed.json.as_array().unwrap().iter().find(|it| it["id"] == key.id.unwrap().to_string()).unwrap();
    assert_eq!(listed["scopes"], shown);

    let patched = admin.patch(&path(&key), json!({"name": "renamed", "rate_limit": 600})).await.expect(200);
    assert_eq!(patched.json["scopes"], shown);
    let rotated = admin.post(&format!("{}/rotate", path(&key)), json!({})).await.expect(200);
    assert_eq!(rotated.json["scopes"], shown);
    // Nobody gives it, and whoever sends what was shown is told so.
    let refused = admin.patch(&path(&key), json!({"scopes": shown})).await.expect(422);
    assert!(refused.json["errors"][0]["detail"].as_str().unwrap().ends_with("platform, notes:write"));
    let secret = rotated.secret();
    drop(app);

    let app = later(&fixture, Some("notes:read,notes:write")).await;
    let reader = app.with(&secret);
    assert!(app.caller(&reader).await.permit::<NotesRead>().is_ok(), "it is named again");
    let known = json!(["jobs:read", "notes:read", "notes:write"]);
    assert_eq!(reader.get("/auth/me").await.expect(200).json["scopes"], known);
    drop(app);

    let app = later(&fixture, None).await;
    let admin = app.key("admin").await;
    let narrowed = admin.patch(&path(&key), json!({"scopes": ["jobs:write"]})).await.expect(200);
    assert_eq!(narrowed.json["scopes"], json!(["jobs:write"]), "a new list is the whole list");
    admin.delete(&path(&key)).await.expect(200);
}

macro_rules! on_every_store {
    ($($store:ident)*) => {
        $(mod $store {
            #[tokio::test]
            async fn a_scope_that_is_named_no_more_stays_and_grants_nothing() {
                super::a_scope_that_is_named_no_more_stays_and_grants_nothing(super::stores::$store().await).await;
            }
        })*
    };
}

on_every_store! { memory sqlite postgres redis }

#[tokio::test]
async fn a_key_with_unknown_scopes_alone_is_a_key_without_rights() {
    let fixture = stores::memory().await;
    let many: Vec<String> = (0..200).map(|number| format!("gone:s{number}")).collect();
    let app = later(&fixture, Some("notes:read")).await;
    let key = app.key("notes:read").await;
    // As somebody wrote it who knew them all.
    let patch = dalston_model::KeyPatch { scopes: Some(many.join(",").parse().unwrap()), ..Default::default() };
    let guard = dalston_store::UpdatePrecondition { at: app.clock_now(), within: None, keep_admin: false };
    let entry = app.permit::<dalston_auth::rights::Admin>("default").entry(
        app.clock_now(),
        dalston_model::KeyAction::KEY_UPDATED,
        dalston_model::Target::key(key.id.unwrap()),
        Value::Null,
    );
    let tenant = dalston_model::TenantId::default();
    fixture.store.update_key(&tenant, key.id.unwrap(), &patch, &guard, &entry).await.unwrap();
    app.runtime.gate.changed(key.id.unwrap());
    let shown = key.get("/auth/me").await.expect(200).json["scopes"].clone();
    assert_eq!(shown.as_array().unwrap().len(), 200);
    for route in ["/auth/keys", "/v1/audio/transcriptions", "/v1/audit", "/v1/tenants", "/v1/workers"] {
        key.get(route).await.expect(403);
    }
    let admin = app.key("admin").await;
    admin.patch(&path(&key), json!({"enabled": false})).await.expect(200);
    admin.delete(&path(&key)).await.expect(200);
}
