//! A Bot API server on a socket: serves updates as the real one does, records every call, and fails when it is told to.

use crate::{
    app::Start,
    log,
    patience::{PATIENCE, patiently},
};
use actix_web::{
    App, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::StatusCode,
    rt::System,
    web::{self, Bytes, Data, Path},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeSet, VecDeque},
    future::pending,
    net::TcpListener,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::{sync::Notify, time::timeout};

/// The token of the bot.
pub const TOKEN: &str = "123456:token-of-the-bot-of-the-tests-0123456789";
/// Its name.
pub const BOT: &str = "dalston_test_bot";

/// The server.
pub struct BotApi {
    /// `http://127.0.0.1:port`.
    pub url: String,
    shared: Arc<Shared>,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fails {
    /// 429: to be asked again after so many seconds.
    Busy(u64),
    /// With this status.
    With(u16),
    /// The call is done, the answer is lost: 502.
    Lost,
    /// There is never an answer.
    Hangs,
    /// Not: the next one may.
    Not,
}

/// A call as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Its method.
    pub method: String,
    /// What it carried.
    pub body: Value,
    /// How it was answered; `None`: not yet, or its client went away.
    pub status: Option<u16>,
    /// The id of the message, if one was sent.
    pub message: Option<i64>,
    is_taken: bool,
}

impl Call {
    /// The text that was sent.
    pub fn text(&self) -> &str {
        self.body["text"].as_str().unwrap_or_default()
    }

