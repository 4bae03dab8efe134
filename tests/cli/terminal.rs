//! What a person sees on a terminal, of whatever width.

use kit::{process::Launch, shell::Shell};
use serde_json::json;

#[test]
fn help_is_broken_between_words_where_the_terminal_ends() {
    let shell = Shell::new();
    for (width, words) in [(80, "--help"), (80, "keys"), (60, "keys create --help"), (100, "help audit list")] {
        let typed = shell.on_a_terminal(&format!("stty cols {width}; dalston {words}"));
        let text = typed.replace("\u{1b}[0m", "").replace("\u{1b}[1m", "").replace("\u{1b}[4m", "");
        let longest = text.lines().map(|line| line.trim_end().chars().count()).max().unwrap();
        assert!(longest <= width && longest > width / 2, "{longest} of {width} in\n{text}");
    }
    let piped = shell.dalston(&["keys", "create", "--help"]).done().out;
    assert!(piped.lines().all(|line| line.chars().count() <= 100), "{piped}");
}

#[test]
fn lists_can_be_read_on_terminals_of_every_width() {
    let shell = Shell::new().set("NO_COLOR", "1");
    shell.dalston(&["create-admin-key"]).done();
    let name = "👨👩👧 中文键 a name that is long enough for several lines of a column";
    let scopes = "jobs:read,jobs:write,realtime,webhooks,nudge";
    let made = shell.dalston(&["keys", "create", "--name", name, "--scopes", scopes, "--json"]).done().json();
    let (id, prefix) = (made["id"].as_str().unwrap(), made["prefix"].as_str().unwrap());
    for width in [60, 80, 100, 120, 200] {
        for (words, whole) in [
            ("keys list", &[id, prefix, "active", "never", "realtime", "several"][..]),
            ("audit list", &[id, "key.created", "operator"]),
            ("usage", &["no limit"]),
            ("jobs list", &["(none)"]),
        ] {
            let text = shell.on_a_terminal(&format!("stty cols {width}; dalston {words}"));
            for word in whole {
                assert!(text.contains(word), "{word} at {width} in\n{text}");
            }
            let longest = text.lines().map(|line| line.trim_end().chars().count()).max().unwrap();
            assert!(longest <= width, "{longest} of {width} in\n{text}");
        }
    }
    let narrow = shell.on_a_terminal("stty cols 80; dalston keys list");
    assert!(narrow.contains("prefix     dk_"), "one below the other: {narrow}");
    let wide = shell.on_a_terminal("stty cols 160; dalston keys list");
    assert!(wide.contains('─') && wide.lines().any(|line| line.contains(id) && line.contains(prefix)), "{wide}");
}

#[test]
fn the_status_of_a_store_says_that_it_is_no_gateways() {
    let shell = Shell::new();
    let secret = shell.secret(&["create-admin-key"]);
    let drawn = shell.on_a_terminal("NO_COLOR=1 dalston status");
    assert!(drawn.contains("● healthy") && drawn.contains("the store itself: no gateway was asked"), "{drawn}");
    for word in ["up 0", "requests", "streams", "memory", "cache", "built-in"] {
        assert!(!drawn.split("Settings").next().unwrap().contains(word), "{word} in {drawn}");
    }
    let status = shell.dalston(&["status", "--json"]).done().json();
    assert_eq!(status["source"], "store");
    for path in
        ["/uptime_seconds", "/started_at", "/requests", "/streams", "/admin/process", "/admin/cache", "/admin/feed"]
    {
        assert_eq!(status.pointer(path), Some(&json!(null)), "{path}");
    }
    assert_eq!(status["admin"]["keys"]["active"], 1, "what the store knows is told");
    let gateway =
        Launch::new().set("DALSTON_DATA_DIR", shell.home.path().join("dalston-data").to_str().unwrap()).start();
    let remote = Shell::new().set("DALSTON_API_KEY", &secret).set("DALSTON_SERVER", &gateway.url);
    let status = remote.dalston(&["status", "--json"]).done().json();
    assert_eq!(status["source"], "gateway");
    assert!(status["uptime_seconds"].is_u64() && status["requests"]["total"].is_u64(), "{status}");
    assert!(remote.on_a_terminal("dalston status").contains("  up "));
}

#[test]
fn colour_is_for_terminals_whose_owner_wants_it() {
    let shell = Shell::new().set("DALSTON_STORE", "memory://");
    let quiet = Shell::new().set("DALSTON_STORE", "memory://").set("NO_COLOR", "1");
    let coloured = shell.on_a_terminal("dalston status");
    assert!(coloured.contains("\u{1b}[32m● healthy\u{1b}[0m"), "{coloured:?}");
    let plain = quiet.on_a_terminal("dalston status");
    assert!(plain.contains("● healthy") && !plain.contains('\u{1b}'), "{plain:?}");
    assert!(!shell.dalston(&["status"]).done().out.contains(['\u{1b}', '●']));
}
