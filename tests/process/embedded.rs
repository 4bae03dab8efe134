//! The example that embeds the library, as a process: a service of one's own, with keys of its own.

use kit::{client::Client, log, patience::eventually, program::program};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

/// Crates that it may take, and lines.
const CRATES: usize = 190;
const LINES: usize = 40;

/// Runs a command of the example in this folder, and gives what it printed.
fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program("embed-actix")).args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The example as it serves, killed when it is dropped.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(folder: &Path) -> (Serving, String) {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program("embed-actix")).args(["serve", "127.0.0.1:0"]);
    let mut child = command.current_dir(folder).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().trim_matches(['[', ']']).to_owned();
    (Serving(child), format!("http://{address}"))
}

#[tokio::test]
async fn a_service_of_ones_own_has_keys_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let secret = run(folder.path(), &["create", "ci"]);
    log::guard(&secret);
    assert!(secret.starts_with("notes_"));
    let (_serving, url) = serve(folder.path());
    let holder = |secret: &str| Client::new(&url, Some(secret));
    assert_eq!(holder(&secret).get("/notes").await.expect(200).text, "No notes of default yet.\n");
    let missing = Client::new(&url, None).get("/notes").await.expect(401);
    assert!(missing.text.contains("Bearer notes_xxx") && !missing.text.contains("dalston"), "{}", missing.text);

    // Another process on the same database rotates and revokes: the one that serves follows.
    let listed = run(folder.path(), &["list"]);
    let (id, name) = listed.split_once(' ').unwrap();
    assert_eq!(name, "ci");
    let rotated = run(folder.path(), &["rotate", id]);
    log::guard(&rotated);
    eventually("the old secret is refused", async || holder(&secret).get("/notes").await.code() == 401).await;
    holder(&rotated).get("/notes").await.expect(200);
    run(folder.path(), &["revoke", id]);
    eventually("the key is refused", async || holder(&rotated).get("/notes").await.code() == 401).await;
    assert_eq!(run(folder.path(), &["list"]), "");
}

#[test]
fn an_example_takes_few_crates_and_few_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let tree = ["tree", "--locked", "--offline", "-e", "normal,build", "-p", "embed-actix", "--prefix", "none"];
    let output = Command::new("cargo").args(tree).current_dir(root).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let crates: std::collections::HashSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    assert!((50..=CRATES).contains(&crates.len()), "{}", crates.len());
    let text = fs::read_to_string(root.join("examples/embed-actix/src/main.rs")).unwrap();
    // The lints of this workspace are no part of it.
    let is_code = |line: &&str| !line.trim().is_empty() && !["//", "#!"].iter().any(|it| line.trim().starts_with(it));
    assert!(text.lines().filter(is_code).count() <= LINES);
}
