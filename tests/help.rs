//! `GET /help`.

use dalston_gateway::routes;
use dalston_model::ScopeSet;
use kit::app::App;
use serde_json::Value;

/// The texts of a field of the items of a list.
fn texts<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|item| item[field].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_caller_reads_what_it_may_do_and_nothing_else() {
    let app = App::start().await;
    let always = ["help", "status", "whoami"];
    let keys = ["keys.create", "keys.list", "keys.get", "keys.update", "keys.rotate", "keys.revoke", "keys.usage"];
    let tenants = ["tenants.create", "tenants.list"];
    let rest = ["audit.list", "audit.verify", "jobs.list", "jobs.get", "jobs.cancel", "nudge"];
    for (scopes, more) in [
        ("webhooks", vec![]),
        ("jobs:read", vec!["jobs.list", "jobs.get"]),
        ("jobs:write", vec!["jobs.cancel"]),
        ("nudge", vec!["nudge"]),
        ("admin", [&keys[..], &rest].concat()),
        ("platform", [&keys[..], &tenants, &rest].concat()),
    ] {
        let help = app.key(scopes).await.get("/help").await.expect(200);
        assert_eq!(texts(&help.json["commands"], "name"), [&always[..], &more].concat(), "AUTHZ-06 {scopes}");
    }
}

#[tokio::test]
async fn what_is_in_the_help_is_served_and_what_is_not_is_refused() {
    let app = App::start().await;
    for scopes in ["jobs:read", "jobs:write,realtime", "admin", "platform"] {
        let client = app.key(scopes).await;
        let help = client.get("/help").await.expect(200).json;
        let mut told: Vec<(&str, &str)> = Vec::new();
        for list in ["commands", "routes"] {
            told.extend(texts(&help[list], "method").into_iter().zip(texts(&help[list], "path")));
        }
        for route in routes(&app.runtime.registry) {
            let may = route.need.is_none_or(|need| match need {
                dalston_auth::Need::Caller => true,
                dalston_auth::Need::Scope(scope) => scopes.parse::<ScopeSet>().unwrap().grants(scope),
            });
            assert_eq!(told.contains(&(route.method.as_str(), route.pattern)), may, "{scopes} {}", route.pattern);
        }
    }
}

#[tokio::test]
async fn every_command_has_a_summary_parameters_and_an_example() {
    let app = App::start().await;
    let help = app.master().get("/help").await.expect(200);
    for command in help.json["commands"].as_array().unwrap() {
        let name = command["name"].as_str().unwrap();
        assert!(command["summary"].as_str().unwrap().ends_with('.'), "{name}");
        assert!(command["example"].as_str().unwrap().starts_with(name), "{name}");
        assert!(["read", "write", "irreversible"].contains(&command["effect"].as_str().unwrap()), "{name}");
        for parameter in command["parameters"].as_array().unwrap() {
            assert!(!parameter["summary"].as_str().unwrap().is_empty(), "{name} {parameter}");
            assert!(!parameter["type"].is_null(), "{name} {parameter}");
        }
    }
    for route in help.json["routes"].as_array().unwrap() {
        assert!(!route["summary"].as_str().unwrap().is_empty() && !route["example"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_caller_reads_who_it_is() {
    let app = App::start().await;
    let client = app
        .key_of("acme", "jobs:read,nudge", |mut ask| {
            ask.rate_limit = Some(60.try_into().unwrap());
            ask
        })
        .await;
    let help = client.get("/help").await.expect(200);
    let who = help.json["caller"].as_str().unwrap();
    for part in ["acme jobs:read,nudge", "tenant acme", "jobs:read", "nudge", "60/min"] {
        assert!(who.contains(part), "{who}");
    }
    assert!(!help.text.contains(client.secret.as_ref().unwrap()));
    let who = app.master().get("/help").await.expect(200).json["caller"].as_str().unwrap().to_owned();
    assert!(who.contains("master") && who.contains("platform"), "{who}");
    app.anon().get("/help").await.expect(401);
}
