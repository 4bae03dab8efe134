//! The Python that has the official client of MCP.

use std::path::{Path, PathBuf};

/// Its interpreter, in `target/python`.
pub fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (wanted, there) = (root.join("tests/mcp/requirements.txt"), root.join("target/python/requirements.txt"));
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        read(&wanted),
        read(&there),
        "the MCP client for Python is missing: tests/run, or python3 -m venv target/python && target/python/bin/pip \
         install -r tests/mcp/requirements.txt && cp tests/mcp/requirements.txt target/python/"
    );
    root.join("target/python/bin/python")
}
