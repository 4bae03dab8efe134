//! Tells the program the commit that it is built from: `DALSTON_COMMIT`, or what git knows. Empty when neither tells.

use std::{env, path::Path, process::Command};

/// Where this crate is in its repository. A copy inside of another repository is not at that one's commit.
const HERE: &str = "crates/dalston-runtime/";

#[expect(clippy::disallowed_methods, reason = "a build script is told things by its environment")]
fn main() {
    println!("cargo::rerun-if-env-changed=DALSTON_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    // The first changes with the branch, the second with each commit.
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let given = env::var("DALSTON_COMMIT").ok().filter(|commit| !commit.is_empty());
    println!("cargo::rustc-env=DALSTON_COMMIT={}", given.or_else(head).unwrap_or_default());
}

fn head() -> Option<String> {
    let told = git(&["rev-parse", "--show-prefix", "HEAD"])?;
    let (prefix, commit) = told.split_once('\n')?;
    (prefix == HERE).then(|| commit.to_owned())
}

/// What git says, without the end of the line.
fn git(words: &[&str]) -> Option<String> {
    let said = Command::new("git").args(words).output().ok().filter(|said| said.status.success())?;
    String::from_utf8(said.stdout).ok().map(|text| text.trim_end().to_owned())
}
