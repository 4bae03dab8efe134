//! The programs, built like these tests and as new as their sources.

use dalston_engine::DecoderProgram;
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The program of this name.
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(build).join(name)
}

/// A script of the shell at this path. A process of its own writes it: whoever forked here meanwhile would hold the file
/// open, and it could not be run.
pub fn script(path: &Path, text: &str) -> DecoderProgram {
    let write = "printf '%s' \"$2\" > \"$1\" && chmod 700 \"$1\"";
    let text = format!("#!/bin/sh\n{text}\n");
    let written = Command::new("sh").args(["-c", write, "sh"]).arg(path).arg(text).status();
    assert!(written.expect("there is a shell").success(), "{} cannot be written", path.display());
    DecoderProgram::at(path)
}

/// Builds both programs, once; the folder that they are in.
fn build() -> PathBuf {
    let tests = std::env::current_exe().expect("these tests are a file");
    let folder = tests.parent().and_then(Path::parent).expect("target/PROFILE/deps").to_owned();
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let target = folder.parent().expect("target/PROFILE");
    // All of the workspace, as `tests/run` does: with the same features, nothing is built twice.
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--quiet", "--workspace", "--bins", "--profile", profile, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    // What cargo says of the package of these tests: a build script that reads it (ring's) would run again, and all that
    // depends on it would be built again, now and by the next build outside of the tests.
    #[expect(clippy::disallowed_methods, reason = "what cargo added to the environment is taken out of it")]
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            cargo.env_remove(name);
        }
    }
    let built = cargo.status();
    assert!(built.expect("there is cargo").success(), "the programs cannot be built");
    folder
}
