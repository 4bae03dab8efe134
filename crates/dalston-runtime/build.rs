//! Build script: passes the commit to the program as an environment variable: `DALSTON_COMMIT`, or what git reports.
//! Empty if neither is available.

use std::{env, path::Path, process::Command};

/// The path of this crate in its repository. If it differs, this is a copy inside another repository, whose commit is
/// not ours.
const HERE: &str = "crates/dalston-runtime/";

#[expect(clippy::disallowed_methods, reason = "a build script is told things by its environment")]
fn main() {
    println!("cargo::rerun-if-env-changed=DALSTON_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    // `HEAD` changes with the branch, `logs/HEAD` with each commit.
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

/// The output of git, without the trailing newline.
fn git(words: &[&str]) -> Option<String> {
    let said = Command::new("git").args(words).output().ok().filter(|said| said.status.success())?;
    String::from_utf8(said.stdout).ok().map(|text| text.trim_end().to_owned())
}
