//! Clients that others wrote, in other languages: what a program of a user would use.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The interpreter of the Python that has them, in `target/python`.
pub fn python() -> PathBuf {
    installed("requirements.txt", "python").join("bin/python")
}

/// The Node that runs them, of a version of ours: it lies beside that Python.
pub fn node() -> PathBuf {
    python().with_file_name("node")
}

/// The folder that scripts for Node load them from: `target/node`.
pub fn modules() -> PathBuf {
    installed("package-lock.json", "node")
}

/// The folder in `target` where what `list` names was installed.
fn installed(list: &str, folder: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = root.join("target").join(folder);
    let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    let (wanted, there) = (read(root.join("tests/clients").join(list)), read(folder.join(list)));
    assert_eq!(wanted, there, "clients of tests/clients/{list} are missing: bash tests/run installs them");
    folder
}
