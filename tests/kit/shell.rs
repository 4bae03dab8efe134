//! The command line, as a person types it.

use crate::{log, program::program};
use serde_json::Value;
use std::{
    path::Path,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// A place to type in: a folder of its own, an environment that holds nothing else.
pub struct Shell {
    /// The folder.
    pub home: TempDir,
    variables: Vec<(String, String)>,
}

/// What a command wrote, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Shell {
    /// On the embedded database of its folder.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let home = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        Self { home: home.expect("a folder can be made"), variables: Vec::new() }
    }

    /// With a variable.
    #[must_use]
    pub fn set(mut self, variable: &str, value: &str) -> Self {
        self.variables.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// Types `dalston` and these words. No terminal is there: neither to draw on nor to answer at.
    pub fn dalston(&self, words: &[&str]) -> Typed {
        self.dalston_into(words, Stdio::piped())
    }

    /// The same, with standard output to there.
    pub fn dalston_into(&self, words: &[&str], out: Stdio) -> Typed {
        let mut command = Command::new(program("dalston"));
        command.args(words).env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.home.path()).stdin(Stdio::null()).stdout(out).stderr(Stdio::piped());
        let ended = command.spawn().and_then(Child::wait_with_output).expect("dalston starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it is UTF-8");
        Typed { code: ended.status.code().unwrap_or(-1), out: text(ended.stdout), err: text(ended.stderr) }
    }

    /// Types a line on a terminal, and reads what stands there.
    pub fn on_a_terminal(&self, line: &str) -> String {
        let path = format!("{}:/usr/bin:/bin", program("dalston").with_file_name("").display());
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", line, "/dev/null"]);
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.env("PATH", path).env("SHELL", "/bin/sh").current_dir(self.home.path()).stdin(Stdio::null());
        let ended = command.output().expect("there is script, of util-linux");
        String::from_utf8(ended.stdout).expect("it is UTF-8")
    }

    /// A secret that a command wrote with `--quiet`.
    pub fn secret(&self, words: &[&str]) -> String {
        let typed = self.dalston(&[words, &["--quiet"]].concat()).done();
        let secret = typed.out.trim().to_owned();
        log::guard(&secret);
        secret
    }
}

impl Default for Shell {
    fn default() -> Self {
        Self::new()
    }
}

impl Typed {
    /// The same, which must have ended well.
    #[track_caller]
    pub fn done(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}
