//! `GET /auth/me`.

use kit::app::App;
use serde_json::json;

#[tokio::test]
async fn a_key_sees_itself_without_its_secret() {
    let app = App::start().await;
    let reader = app.key("jobs:read").await;
    let me = reader.get("/auth/me").await.expect(200);
    assert_eq!(me.json["id"], json!(reader.id.unwrap().to_string()));
    assert_eq!(me.json["scopes"], json!(["jobs:read"]));
    assert_eq!(me.json.get("key"), None);
    assert_eq!(me.header("cache-control"), "no-store");
}

#[tokio::test]
async fn the_master_key_is_platform_in_tenant_default() {
    let app = App::start().await;
    let me = app.master().get("/auth/me").await.expect(200);
    assert_eq!(me.json["id"], json!(null));
    assert_eq!(me.json["name"], "master");
    assert_eq!(me.json["tenant_id"], "default");
    assert_eq!(me.json["scopes"], json!(["platform"]));
}
