//! The examples that embed the library, as processes: a service of one's own, with keys of its own. They are one program on
//! two servers and two stores, and each answer of all is the same.

use dalston_auth::KeyFormat;
use dalston_model::OsEntropy;
use kit::{
    client::{Answer, Client},
    log,
    patience::eventually,
    program::program,
    servers::postgres_url,
};
use reqwest::Method;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// The examples.
const PROGRAMS: [&str; 3] = ["embed-actix", "embed-axum", "embed-postgres"];
/// Crates that one may take, where its keys stand in a file and where they stand on a server; and lines.
const CRATES: usize = 190;
const CRATES_OF_A_SERVER: usize = 200;
const LINES: usize = 40;

/// An example in a folder of its own.
struct Example {
    program: &'static str,
    folder: TempDir,
    /// Where its keys are, for the one on a server.
    database: String,
}

impl Example {
    async fn new(program: &'static str) -> Self {
        Self { program, folder: tempfile::tempdir().unwrap(), database: postgres_url().await }
    }

    /// Runs a command, and gives what it printed.
    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(program(self.program));
        let command = command.args(arguments).current_dir(self.folder.path()).env("DATABASE_URL", &self.database);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The secret that a command prints.
    fn secret(&self, arguments: &[&str]) -> String {
        let secret = self.run(arguments);
        log::guard(&secret);
        assert!(secret.starts_with("notes_"));
        secret
    }

    fn serve(&self) -> (Serving, String) {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program(self.program)).args(["serve", "127.0.0.1:0"]);
        let command = command.current_dir(self.folder.path()).env("DATABASE_URL", &self.database);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().trim_matches(['[', ']']).to_owned();
        (Serving(child), format!("http://{address}"))
    }
}

