//! Clients and servers that others wrote, in other languages: what a program of a user would use.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The interpreter of the Python that has them, in `target/python`.
pub fn python() -> PathBuf {
    installed("clients/requirements.txt", "python").join("bin/python")
}

/// The interpreter of the Python that has an S3, in `target/moto`.
pub fn moto() -> PathBuf {
    installed("moto/requirements.txt", "moto").join("bin/python")
}

/// The Node that runs them, of a version of ours: it lies beside that Python.
pub fn node() -> PathBuf {
    python().with_file_name("node")
}

/// The folder that scripts for Node load them from: `target/node`.
pub fn modules() -> PathBuf {
    installed("clients/package-lock.json", "node")
}

/// The folder in `target` where what the file `list` of the tests names was installed.
fn installed(list: &str, folder: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (list, folder) = (root.join(list), root.join("../target").join(folder));
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let (wanted, there) = (read(&list), read(&folder.join(list.file_name().expect("a file"))));
    assert_eq!(wanted, there, "what {} names is missing: bash tests/run installs it", list.display());
    folder
}
