//! A program that never ends by itself, in the place of a decoder.

use crate::program::script;
use dalston_engine::DecoderProgram;
use std::{fs, path::Path};
use tempfile::TempDir;

/// The program, which notes each of its processes.
pub struct Hanging {
    home: TempDir,
    /// What starts it.
    pub program: DecoderProgram,
}

impl Default for Hanging {
    fn default() -> Self {
        let home = tempfile::tempdir().expect("there is a folder for temporary files");
        let note = format!("echo $$ >> {}\nexec sleep 1000", home.path().join("pids").display());
        let program = script(&home.path().join("program"), &note);
        Self { home, program }
    }
}

impl Hanging {
    /// Its processes so far, in the order in which they were started.
    pub fn processes(&self) -> Vec<String> {
        let pids = fs::read_to_string(self.home.path().join("pids")).unwrap_or_default();
        pids.lines().map(str::to_owned).collect()
    }

    /// How many of them run.
    pub fn running(&self) -> usize {
        self.processes().iter().filter(|process| runs(process)).count()
    }
}

/// Whether a process runs. One that has ended and was not waited for does not.
pub fn runs(process: &str) -> bool {
    let status = fs::read_to_string(Path::new("/proc").join(process).join("stat")).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}
