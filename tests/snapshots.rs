//! What `help` and `status` look like at each door, to each caller.

use dalston_chat::markup;
use dalston_cli::Terminal;
use dalston_command::{CommandSpec, Document};
use dalston_model::{Clock, Timestamp};
use kit::app::{App, Start};
use serde_json::{Value, json};

/// How a door shows an answer. A door more is a line more.
type Shows = fn(&CommandSpec, &Value, Timestamp) -> String;
const DOORS: &[(&str, Shows)] = &[
    ("json", |_, data, _| format!("{data:#}")),
    ("text", |row, data, now| drawing(row, data, now).plain()),
    ("chat", |row, data, now| markup(&drawing(row, data, now)).join("\n--- another message ---\n")),
    ("terminal", |row, data, now| Terminal { colour: false, width: 80 }.draw(&drawing(row, data, now))),
    ("colour", |row, data, now| {
        Terminal { colour: true, width: 80 }.draw(&drawing(row, data, now)).replace('\u{1b}', "␛")
    }),
];

/// What differs from one run to the next, and stands in its place: the clock of the kit holds all times.
const VOLATILE: [(&str, &str); 5] = [
    ("/version", "\"1.2.3\""),
    ("/admin/process/resident_bytes", "12345678"),
    ("/admin/process/cpu_seconds", "1.5"),
    ("/admin/commit", "\"0123456789abcdef0123456789abcdef01234567\""),
    ("/admin/settings/DALSTON_DATA_DIR", "\"/data\""),
];

/// The answer of this JSON for people.
fn drawing(row: &CommandSpec, data: &Value, now: Timestamp) -> Document {
    row.read(data.clone()).unwrap().render(now)
}

fn redacted(mut data: Value) -> Value {
    for (path, value) in VOLATILE {
        if let Some(place) = data.pointer_mut(path) {
            *place = serde_json::from_str(value).unwrap();
        }
    }
    data
}

/// The answer to a guest, who comes through the chat only.
async fn to_guest(app: &App, name: &str) -> Value {
    let guest = app.runtime.gate.chat_user(7, None);
    let answer = app.runtime.registry.invoke(&app.runtime.services, &guest, name, Default::default(), None);
    answer.await.unwrap().data
}

#[tokio::test]
async fn help_and_status_look_like_this_to_each_caller_at_each_door() {
    let app = Start::default().start().await;
    let limited = |mut ask: dalston_auth::NewKey| {
        ask.rate_limit = Some(60.try_into().unwrap());
        ask
    };
    let key = app.key_of("default", "jobs:read", limited).await;
    let (admin, master) = (app.key("admin").await, app.master());
    app.clock.advance(std::time::Duration::from_secs(40 * 86_400 + 3 * 3_600));
    admin.post("/auth/keys", json!({"name": "soon over", "expires_in_seconds": 86_400})).await.expect(201);
    key.get("/auth/keys").await.expect(403);
    app.runtime.run_upkeep_once().await;
    for name in ["help", "status"] {
        let path = format!("/{name}");
        let answers = [
            ("guest", to_guest(&app, name).await),
            ("key", key.get(&path).await.expect(200).json),
            ("admin", admin.get(&path).await.expect(200).json),
            ("master", master.get(&path).await.expect(200).json),
        ];
        let answers = answers.map(|(caller, data)| (caller, redacted(data)));
        let row = app.runtime.registry.row(name).unwrap();
        for (door, shows) in DOORS {
            let shown = answers.iter().map(|(caller, data)| {
                format!("───── {caller} ─────\n{}\n", shows(row, data, app.clock.now()).trim_end())
            });
            insta::assert_snapshot!(format!("{name}_{door}"), shown.collect::<String>());
        }
    }
}
