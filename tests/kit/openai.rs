//! OpenAI's official clients, as `tests/run` installs them.

use crate::foreign;
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
