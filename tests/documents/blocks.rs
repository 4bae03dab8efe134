//! The code blocks of the documents, run as they are printed.
//!
//! The `sh` blocks of a page run in order, in one shell that stops at the first error, in the folder of a gateway, with the
//! programs on the path and an admin key in `DALSTON_API_KEY`. `localhost:8000` is that gateway's
//! address. A block after `<!-- no-run: REASON -->` is not run.

use crate::house::root;
use kit::{process::Launch, program::program};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Blocks that are not run, at most: those that need a machine, a network, or a service that no test has.
const NOT_RUN: usize = 60;

/// A code block.
struct Block {
    language: String,
    text: String,
    /// Whether it is run.
    is_run: bool,
}

/// The blocks of a page. Fails at one without a language.
fn blocks(path: &Path) -> Vec<Block> {
    let text = fs::read_to_string(path).unwrap();
    let (mut found, mut open, mut before): (Vec<Block>, Option<Block>, &str) = (Vec::new(), None, "");
    for line in text.lines() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(language)) => {
                assert!(!language.is_empty(), "{}: a block without a language after {before}", path.display());
                let is_run = language == "sh" && !before.starts_with("<!-- no-run: ");
                open = Some(Block { language: language.to_owned(), text: String::new(), is_run });
            }
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(block), None) => block.text += &format!("{line}\n"),
            (None, None) => {}
        }
        if !line.trim().is_empty() {
            before = line;
        }
    }
    assert!(open.is_none(), "{}: a block without an end", path.display());
    found
}

/// The pages of a part of the book.
fn pages(part: &str) -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        fs::read_dir(root().join("docs").join(part)).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    pages
}

/// Runs the blocks of a page. Returns what is wrong.
fn run(page: &Path) -> Option<String> {
    let script: String = blocks(page).into_iter().filter(|block| block.is_run).map(|block| block.text).collect();
    if script.is_empty() {
        return None;
    }
    let launch = Launch::new();
    let gateway = launch.start();
    let data = launch.data();
    let home = data.parent().unwrap();
    let programs = program("dalston").parent().unwrap().to_owned();
    let script =
        script.replace("http://localhost:8000", &gateway.url).replace("localhost:8000", &gateway.address.to_string());
    let ended = Command::new("sh")
        .args(["-eu", "-c", &script])
        .current_dir(home)
        .env_clear()
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin", programs.display()))
        .env("HOME", home)
        .env("DALSTON_API_KEY", gateway.admin().secret.unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let page = page.strip_prefix(root()).unwrap().display();
    (!ended.status.success())
        .then(|| format!("{page}: {}\n{}\n{}", ended.status, text(&ended.stdout), text(&ended.stderr)))
}

#[tokio::test]
async fn the_blocks_of_how_to_and_start_run_as_printed() {
    let wrong = tokio::task::spawn_blocking(|| {
        let pages = ["start", "how-to"].map(pages).concat();
        assert!(pages.len() > 15, "the pages are found");
        pages.iter().filter_map(|page| run(page)).collect::<Vec<_>>()
    });
    let wrong = wrong.await.unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn few_blocks_are_not_run() {
    let pages = ["start", "how-to"].map(pages).concat();
    let all: Vec<Block> = pages.iter().flat_map(|page| blocks(page)).filter(|block| block.language == "sh").collect();
    let not_run = all.iter().filter(|block| !block.is_run).count();
    assert!(not_run <= NOT_RUN && not_run * 2 < all.len(), "{not_run} of {} blocks of shell are not run", all.len());
}
