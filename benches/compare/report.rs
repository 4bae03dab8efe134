//! The table.

use crate::{
    figures::{Figures, Row, Spread},
    settings::Settings,
};
use std::{fmt::Write, fs};

/// How much of its core a server uses at least that gets all the load that it can take.
const SATURATED: f64 = 0.9;

/// All that was measured, when, and where.
pub(crate) struct Report {
    /// The peers.
    pub(crate) rows: Vec<Row>,
    /// The day, the machine, how much was measured.
    pub(crate) caption: String,
}

impl Report {
    /// Of these rows, measured `now`.
    pub(crate) fn new(now: &str, settings: &Settings, rows: Vec<Row>) -> Self {
        let day = now.split('T').next().unwrap_or_default();
        let (rounds, seconds) = (settings.rounds, settings.seconds);
        Self { rows, caption: format!("{day}, {}; {rounds} rounds of {seconds} seconds", machine()) }
    }

    /// As Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "{}\n\nMedians; in brackets the ratio to the bare handler of the same round.\n\n\
             | | requests/s | least and greatest ratio | p50 ms | p99 ms | CPU s per 100,000 | of these its store | \
             memory MiB | of these its store | core used |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
            self.caption
        );
        // The bare handler has a turn beside each peer: all of them count.
        let bare = |figure: fn(&Figures) -> f64| {
            Spread::of(self.rows.iter().flat_map(|row| &row.rounds).map(|pair| figure(&pair.bare))).middle
        };
        let _ = writeln!(
            text,
            "| **bare actix-web handler** | {:.0} | | {:.2} | {:.2} | {:.2} | | {:.0} | | {:.0} % |",
            bare(|it| it.rate),
            bare(|it| it.p50) / 1e3,
            bare(|it| it.p99) / 1e3,
            bare(Figures::all_cpu),
            bare(Figures::all_resident),
            bare(|it| it.busy) * 100.0,
        );
        for row in &self.rows {
            let both = |figure: fn(&Figures) -> f64, scale: f64, digits: usize| {
                let (own, ratio) = (row.figure(figure).middle / scale, short(row.ratio(figure).middle));
                format!("{own:.digits$} ({ratio})")
            };
            let store = |figure: fn(&Figures) -> f64, digits: usize| {
                let own = row.figure(figure).middle;
                if own > 0.0 { format!("{own:.digits$}") } else { String::new() }
            };
            let spread = row.ratio(|it| it.rate);
            let _ = writeln!(
                text,
                "| {} | {} | {} – {} | {} | {} | {} | {} | {} | {} | {:.0} % |",
                row.name,
                both(|it| it.rate, 1.0, 0),
                short(spread.least),
                short(spread.greatest),
                both(|it| it.p50, 1e3, 2),
                both(|it| it.p99, 1e3, 2),
                both(Figures::all_cpu, 1.0, 2),
                store(|it| it.store_cpu, 2),
                both(Figures::all_resident, 1.0, 0),
                store(Figures::stored, 0),
                row.figure(|it| it.busy).middle * 100.0,
            );
        }
        let used = bare(|it| it.busy);
        if used < SATURATED {
            let _ = writeln!(
                text,
                "\nThe load used {:.0} % of the bare handler's core: this machine had other work. Requests/s and latencies \
                 say little then; processor time does.",
                used * 100.0
            );
        }
        text
    }
}

/// Three digits that say something.
pub(crate) fn short(ratio: f64) -> String {
    match ratio {
        100.0.. => format!("{ratio:.0}"),
        10.0..100.0 => format!("{ratio:.1}"),
        0.1..10.0 => format!("{ratio:.2}"),
        _ => format!("{ratio:.4}"),
    }
}

/// Processors, their model, the kernel.
fn machine() -> String {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let models: Vec<&str> = processors.lines().filter(|line| line.starts_with("model name")).collect();
    let model = models.first().and_then(|line| line.split_once(": ")).map_or("unknown processor", |(_, model)| model);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{} cores of {model}, Linux {}", models.len(), kernel.trim())
}
