//! The links of the documents, and the size of the README.

use crate::house::{files, root};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Lines that the README has at most.
const README: usize = 250;

/// The pages: those at the top, those of the crates and the examples, and the book.
fn pages() -> Vec<(PathBuf, String)> {
    let top = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root().join(name));
    let top = top.map(|path| (path.clone(), fs::read_to_string(path).unwrap()));
    let mut pages = files(&["docs", "crates", "bins", "examples", "deploy"], "md");
    pages.extend(top);
    pages
}

/// The targets of the links of a page, code blocks left out.
fn links(text: &str) -> Vec<String> {
    let prose = text.split("```").step_by(2).collect::<Vec<_>>().join(" ");
    let target = |rest: &str| rest.split_once(')').map(|(target, _)| target.to_owned());
    prose.split("](").skip(1).filter_map(target).collect()
}

/// The anchor of a heading, as the hosts of repositories and mdBook make it.
fn anchor(heading: &str) -> String {
    let kept = |c: char| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c.to_ascii_lowercase()),
        _ => None,
    };
    heading.trim_start_matches('#').trim().chars().filter_map(kept).collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    let prose = text.split("```").step_by(2).collect::<Vec<_>>().join(" ");
    prose.lines().filter(|line| line.starts_with('#')).map(anchor).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    assert!(pages.len() > 40, "the pages are found");
    let mut broken = Vec::new();
    for (path, text) in &pages {
        for link in links(text).into_iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            let (file, fragment) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let is_there = target.exists();
            let has_anchor = fragment.is_empty()
                || target.extension().is_none_or(|ending| ending != "md")
                || fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(fragment));
            if !is_there || !has_anchor {
                broken.push(format!("{}: {link}", path.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links: {broken:#?}");
}

#[test]
fn every_page_is_in_the_book() {
    let docs = root().join("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let listed: BTreeSet<PathBuf> = links(&summary).iter().map(|link| docs.join(link)).collect();
    let there: BTreeSet<PathBuf> =
        pages().into_iter().map(|(path, _)| path).filter(|path| path.starts_with(&docs) && !is_summary(path)).collect();
    assert_eq!(listed, there, "docs/SUMMARY.md lists each page of docs once");
}

fn is_summary(path: &Path) -> bool {
    path.ends_with("SUMMARY.md")
}

#[test]
fn the_readme_is_short() {
    let lines = fs::read_to_string(root().join("README.md")).unwrap().lines().count();
    assert!(lines <= README, "README.md has {lines} lines");
}
