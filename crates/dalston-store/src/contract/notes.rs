//! Key-value entries: written only over the expected text, taken only once, gone when they expire.

use super::{
    Fixture,
    handle::{StoreHandle, at_once},
};
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);
const ALMOST: Duration = Duration::from_micros(59_999_999);

async fn put(handle: &StoreHandle, name: &str, expected: Option<&str>, text: &str) -> bool {
    handle.store.put_entry(name, expected, text, MINUTE).await.unwrap()
}

async fn read(handle: &StoreHandle, name: &str) -> Option<String> {
    handle.store.get_entry(name).await.unwrap()
}

pub async fn a_note_is_written_over_what_was_expected_only(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    assert_eq!(read(&handle, "name").await, None);
    assert!(!put(&handle, "name", Some("one"), "two").await, "there is none");
    assert!(put(&handle, "name", None, "one").await);
    assert!(!put(&handle, "name", None, "two").await, "there is one");
    assert!(!put(&handle, "name", Some("other"), "two").await, "it is another");
    assert!(!put(&handle, "name", Some(""), "two").await, "empty is not none");
    assert_eq!(read(&handle, "name").await.as_deref(), Some("one"));
    assert!(put(&handle, "name", Some("one"), "").await);
    assert_eq!(read(&handle, "name").await.as_deref(), Some(""));
    assert!(!put(&handle, "name", None, "three").await, "an empty one is one");
    assert!(put(&handle, "name", Some(""), "three").await);
    assert_eq!(read(&handle, "name").await.as_deref(), Some("three"));
}

pub async fn a_note_lapses_by_the_clock_of_the_store(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    for name in ["read", "put", "expected", "taken"] {
        assert!(put(&handle, name, None, "old").await);
    }
    handle.clock.advance(ALMOST);
    assert_eq!(read(&handle, "read").await.as_deref(), Some("old"));
    assert!(!put(&handle, "put", None, "new").await);
    handle.clock.advance(Duration::from_micros(1));
    assert_eq!(read(&handle, "read").await, None);
    assert!(put(&handle, "put", None, "new").await);
    assert!(!put(&handle, "expected", Some("old"), "new").await);
    assert_eq!(handle.store.take_entry("taken").await, Ok(None));
    handle.clock.advance(ALMOST);
    assert_eq!(read(&handle, "put").await.as_deref(), Some("new"), "with a time of its own");
    assert!(put(&handle, "put", Some("new"), "newer").await);
    handle.clock.advance(ALMOST);
    assert_eq!(read(&handle, "put").await.as_deref(), Some("newer"), "prolonged");
    handle.clock.advance(Duration::from_micros(1));
    assert_eq!(read(&handle, "put").await, None);
    assert!(handle.store.put_entry("at once", None, "text", Duration::ZERO).await.unwrap());
    assert_eq!(read(&handle, "at once").await, None);
}

pub async fn a_note_is_taken_once(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    assert_eq!(handle.store.take_entry("name").await, Ok(None));
    for round in 0..10 {
        let text = format!("text {round}");
        assert!(put(&handle, "name", None, &text).await);
        assert!(put(&handle, "other", (round > 0).then_some("stays"), "stays").await);
        let taken = at_once(16, |_| {
            let store = handle.store.clone();
            async move { store.take_entry("name").await.unwrap() }
        })
        .await;
        assert_eq!(taken.iter().flatten().collect::<Vec<_>>(), [&text], "by one of all who ask");
        assert_eq!(read(&handle, "name").await, None);
    }
    assert_eq!(read(&handle, "other").await.as_deref(), Some("stays"));
}

pub async fn parallel_writes_of_a_note_write_one(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let mut there: Option<String> = None;
    for round in 0..10 {
        let written = at_once(16, |number| {
            let (handle, there) = (handle.clone(), there.clone());
            async move {
                let text = format!("{round} {number}");
                put(&handle, "name", there.as_deref(), &text).await.then_some(text)
            }
        })
        .await;
        let written: Vec<String> = written.into_iter().flatten().collect();
        assert_eq!(written.len(), 1);
        there = read(&handle, "name").await;
        assert_eq!(there.as_ref(), written.first());
        // Every other round starts with an expired entry.
        if round % 2 == 1 {
            handle.clock.advance(MINUTE);
            there = None;
        }
    }
}

pub async fn notes_of_odd_names_and_texts_stay_apart(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    let odd = [
        "",
        " ",
        "a",
        "A",
        "a ",
        "a:b",
        "a/b",
        "a\u{0}",
        "a\u{0}b",
        "\u{0}",
        "%",
        "_",
        "*",
        "'",
        "\"",
        "\\",
        "\r\n",
        "é",
        "e\u{301}",
        "ключ",
        "\u{1f389}",
        "$1",
        "?1",
        "{\"a\":1}",
        "null",
        "\u{202e}x",
        "1",
        "01",
        "1.0",
    ];
    for name in odd {
        assert!(put(&handle, name, None, name).await, "{name:?}");
    }
    for name in odd {
        assert_eq!(read(&handle, name).await.as_deref(), Some(name));
        assert!(put(&handle, name, Some(name), &"\u{1f389}\u{0}'".repeat(2_000)).await, "{name:?}");
    }
    for name in odd {
        let text = handle.store.take_entry(name).await.unwrap();
        assert_eq!(text, Some("\u{1f389}\u{0}'".repeat(2_000)), "{name:?}");
    }
}

pub async fn notes_are_no_changes(fixture: &Fixture) {
    let handle = StoreHandle::of(fixture);
    assert!(put(&handle, "name", None, "text").await);
    handle.store.take_entry("name").await.unwrap();
    assert_eq!(handle.seq().await, 0);
    assert_eq!(handle.audit().await, []);
}
