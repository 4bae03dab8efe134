//! Long answers.

use super::{ADMIN, chat};

#[tokio::test]
async fn a_long_list_comes_in_several_messages_and_says_how_it_goes_on() {
    let (api, app, _hearing) = chat().await;
    for _ in 0..30 {
        app.key("jobs:read,jobs:write,realtime,webhooks,nudge").await;
    }
    api.say(ADMIN, "/keys_list limit=25 include_revoked=true");
    let mut texts = Vec::new();
    let more = loop {
        let text = api.told(ADMIN).await.text().to_owned();
        assert!(text.encode_utf16().count() <= 4_096);
        for tag in ["b", "i", "code"] {
            let count = |mark: &str| text.matches(&format!("<{mark}{tag}>")).count();
            assert_eq!(count(""), count("/"), "{tag} in {text}");
        }
        texts.push(text);
        if let Some((_, more)) = texts.last().unwrap().split_once("More: <code>") {
            break more.trim_end_matches("</code>").to_owned();
        }
    };
    assert!(texts.len() > 1, "it fits into one message");
    // Of each key its name, and its scopes.
    let named = |text: &str| text.matches("jobs:read,jobs:write,realtime,webhooks,nudge").count();
    let scoped = |text: &str| text.matches("jobs:read, jobs:write, realtime, webhooks, nudge").count();
    assert_eq!((named(&texts.concat()), scoped(&texts.concat())), (25, 25));
    assert!(more.starts_with("/keys_list limit=25 include_revoked=true cursor="), "{more}");
    api.say(ADMIN, &more);
    let mut rest = String::new();
    while named(&rest) < 5 || scoped(&rest) < 5 {
        rest.push_str(api.told(ADMIN).await.text());
    }
    api.idle().await;
    assert!(!rest.contains("More: "));
}
