//! The search of the tests' own log: what all tests rely on finds what it must, and nothing else.

use kit::log;

const SECRET: &str = "a secret of the test that tries the search of the log";

#[test]
fn a_secret_is_found_wherever_it_stands() {
    log::guard(SECRET);
    log::guard(&format!("{SECRET}, which begins as the first one does and is longer"));
    let lines = [
        format!("{SECRET} and more"),
        format!("more, and {SECRET}"),
        SECRET.to_owned(),
        format!("{}{SECRET}ö", "much more ".repeat(10_000)),
    ];
    assert_eq!(log::searched(&lines.join("\n")), lines);
}

#[test]
fn what_is_not_whole_is_not_found() {
    log::guard(SECRET);
    log::guard("too short");
    let (all, last) = (SECRET.len(), &SECRET[SECRET.len() - 8..]);
    for text in ["", "too short", last, &SECRET[1..], &SECRET[..all - 1], &format!("x{}", &SECRET[1..])] {
        assert!(log::searched(text).is_empty(), "{text}");
    }
}
