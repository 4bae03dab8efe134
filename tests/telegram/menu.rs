//! The menu of commands.

use super::{ADMIN, DEPUTY, chat, node, timing};
use dalston_auth::Requirement;
use dalston_model::{Scope, ScopeSet};
use kit::{
    bot_api::{BotApi, Fails},
    stores,
};
use serde_json::json;

#[tokio::test]
async fn everybody_has_the_menu_of_what_they_may_use() {
    let (api, app, _hearing) = chat().await;
    let menu = |may: &dyn Fn(Requirement) -> bool| {
        let rows = app.runtime.registry.rows().iter().filter(|row| may(row.requirement));
        rows.map(|row| row.name.replace('.', "_")).collect::<Vec<_>>()
    };
    let guests = menu(&|requirement| requirement == Requirement::Caller);
    let admins = menu(&|requirement| match requirement {
        Requirement::Caller => true,
        Requirement::Scope(scope) => ScopeSet::ADMIN.grants(scope),
    });
    assert!(admins.contains(&"keys_create".to_owned()) && !ScopeSet::ADMIN.grants(Scope::Platform));
    for (scope, names) in [
        (json!({"type": "default"}), guests),
        (json!({"type": "chat", "chat_id": ADMIN}), admins.clone()),
        (json!({"type": "chat", "chat_id": DEPUTY}), admins),
    ] {
        let set = api.next("setMyCommands", |call| call.body["scope"] == scope).await;
        let commands = set.body["commands"].as_array().unwrap();
        let told: Vec<&str> = commands.iter().map(|command| command["command"].as_str().unwrap()).collect();
        assert_eq!(told, names);
        for command in commands {
            let description = command["description"].as_str().unwrap();
            assert!((1..=256).contains(&description.chars().count()), "{description}");
        }
    }
}

#[tokio::test]
async fn an_administrator_who_never_spoke_to_the_bot_stops_nobody() {
    let api = BotApi::start();
    let app = node(&api, stores::memory().await, timing()).await;
    // The default one is set, the first administrator has no chat yet.
    api.fail("setMyCommands", Fails::Not);
    api.fail("setMyCommands", Fails::With(400));
    let _hearing = super::Hearing::of(&app);
    api.say(DEPUTY, "/whoami");
    api.told(DEPUTY).await;
}
