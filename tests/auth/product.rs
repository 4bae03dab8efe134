//! The names of a service that is not Dalston: what its clients read, and what is masked in its log.

use actix_web::{
    App, HttpResponse,
    test::{TestRequest, call_service, init_service, read_body_json},
    web,
};
use dalston_actix::{ContextMiddleware, Guard, RequirePermit};
use dalston_auth::{
    Administrators, Gate, GateConfig, GateStorage, KeyCacheConfig, KeyFormat, Mask, MasterKeys, PlainKey, Product,
    Requirement, rights,
};
use dalston_limit::Limiter;
use dalston_model::{
    Clock, Door, Key, KeyId, KeyScopes, KnownScopes, Metadata, NodeId, OsEntropy, Scope, Tenant, TenantId,
};
use dalston_store::{KeyToInsert, SharedKeyStorage};
use dalston_work::SharedWorkStorage;
use kit::stores;
use serde_json::{Value, json};
use std::{num::NonZeroU32, sync::Arc};

fn gate(store: SharedWorkStorage, clock: Arc<dyn Clock>, format: &KeyFormat) -> Arc<Gate> {
    Gate::new(GateConfig {
        storage: GateStorage::from(store as SharedKeyStorage),
        limiter: Limiter::new(clock.clone(), None),
        format: format.clone(),
        product: Product::named("notes").unwrap().with_problem_type("https://notes.example/problems/").unwrap(),
        scopes: KnownScopes::default(),
        pepper: None,
        masters: MasterKeys::default(),
        administrators: Administrators::default(),
        failures_per_minute: NonZeroU32::MAX,
        memory: KeyCacheConfig::default(),
        node: NodeId::new(clock.now(), &OsEntropy).unwrap(),
        clock,
    })
}

/// A key of tenant `default` with these scopes, in the store.
async fn key(store: &SharedWorkStorage, gate: &Gate, scopes: KeyScopes) -> PlainKey {
    let secret = gate.format().mint(&OsEntropy).unwrap();
    let key = Key {
        id: KeyId::new(gate.now(), &OsEntropy).unwrap(),
        tenant: TenantId::default(),
        prefix: secret.prefix().to_owned(),
        name: "one".parse().unwrap(),
        description: None,
        scopes,
        rate_limit: None,
        enabled: true,
        created_at: gate.now(),
        created_by: None,
        expires_at: None,
        revoked_at: None,
        metadata: Metadata::default(),
    };
    let operator = gate.operator("a test").permit::<rights::Admin>().unwrap();
    let target = dalston_model::Target::key(key.id);
    let entry = operator.entry(gate.now(), dalston_model::KeyAction::KEY_CREATED, target, json!({}));
    let new = KeyToInsert { digest: gate.digester().digest(&secret), key };
    store.insert_key(&new, None, &entry).await.unwrap();
    secret
}

#[actix_web::test]
async fn clients_read_the_names_of_the_product_alone() {
    let fixture = stores::memory().await;
    let format = KeyFormat::new("notes_").unwrap();
    let (store, gate) = (fixture.store.clone(), gate(fixture.store.clone(), fixture.clock.clone(), &format));
    let whose = async |RequirePermit(permit): RequirePermit<rights::JobsRead>| {
        HttpResponse::Ok().body(permit.tenant().as_str().to_owned())
    };
    let guard = Guard::new(gate.clone(), Requirement::Scope(Scope::JobsRead));
    let notes = web::resource("/notes").route(web::get().to(whose)).wrap(guard);
    let live = web::resource("/live")
        .route(web::get().to(whose))
        .wrap(Guard::new(gate.clone(), Requirement::Scope(Scope::JobsRead)).door(Door::Stream).route("/live"));
    let envelope = ContextMiddleware::default().product(gate.product().clone());
    let app = init_service(App::new().service(notes).service(live).wrap(envelope)).await;

    let reader = key(&store, &gate, KeyScopes::DEFAULT).await;
    let platform = key(&store, &gate, KeyScopes::PLATFORM).await;
    let narrow = key(&store, &gate, "nudge".parse().unwrap()).await;
    let bearer = |key: &PlainKey| ("authorization", format!("Bearer {}", key.expose()));
    let status = async |request: TestRequest| call_service(&app, request.to_request()).await.status().as_u16();
    assert_eq!(status(TestRequest::get().uri("/notes").insert_header(bearer(&reader))).await, 200);

    // No names of Dalston's, whichever layer answers.
    let unknown = format.mint(&OsEntropy).unwrap();
    for (path, header, code, status) in [
        ("/notes", None, "missing_credential", 401),
        ("/notes", Some(bearer(&unknown)), "invalid_credential", 401),
        ("/notes", Some(bearer(&narrow)), "insufficient_scope", 403),
        ("/nothing", None, "not_found", 404),
    ] {
        let request = TestRequest::get().uri(path);
        let request = header.into_iter().fold(request, TestRequest::insert_header);
        let answer = call_service(&app, request.to_request()).await;
        assert_eq!(answer.status().as_u16(), status, "{code}");
        let headers: String = answer.headers().iter().map(|(name, value)| format!("{name}: {value:?}\n")).collect();
        let challenge = answer.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(challenge.is_some(), status != 404, "{code}");
        assert!(challenge.is_none_or(|challenge| challenge.starts_with("Bearer realm=\"notes\"")), "{code}");
        let body: Value = read_body_json(answer).await;
        assert_eq!(body["type"], format!("https://notes.example/problems/{code}"));
        assert!(!format!("{headers}{body}").contains("dalston"), "{headers}{body}");
        if code == "missing_credential" {
            assert!(body["detail"].as_str().unwrap().contains("Bearer notes_xxx"), "{body}");
        }
    }

    // A platform caller names its tenant in the product's header, and no other header is one.
    let operator = gate.operator("a test").permit::<rights::Platform>().unwrap();
    let tenant = Tenant { id: "acme".parse().unwrap(), name: None, created_at: gate.now() };
    let target = dalston_model::Target::tenant(&tenant.id);
    let entry = operator.entry(gate.now(), dalston_model::KeyAction::TENANT_CREATED, target, json!({}));
    assert!(store.insert_tenant(&tenant, &entry).await.unwrap());
    for (header, tenant) in [("x-notes-tenant", "acme"), ("x-dalston-tenant", "default")] {
        let request = TestRequest::get().uri("/notes").insert_header(bearer(&platform)).insert_header((header, "acme"));
        let body = actix_web::test::call_and_read_body(&app, request.to_request()).await;
        assert_eq!(body, tenant, "{header}");
    }

    // A ticket's subprotocol is the product's: another one presents nothing.
    for (protocol, is_passed_over) in [("notes.ticket.dt_x", false), ("dalston.ticket.dt_x", true)] {
        let request = TestRequest::get().uri("/live").insert_header(("sec-websocket-protocol", protocol));
        let with_key = request.insert_header(bearer(&reader));
        assert_eq!(status(with_key).await == 200, is_passed_over, "{protocol}");
    }

    let line = format!("refused {} for {}", reader.expose(), unknown.expose());
    assert!(!Mask::new(&format).text(&line).contains(&reader.expose()[10..]), "the log masks the product's keys");
}
