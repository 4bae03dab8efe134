//! Key-value entries: written only over the expected text, taken only once, gone when they expire.

use super::{
    Fixture,
    handle::{StoreHandle, at_once},
};
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);
const ALMOST: Duration = Duration::from_micros(59_999_999);

async fn put(hand: &StoreHandle, name: &str, expected: Option<&str>, text: &str) -> bool {
    hand.store.put_entry(name, expected, text, MINUTE).await.unwrap()
}

async fn read(hand: &StoreHandle, name: &str) -> Option<String> {
    hand.store.get_entry(name).await.unwrap()
}

pub async fn a_note_is_written_over_what_was_expected_only(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    assert_eq!(read(&hand, "name").await, None);
    assert!(!put(&hand, "name", Some("one"), "two").await, "there is none");
    assert!(put(&hand, "name", None, "one").await);
    assert!(!put(&hand, "name", None, "two").await, "there is one");
    assert!(!put(&hand, "name", Some("other"), "two").await, "it is another");
    assert!(!put(&hand, "name", Some(""), "two").await, "empty is not none");
    assert_eq!(read(&hand, "name").await.as_deref(), Some("one"));
    assert!(put(&hand, "name", Some("one"), "").await);
    assert_eq!(read(&hand, "name").await.as_deref(), Some(""));
    assert!(!put(&hand, "name", None, "three").await, "an empty one is one");
    assert!(put(&hand, "name", Some(""), "three").await);
    assert_eq!(read(&hand, "name").await.as_deref(), Some("three"));
}

pub async fn a_note_lapses_by_the_clock_of_the_store(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    for name in ["read", "put", "expected", "taken"] {
        assert!(put(&hand, name, None, "old").await);
    }
    hand.clock.advance(ALMOST);
    assert_eq!(read(&hand, "read").await.as_deref(), Some("old"));
    assert!(!put(&hand, "put", None, "new").await);
    hand.clock.advance(Duration::from_micros(1));
    assert_eq!(read(&hand, "read").await, None);
    assert!(put(&hand, "put", None, "new").await);
    assert!(!put(&hand, "expected", Some("old"), "new").await);
    assert_eq!(hand.store.take_entry("taken").await, Ok(None));
    hand.clock.advance(ALMOST);
    assert_eq!(read(&hand, "put").await.as_deref(), Some("new"), "with a time of its own");
    assert!(put(&hand, "put", Some("new"), "newer").await);
    hand.clock.advance(ALMOST);
    assert_eq!(read(&hand, "put").await.as_deref(), Some("newer"), "prolonged");
    hand.clock.advance(Duration::from_micros(1));
    assert_eq!(read(&hand, "put").await, None);
    assert!(hand.store.put_entry("at once", None, "text", Duration::ZERO).await.unwrap());
    assert_eq!(read(&hand, "at once").await, None);
}

pub async fn a_note_is_taken_once(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    assert_eq!(hand.store.take_entry("name").await, Ok(None));
    for round in 0..10 {
        let text = format!("text {round}");
        assert!(put(&hand, "name", None, &text).await);
        assert!(put(&hand, "other", (round > 0).then_some("stays"), "stays").await);
        let taken = at_once(16, |_| {
            let store = hand.store.clone();
            async move { store.take_entry("name").await.unwrap() }
        })
        .await;
        assert_eq!(taken.iter().flatten().collect::<Vec<_>>(), [&text], "by one of all who ask");
        assert_eq!(read(&hand, "name").await, None);
    }
    assert_eq!(read(&hand, "other").await.as_deref(), Some("stays"));
}

pub async fn parallel_writes_of_a_note_write_one(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    let mut there: Option<String> = None;
    for round in 0..10 {
        let written = at_once(16, |number| {
            let (hand, there) = (hand.clone(), there.clone());
            async move {
                let text = format!("{round} {number}");
                put(&hand, "name", there.as_deref(), &text).await.then_some(text)
            }
        })
        .await;
        let written: Vec<String> = written.into_iter().flatten().collect();
        assert_eq!(written.len(), 1);
        there = read(&hand, "name").await;
        assert_eq!(there.as_ref(), written.first());
        // Every other round starts with an expired entry.
        if round % 2 == 1 {
            hand.clock.advance(MINUTE);
            there = None;
        }
    }
}

pub async fn notes_of_odd_names_and_texts_stay_apart(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
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
        assert!(put(&hand, name, None, name).await, "{name:?}");
    }
    for name in odd {
        assert_eq!(read(&hand, name).await.as_deref(), Some(name));
        assert!(put(&hand, name, Some(name), &"\u{1f389}\u{0}'".repeat(2_000)).await, "{name:?}");
    }
    for name in odd {
        let text = hand.store.take_entry(name).await.unwrap();
        assert_eq!(text, Some("\u{1f389}\u{0}'".repeat(2_000)), "{name:?}");
    }
}

pub async fn notes_are_no_changes(fixture: &Fixture) {
    let hand = StoreHandle::of(fixture);
    assert!(put(&hand, "name", None, "text").await);
    hand.store.take_entry("name").await.unwrap();
    assert_eq!(hand.seq().await, 0);
    assert_eq!(hand.audit().await, []);
}
