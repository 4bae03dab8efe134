//! The Telegram bot, against a Bot API server on a socket.

mod answers;
mod confirm;
mod long;
mod menu;
mod model;
mod nodes;
mod outage;
mod process;
mod restart;
mod secrets;
mod webhook;

use dalston_runtime::Timing;
use dalston_work::contract::WorkFixture;
use kit::{
    app::{App, Start},
    bot_api::BotApi,
    log,
    patience::PATIENCE,
    stores,
};
use std::time::Duration;
use tokio::{sync::watch, task::JoinHandle};

/// Two administrators and somebody else.
const ADMIN: i64 = 1_001;
const DEPUTY: i64 = 1_002;
const GUEST: i64 = 2_002;

/// Nothing is waited for that can be waited for shortly.
fn timing() -> Timing {
    let short = Duration::from_millis(5);
    Timing { standby: short, retry: short, longest_retry: short, hopeless: short, call: PATIENCE, ..Timing::default() }
}

/// A gateway with the bot on this store.
async fn node(api: &BotApi, fixture: WorkFixture, timing: Timing) -> App {
    let start = Start::default().set("DALSTON_ADMIN_IDS", &format!("{ADMIN},{DEPUTY}")).timing(timing);
    api.configure(start).on(fixture).start().await
}

/// A node that hears updates.
struct Hearing {
    end: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Hearing {
    fn of(app: &App) -> Self {
        let bot = app.runtime.bot.clone().unwrap();
        let (end, ending) = watch::channel(());
        Self { end, task: tokio::spawn(async move { bot.run(ending).await }) }
    }

    /// Ends in good order.
    async fn stop(self) {
        drop(self.end);
        self.task.await.unwrap();
    }

    /// Ends as a crash does.
    async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// A node with a bot that is heard and hears.
async fn chat() -> (BotApi, App, Hearing) {
    chat_with(timing()).await
}

async fn chat_with(timing: Timing) -> (BotApi, App, Hearing) {
    let api = BotApi::start();
    let app = node(&api, stores::memory().await, timing).await;
    let hearing = Hearing::of(&app);
    (api, app, hearing)
}

/// The secret in a message that hands one over.
fn secret(text: &str) -> String {
    let (_, rest) = text.split_once("<code>").unwrap_or_else(|| panic!("no secret: {text}"));
    let secret = rest.split('<').next().unwrap().to_owned();
    assert!(secret.starts_with("dk_"), "{secret}");
    log::guard(&secret);
    secret
}
