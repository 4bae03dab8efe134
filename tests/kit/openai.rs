//! OpenAI's official clients, as `tests/run` installs them.

use crate::{app::App, foreign};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The languages that there is a client for.
pub const CLIENTS: [Official; 2] = [Official::Python, Official::Node];

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Official {
    /// `openai` from PyPI.
    Python,
    /// `openai` from npm.
    Node,
}

impl Official {
    /// What it was told: by the gateway, about this audio, with this key, in a mode of `tests/openai/client.py`.
    pub async fn told(self, app: &App, audio: &[u8], secret: &str, mode: &str) -> Value {
        self.told_at(&format!("{}/openai/v1", app.url), app, audio, secret, mode).await
    }

    /// The same with another base URL.
    pub async fn told_at(self, base: &str, app: &App, audio: &[u8], secret: &str, mode: &str) -> Value {
        let file = app.data.path().join("talk.wav");
        std::fs::write(&file, audio).unwrap();
        let mut program = tokio::process::Command::from(self.program());
        program.arg(mode).env("PATH", "/usr/local/bin:/usr/bin:/bin").env("AUDIO", file);
        program.env("OPENAI_BASE_URL", base).env("OPENAI_API_KEY", secret);
        let ended = program.output().await.unwrap();
        let (out, err) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
        assert!(ended.status.success(), "{self:?}: {err}");
        assert!(!out.contains(secret) && !err.contains(secret));
        serde_json::from_str(&out).unwrap()
    }

    /// The program that uses it, with the folder that its modules are in.
    pub fn program(self) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let (place, wanted) = match self {
            Self::Python => (root.join("target/openai/python"), "requirements.txt"),
            Self::Node => (root.join("target/openai/node"), "package-lock.json"),
        };
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(
            read(root.join("tests/openai").join(wanted)),
            read(place.join(wanted)),
            "OpenAI's official client for {self:?} is missing: tests/run installs it"
        );
        let tests = root.join("tests/openai");
        match self {
            Self::Python => {
                let mut python = Command::new(place.join("bin/python"));
                python.arg(tests.join("client.py")).env_clear();
                python
            }
            Self::Node => {
                let mut node = Command::new(foreign::node());
                node.arg(tests.join("client.cjs")).env_clear().env("MODULES", place.canonicalize().unwrap());
                node
            }
        }
    }
}
