//! The door that users of the chat come in by.

use super::{Shape, arguments};
use dalston_chat::markup;
use dalston_command::{Effect, Registry};
use dalston_model::Clock;
use kit::{app::Start, bot_api::BotApi, stores};
use serde_json::{Map, Value};
use tokio::sync::watch;

const ADMIN: i64 = 1_001;
const GUEST: i64 = 2_002;

fn line(slash: &str, arguments: &Map<String, Value>) -> String {
    let word = |(name, value): (&String, &Value)| match value {
        Value::Array(items) => {
            format!(" {name}={}", items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","))
        }
        Value::String(text) => format!(" {name}='{text}'"),
        other => format!(" {name}={other}"),
    };
    format!("{slash}{}", arguments.iter().map(word).collect::<String>())
}

/// What the chat says of the same command is the drawing of the same JSON, or the same refusal.
#[tokio::test]
async fn the_chat_decides_as_every_other_door_and_draws_the_same_json() {
    let api = BotApi::start();
    let start = Start::default().delivers().set("DALSTON_ADMIN_IDS", &ADMIN.to_string());
    let app = api.configure(start).on(stores::memory().await).start().await;
    let bot = app.runtime.bot.clone().unwrap();
    let (end, ending) = watch::channel(());
    let hearing = tokio::spawn(async move { bot.run(ending).await });
    let runtime = &app.runtime;
    for user in [ADMIN, GUEST] {
        let caller = runtime.gate.chat_user(user, None);
        for row in Registry::new().rows() {
            for shape in [Shape::AsItShould, Shape::WithAFieldTooMuch, Shape::AboutNothing] {
                let Some(given) = arguments(&app, row, shape).await else { continue };
                // Twenty updates of a guest a minute are heard.
                app.clock.advance(std::time::Duration::from_secs(60));
                let what = format!("{user} {} {shape:?}", row.name);
                let expected = match row.effect {
                    // What changes runs once: over the chat. Whether it may is known without.
                    Effect::Read => {
                        let ran = runtime.registry.invoke(&runtime.services, &caller, row.name, given.clone(), None);
                        ran.await.map(Some)
                    }
                    _ => runtime.registry.check(&runtime.services, &caller, row, given.clone()).map(|()| None),
                };
                api.say(user, &line(&row.slash(), &given));
                let mut told = api.told(user).await;
                if row.effect == Effect::Irreversible && expected.is_ok() {
                    assert!(told.text().contains("cannot be undone"), "{what}: {}", told.text());
                    api.press(user, user, told.message.unwrap(), &told.button(0));
                    told = api.told(user).await;
                }
                match expected {
                    Ok(Some(answer)) => {
                        let parts = markup(&answer.render(app.clock.now()));
                        // A list that goes on says so below; counts go on by themselves.
                        let begins = parts[0].lines().next().unwrap();
                        assert!(told.text().starts_with(begins), "{what}: {} and not {}", told.text(), parts[0]);
                        for _ in 1..parts.len() {
                            api.told(user).await;
                        }
                    }
                    Ok(None) => {
                        assert!(!told.text().contains("insufficient_scope"), "{what}: {}", told.text());
                        match row.name {
                            _ if shape == Shape::AboutNothing => {
                                assert!(told.text().contains("not_found"), "{what}: {}", told.text());
                            }
                            "keys.create" | "keys.rotate" => {
                                assert!(api.told(user).await.text().contains("dk_"), "{what}");
                            }
                            "webhooks.create" | "webhooks.rotate" => {
                                assert!(api.told(user).await.text().contains("whsec_"), "{what}");
                            }
                            // The nudge itself came first.
                            "nudge" => assert!(api.told(user).await.text().contains("success"), "{what}"),
                            _ => {}
                        }
                    }
                    Err(error) => {
                        assert!(told.text().contains(error.code().as_str()), "{what}: {}", told.text());
                    }
                }
            }
        }
    }
    drop(end);
    hearing.await.unwrap();
}