    /// The data of the button of this number.
    pub fn button(&self, at: usize) -> String {
        let data = &self.body["reply_markup"]["inline_keyboard"][0][at]["callback_data"];
        data.as_str().unwrap_or_else(|| panic!("no button: {}", self.body)).to_owned()
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    updates: VecDeque<Value>,
    last_update: i64,
    last_message: i64,
    calls: Vec<Call>,
    fails: Vec<(String, Fails)>,
    /// How many polls have begun: each ends those before.
    polls: u64,
    webhook: Option<Value>,
}

impl BotApi {
    /// Starts it.
    pub fn start() -> Self {
        log::start();
        log::guard(TOKEN);
        let shared = Arc::new(Shared::default());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (send, started) = mpsc::channel();
        let data = Data::from(shared.clone());
        let thread = thread::spawn(move || {
            System::new().block_on(async move {
                let app = move || App::new().app_data(data.clone()).route("/{bot}/{method}", web::post().to(called));
                let server = HttpServer::new(app).workers(1).shutdown_timeout(0).disable_signals();
                let server = server.keep_alive(PATIENCE).client_request_timeout(PATIENCE);
                let server = server.listen(listener).unwrap().run();
                send.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        Self { url, shared, server: started.recv().unwrap(), thread: Some(thread) }
    }

    /// Settings of a gateway with this bot.
    #[must_use]
    pub fn configure(&self, start: Start) -> Start {
        start.set("TELEGRAM_BOT_TOKEN", TOKEN).set("TELEGRAM_API_URL", &self.url)
    }

    /// A user writes to the bot. Gives the number of the update.
    pub fn say(&self, user: i64, text: &str) -> i64 {
        self.update(message(user, user, "private", text))
    }

    /// A user presses a button below a message in somebody's chat.
    pub fn press(&self, user: i64, chat: i64, message: i64, data: &str) -> i64 {
        let message = json!({"message_id": message, "date": 1, "chat": {"id": chat, "type": "private"}});
        self.update(json!({"callback_query": {"id": "77", "from": person(user), "message": message, "data": data}}))
    }

    /// Something happens. Gives the number of the update.
    pub fn update(&self, update: Value) -> i64 {
        let mut state = self.shared.state();
        let update = state.numbered(update);
        let id = update["update_id"].as_i64().unwrap();
        state.updates.push_back(update);
        drop(state);
        self.shared.changed.notify_waiters();
        id
    }

    /// The next call of this method fails.
    pub fn fail(&self, method: &str, fails: Fails) {
        self.shared.state().fails.push((method.to_owned(), fails));
    }

    /// Waits for the next message to a user that was delivered. Each is given once.
    pub async fn told(&self, user: i64) -> Call {
        self.next("sendMessage", |call| call.body["chat_id"] == user && call.message.is_some()).await
    }

    /// Waits for the next call of a method that is like this. Each is given once.
    pub async fn next(&self, method: &str, like: impl Fn(&Call) -> bool) -> Call {
        let found = |state: &mut State| {
            let call = state.calls.iter_mut().find(|call| call.method == method && !call.is_taken && like(call))?;
            call.is_taken = true;
            Some(call.clone())
        };
        self.shared.wait(found).await
    }

    /// Waits until all updates are confirmed and the bot asks for more.
    pub async fn idle(&self) {
        let is_idle = |state: &mut State| {
            let polling = state.calls.iter().any(|call| call.method == "getUpdates" && call.status.is_none());
            (state.updates.is_empty() && polling).then_some(())
        };
        self.shared.wait(is_idle).await;
    }

    /// All calls of a method so far.
    pub fn calls(&self, method: &str) -> Vec<Call> {
        self.shared.state().calls.iter().filter(|call| call.method == method).cloned().collect()
    }

    /// All that was ever sent to the chat, but for the calls of the methods that are named.
    pub fn transcript(&self, but: &[&str]) -> String {
        let state = self.shared.state();
        let calls = state.calls.iter().filter(|call| !but.contains(&call.method.as_str()));
        calls.map(|call| format!("{} {}\n", call.method, call.body)).collect()
    }

    /// The messages that users see: those that were delivered and not deleted.
    pub fn standing(&self, user: i64) -> Vec<String> {
        let state = self.shared.state();
        let is_gone = |id: Option<i64>| {
            let deletes = |call: &&Call| call.method == "deleteMessage" && call.status == Some(200);
            state.calls.iter().filter(deletes).any(|call| call.body["message_id"].as_i64() == id)
        };
        let sent = state.calls.iter().filter(|call| call.body["chat_id"] == user && call.message.is_some());
        sent.filter(|call| !is_gone(call.message)).map(|call| call.text().to_owned()).collect()
    }
}

impl Drop for BotApi {
    fn drop(&mut self) {
        // What stands in a chat when all is done may hold no secret, whichever test it was said in. A message that is
        // a secret's own is looked after by the tests of secrets.
        let users: BTreeSet<i64> =
            self.calls("sendMessage").iter().filter_map(|call| call.body["chat_id"].as_i64()).collect();
        for text in users.into_iter().flat_map(|user| self.standing(user)) {
            if !text.starts_with('🔑') {
                log::transcript(&text);
            }
        }
        drop(self.server.stop(false));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking());
        }
    }
}

/// The update of a text.
pub fn message(user: i64, chat: i64, kind: &str, text: &str) -> Value {
    let chat = json!({"id": chat, "type": kind});
    json!({"message": {"message_id": 1, "date": 1, "from": person(user), "chat": chat, "text": text}})
}

fn person(user: i64) -> Value {
    json!({"id": user, "is_bot": false, "first_name": "A"})
}

impl State {
    fn numbered(&mut self, mut update: Value) -> Value {
        self.last_update = self.last_update.max(1_000) + 1;
        update["update_id"] = self.last_update.into();
        update
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is found.
    async fn wait<T>(&self, found: impl Fn(&mut State) -> Option<T>) -> T {
        patiently(async {
            loop {
                let mut changed = pin!(self.changed.notified());
                changed.as_mut().enable();
                if let Some(found) = found(&mut self.state()) {
                    return found;
                }
                changed.await;
            }
        })
        .await
    }

    /// Updates from the offset on, as soon as there are some. An earlier poll is told 409.
    async fn poll(&self, body: &Value) -> Result<Value, u16> {
        let own = {
            let mut state = self.state();
            if state.webhook.is_some() {
                return Err(409);
            }
            state.polls += 1;
            state.polls
        };
        self.changed.notify_waiters();
        let offset = body["offset"].as_i64().unwrap_or(0);
        let limit = usize::try_from(body["limit"].as_u64().unwrap_or(100)).unwrap();
        let ready = async {
            loop {
                let mut changed = pin!(self.changed.notified());
                changed.as_mut().enable();
                {
                    let mut state = self.state();
                    if state.polls != own {
                        return Err(409);
                    }
                    let before = state.updates.len();
                    state.updates.retain(|update| update["update_id"].as_i64().unwrap() >= offset);
                    if state.updates.len() != before {
                        self.changed.notify_waiters();
                    }
                    if !state.updates.is_empty() {
                        return Ok(state.updates.iter().take(limit).cloned().collect());
                    }
                }
                changed.await;
            }
        };
        let longest = Duration::from_secs(body["timeout"].as_u64().unwrap_or(0));
        timeout(longest, ready).await.unwrap_or(Ok(json!([])))
    }

    /// What a method does.
    async fn run(&self, method: &str, body: &Value) -> Result<Value, u16> {
        if method == "getUpdates" {
            return self.poll(body).await;
        }
        let mut state = self.state();
        match method {
            "getMe" => Ok(json!({"id": 123_456, "is_bot": true, "username": BOT})),
            "sendMessage" => {
                let text = body["text"].as_str().unwrap_or_default();
                if text.trim().is_empty() || text.encode_utf16().count() > 4_096 {
                    return Err(400);
                }
                state.last_message += 1;
                Ok(json!({"message_id": state.last_message, "date": 1, "chat": {"id": body["chat_id"]}}))
            }
            "setWebhook" => {
                state.webhook = Some(body.clone());
                Ok(json!(true))
            }
            "deleteWebhook" => {
                state.webhook = None;
                Ok(json!(true))
            }
            "deleteMessage" | "setMyCommands" | "answerCallbackQuery" | "editMessageReplyMarkup" => Ok(json!(true)),
            _ => Err(404),
        }
    }

    fn done(&self, call: usize, status: u16, message: Option<i64>) {
        let mut state = self.state();
        state.calls[call].status = Some(status);
        state.calls[call].message = message;
        drop(state);
        self.changed.notify_waiters();
    }
}

async fn called(path: Path<(String, String)>, body: Bytes, shared: Data<Shared>) -> HttpResponse {
    let (bot, method) = path.into_inner();
    if bot != format!("bot{TOKEN}") {
        return refused(401);
    }
    let body: Value = serde_json::from_slice(&body).unwrap();
    let call = Call { method: method.clone(), body: body.clone(), status: None, message: None, is_taken: false };
    let (at, fails) = {
        let mut state = shared.state();
        state.calls.push(call);
        let fails = state.fails.iter().position(|(of, _)| *of == method);
        (state.calls.len() - 1, fails.map(|at| state.fails.remove(at).1))
    };
    shared.changed.notify_waiters();
    let answered = match fails {
        Some(Fails::Busy(seconds)) => {
            shared.done(at, 429, None);
            let text = "Too Many Requests: retry later";
            let wait = json!({"retry_after": seconds});
            return answer(429, json!({"ok": false, "error_code": 429, "description": text, "parameters": wait}));
        }
        Some(Fails::With(status)) => Err(status),
        Some(Fails::Hangs) => pending().await,
        Some(Fails::Lost | Fails::Not) | None => shared.run(&method, &body).await,
    };
    let message = answered.as_ref().ok().and_then(|result| result["message_id"].as_i64());
    let status = if fails == Some(Fails::Lost) { 502 } else { answered.as_ref().err().copied().unwrap_or(200) };
    shared.done(at, status, message);
    match answered {
        Ok(result) if status == 200 => answer(200, json!({"ok": true, "result": result})),
        _ => refused(status),
    }
}

fn refused(status: u16) -> HttpResponse {
    answer(status, json!({"ok": false, "error_code": status, "description": "as the test wants it"}))
}

fn answer(status: u16, body: Value) -> HttpResponse {
    HttpResponse::build(StatusCode::from_u16(status).unwrap()).json(body)
}
