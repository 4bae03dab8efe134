//! The rules of the house: sizes, names, exits of secrets.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Lines of code that a file has at most.
const LONGEST: usize = 400;
/// About so many it has in the middle.
const MEDIAN: usize = 150;

/// The folder of the repository.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All files with this ending in folders of the repository, with their text.
pub(super) fn files(folders: &[&str], ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|name| root().join(name)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == ending) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

/// All files of Rust, with their text.
fn sources() -> Vec<(PathBuf, String)> {
    files(&["crates", "bins", "examples", "tests"], "rs")
}

/// Lines that are neither blank nor a comment, before the tests of the file.
fn code_lines(text: &str) -> usize {
    let product = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    product.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[test]
fn files_are_small() {
    let mut lengths: Vec<(usize, PathBuf)> =
        sources().into_iter().map(|(path, text)| (code_lines(&text), path)).collect();
    lengths.sort();
    let (longest, path) = lengths.last().unwrap();
    assert!(*longest <= LONGEST, "{} has {longest} lines of code", path.display());
    let (median, _) = lengths[lengths.len() / 2];
    assert!(median <= MEDIAN, "the median file has {median} lines of code");
}

#[test]
fn files_are_named_for_a_noun() {
    for (path, _) in sources() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let vague = ["util", "utils", "helper", "helpers", "common", "manager", "misc"].contains(&name);
        assert!(!vague, "{}", path.display());
    }
}

#[test]
fn nothing_is_left_undone() {
    let marks =
        ["TO".to_owned() + "DO", "FIX".to_owned() + "ME", "XX".to_owned() + "X", "unimplemented".to_owned() + "!"];
    for (path, text) in sources() {
        for mark in &marks {
            assert!(!text.contains(mark.as_str()), "{mark} in {}", path.display());
        }
        let ignored = "#[ig".to_owned() + "nore";
        assert!(!text.contains(&ignored), "an ignored test in {}", path.display());
    }
}

/// A minimal system has what the tests start, or `tests/run` installs it.
#[test]
fn the_tests_start_no_program_that_may_be_missing() {
    // Of Debian's essential packages, and what runs the tests.
    const THERE: [&str; 7] = ["cargo", "chown", "find", "script", "setpriv", "sh", "touch"];
    let run = fs::read_to_string(root().join("tests/run")).unwrap();
    for (path, text) in sources().into_iter().filter(|(path, _)| path.starts_with(root().join("tests"))) {
        for program in text.split("Command::new(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let is_there = THERE.contains(&program) || run.contains(&format!("\nneeds {program} "));
            assert!(is_there, "{program} in {}: tests/run does not install it", path.display());
        }
    }
}

/// A secret leaves its type in a few known places: its digest and checksum, and the doors that hand it over once.
#[test]
fn a_secret_has_one_exit_and_few_who_use_it() {
    let exits: Vec<String> = sources()
        .into_iter()
        .filter(|(path, _)| {
            let aside = ["tests", "benches", "examples"].iter().any(|folder| path.starts_with(root().join(folder)));
            !aside && !path.ends_with("tests.rs")
        })
        .flat_map(|(path, text)| {
            let product = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            // An example in a comment is a test.
            let code = product.lines().filter(|line| !line.trim_start().starts_with("//"));
            let uses: usize = code.map(|line| line.matches(".expose()").count()).sum();
            std::iter::repeat_n(name, uses).collect::<Vec<_>>()
        })
        .collect();
    let mut exits = exits;
    exits.sort();
    assert_eq!(
        exits,
        [
            "bins/dalston-cli/src/local.rs",
            "bins/dalston-gateway/src/call.rs",
            "bins/dalston-gateway/src/claims.rs",
            "bins/dalston-gateway/src/claims.rs",
            "bins/dalston-gateway/src/commands.rs",
            "crates/dalston-chat/src/model/client.rs",
            "crates/dalston-chat/src/telegram/client.rs",
            "crates/dalston-chat/src/telegram/client.rs",
            "crates/dalston-chat/src/telegram/reply.rs",
            "crates/dalston-chat/src/telegram/webhook.rs",
            "crates/dalston-runtime/src/first_key.rs",
            "crates/dalston-runtime/src/first_key.rs",
            "crates/dalston-runtime/src/job_processing.rs",
            "crates/dalston-service/src/blobs/bucket.rs",
            "crates/dalston-service/src/claim_links.rs",
            "crates/dalston-service/src/claim_links.rs",
            "crates/dalston-service/src/claim_links.rs",
            "crates/dalston-service/src/secret.rs",
            "crates/dalston-service/src/secret.rs",
            "crates/dalston-store-postgres/src/work/webhooks.rs",
            "crates/dalston-store-postgres/src/work/webhooks.rs",
            "crates/dalston-store-redis/src/work/webhook.rs",
            "crates/dalston-store-redis/src/work/webhooks.rs",
            "crates/dalston-store-sqlite/src/work/webhooks.rs",
            "crates/dalston-store-sqlite/src/work/webhooks.rs",
            "crates/dalston-webhook/src/signature.rs",
        ],
        "KEY-03"
    );
}

/// Crates that are the same thing over another library: the parts of one have the names of the other's.
const COUNTERPARTS: [&[&str]; 2] =
    [&["dalston-actix", "dalston-tower"], &["dalston-store-sqlite", "dalston-store-postgres", "dalston-store-redis"]];

/// The files of products without their tests: the crate, the path, the text.
pub(super) fn product_sources() -> Vec<(String, PathBuf, String)> {
    let is_test = |path: &Path| path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
    let mut found = Vec::new();
    for (path, text) in sources() {
        let within = path.strip_prefix(root()).unwrap();
        let mut parts = within.components().map(|part| part.as_os_str().to_str().unwrap());
        let (top, name) = (parts.next().unwrap(), parts.next().unwrap().to_owned());
        if ["crates", "bins"].contains(&top) && parts.next() == Some("src") && !is_test(within) {
            let product = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned();
            found.push((name, within.to_owned(), product));
        }
    }
    found
}

/// The name of the type that a line declares.
fn declared(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = if let Some(rest) = line.strip_prefix("pub(") { rest.split_once(") ")?.1 } else { line };
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let rest = ["struct ", "enum ", "trait ", "type "].iter().find_map(|word| line.strip_prefix(word))?;
    let name = rest.split(|it: char| !it.is_alphanumeric()).next()?;
    name.starts_with(char::is_uppercase).then_some(name)
}

#[test]
fn a_type_name_means_one_thing() {
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, _, text) in product_sources() {
        // An associated type is indented, and named by its trait.
        let is_associated = |line: &&str| line.starts_with(' ') && line.trim_start().starts_with("type ");
        for line in text.lines().filter(|line| !is_associated(line)) {
            if let Some(declared) = declared(line) {
                names.entry(declared.to_owned()).or_default().insert(name.clone());
            }
        }
    }
    assert!(names.len() > 500, "the types are found");
    let are_counterparts = |crates: &BTreeSet<String>| {
        COUNTERPARTS.iter().any(|group| crates.iter().all(|name| group.contains(&name.as_str())))
    };
    names.retain(|_, crates| crates.len() > 1 && !are_counterparts(crates));
    assert!(names.is_empty(), "these names are declared by several crates: {names:#?}");
}
