//! The bot in the program that is shipped.

use super::{ADMIN, GUEST, secret};
use kit::{
    bot_api::{BotApi, TOKEN},
    process::Launch,
};
use sqlx::{Connection, SqliteConnection};

fn launch(api: &BotApi) -> Launch {
    let launch = Launch::new().set("TELEGRAM_BOT_TOKEN", TOKEN).set("TELEGRAM_API_URL", &api.url);
    // As much as can be logged: no line may hold the token or a secret.
    launch.set("DALSTON_ADMIN_IDS", &ADMIN.to_string()).set("DALSTON_LOG", "trace")
}

#[tokio::test]
async fn the_gateway_polls_and_takes_back_what_it_said_when_it_stops() {
    let api = BotApi::start();
    let gateway = launch(&api).store("memory://").start();
    api.say(ADMIN, "/keys_create made");
    api.told(ADMIN).await;
    let handed = api.told(ADMIN).await;
    gateway.with(&secret(handed.text())).get("/auth/me").await.expect(200);
    api.idle().await;
    gateway.terminate();
    assert_eq!(gateway.ended().code, Some(0));
    assert!(!api.standing(ADMIN).contains(&handed.text().to_owned()));
}

#[tokio::test]
async fn a_gateway_that_is_killed_and_started_again_loses_and_repeats_nothing() {
    let api = BotApi::start();
    let launch = launch(&api);
    let gateway = launch.start();
    api.say(ADMIN, "/keys_create made");
    api.told(ADMIN).await;
    let handed = api.told(ADMIN).await;
    secret(handed.text());
    api.idle().await;
    gateway.kill();
    // Nobody gave the right to poll back: as if it had lapsed since.
    let url = format!("sqlite://{}", launch.data().join("dalston.db").display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("DELETE FROM notes WHERE name = 'telegram:123456:poller'").execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    api.say(GUEST, "/whoami");
    let gateway = launch.start();
    api.told(GUEST).await;
    api.idle().await;
    assert_eq!((api.standing(ADMIN).len(), api.standing(GUEST).len()), (2, 1));
    gateway.terminate();
    assert_eq!(gateway.ended().code, Some(0));
}