/// An example as it serves, killed when it is dropped.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What is asked: the method, the path, the headers, in which `KEY` stands for the secret; and the status of the answer.
type Asked = (&'static str, &'static str, &'static [(&'static str, &'static str)], u16);

const ASKED: [Asked; 17] = [
    ("GET", "/notes", &[("x-api-key", "KEY")], 200),
    ("GET", "/notes", &[("authorization", "bearer KEY")], 200),
    ("HEAD", "/notes", &[("x-api-key", "KEY")], 200),
    ("PUT", "/notes", &[("x-api-key", "KEY")], 405),
    ("GET", "/notes", &[("x-api-key", "KEY"), ("x-request-id", "mine")], 200),
    ("GET", "/notes", &[("x-api-key", "KEY"), ("xi-api-key", "KEY")], 400),
    ("GET", "/notes", &[("authorization", "Bearer K E Y")], 400),
    ("GET", "/notes", &[("x-api-key", "KEY"), ("x-notes-tenant", "default")], 403),
    ("GET", "/notes", &[("x-api-key", "KEY"), ("x-dalston-tenant", "other")], 200),
    ("GET", "/notes", &[("x-api-key", "notes_nobody")], 401),
    ("GET", "/notes", &[], 401),
    ("HEAD", "/notes", &[], 401),
    ("POST", "/notes", &[], 401),
    ("GET", "/notes?api_key=KEY", &[], 401),
    ("GET", "/notes", &[("x-request-id", "mine")], 401),
    ("GET", "/nothing", &[], 404),
    ("GET", "/nothing", &[("x-api-key", "KEY")], 404),
];

/// What an example answers to all that is asked.
async fn answers(url: &str, secret: &str) -> Vec<Answer> {
    let (client, mut answers) = (Client::new(url, None), Vec::new());
    for (method, path, headers, status) in ASKED {
        let request = client.request(method.parse::<Method>().unwrap(), &path.replace("KEY", secret));
        let request = headers.iter().fold(request, |it, (name, value)| it.header(*name, value.replace("KEY", secret)));
        let request = if method == "POST" { request.body("a body that nobody reads") } else { request };
        let mut answer = Answer::of(request).await.expect(status);
        assert!(!answer.text.contains("dalston"), "{}", answer.text);
        // The router's, where it has one.
        answer.headers.remove("allow");
        answers.push(answer);
    }
    answers
}

async fn a_service_of_ones_own_has_keys_of_its_own(example: &Example) -> Vec<Answer> {
    let secret = example.secret(&["create", "ci"]);
    let (_serving, url) = example.serve();
    let answers = answers(&url, &secret).await;
    let holder = |secret: &str| Client::new(&url, Some(secret));
    assert_eq!(holder(&secret).get("/notes").await.expect(200).text, "No notes of default yet.\n");
    let missing = Client::new(&url, None).get("/notes").await.expect(401);
    assert!(missing.text.contains("Bearer notes_xxx"), "{}", missing.text);

    // Another process on the same database rotates and revokes: the one that serves follows.
    let listed = example.run(&["list"]);
    let (id, name) = listed.split_once(' ').unwrap();
    assert_eq!(name, "ci");
    let rotated = example.secret(&["rotate", id]);
    eventually("the old secret is refused", async || holder(&secret).get("/notes").await.code() == 401).await;
    holder(&rotated).get("/notes").await.expect(200);
    example.run(&["revoke", id]);
    eventually("the key is refused", async || holder(&rotated).get("/notes").await.code() == 401).await;
    assert_eq!(example.run(&["list"]), "");
    answers
}

#[tokio::test]
async fn all_examples_have_keys_of_their_own_and_answer_the_same() {
    let [actix, axum, postgres] = PROGRAMS.map(Example::new);
    let (actix, axum, postgres) = tokio::join!(actix, axum, postgres);
    let (actix, axum, postgres) = tokio::join!(
        a_service_of_ones_own_has_keys_of_its_own(&actix),
        a_service_of_ones_own_has_keys_of_its_own(&axum),
        a_service_of_ones_own_has_keys_of_its_own(&postgres),
    );
    for (((one, other), third), asked) in actix.iter().zip(&axum).zip(&postgres).zip(ASKED) {
        assert_eq!(one.bare(), other.bare(), "{asked:?}");
        assert_eq!(one.bare(), third.bare(), "{asked:?}");
    }
}

#[tokio::test]
async fn keys_of_a_table_of_ones_own_are_verified() {
    let example = Example::new("embed-table").await;
    let (secret, other) = (example.secret(&["create", "ci"]), example.secret(&["create", "other"]));
    let (_serving, url) = example.serve();
    let holder = |secret: &str| Client::new(&url, Some(secret));
    let answer = holder(&secret).get("/notes").await.expect(200);
    assert!(answer.text.starts_with("No notes of ") && answer.text.len() > 40, "{}", answer.text);
    let stranger = KeyFormat::new("notes_").unwrap().mint(&OsEntropy).unwrap();
    holder(stranger.expose()).get("/notes").await.expect(401);
    holder("notes_nobody").get("/notes").await.expect(401);
    // Another program changes the table: the one that serves caches a key for a second at most.
    example.run(&["revoke", "ci"]);
    eventually("the key is refused", async || holder(&secret).get("/notes").await.code() == 401).await;
    holder(&other).get("/notes").await.expect(200);
}

#[test]
fn another_store_is_one_line() {
    let [sqlite, postgres] = ["embed-actix", "embed-postgres"].map(code);
    let changed: Vec<_> = sqlite.iter().zip(&postgres).filter(|(one, other)| one != other).collect();
    assert_eq!((sqlite.len(), changed.len()), (postgres.len(), 1), "{changed:?}");
    assert!(code("embed-table").len() <= 100);
}

/// The lines of an example. The lints of this workspace are no part of it.
fn code(program: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = fs::read_to_string(root.join(format!("examples/{program}/src/main.rs"))).unwrap();
    let is_code = |line: &&str| !line.trim().is_empty() && !["//", "#!"].iter().any(|it| line.trim().starts_with(it));
    text.lines().filter(is_code).map(str::to_owned).collect()
}

#[test]
fn an_example_takes_few_crates_and_few_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for program in PROGRAMS {
        let tree = ["tree", "--locked", "--offline", "-e", "normal,build", "-p", program, "--prefix", "none"];
        let output = Command::new("cargo").args(tree).current_dir(root).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8(output.stdout).unwrap();
        let crates: std::collections::HashSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
        let most = if program == "embed-postgres" { CRATES_OF_A_SERVER } else { CRATES };
        assert!((50..=most).contains(&crates.len()), "{program}: {}", crates.len());
        assert!(code(program).len() <= LINES, "{program}");
    }
}
