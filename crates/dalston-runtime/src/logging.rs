//! Logging: tracing to standard error, as text or JSON, with secrets masked at the last step.
//!
//! A separate thread writes it. If the reader of standard error is slow or gone, or its disk is full, lines are
//! dropped: logging never blocks or ends the program.

use anyhow::{Context, Result};
use dalston_auth::Mask;
use std::{
    io::{self, Write},
    panic::{self, PanicHookInfo},
    sync::Arc,
};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt::MakeWriter};

/// Size of the buffer of events; further events are dropped.
const WAITING: usize = 4_096;

/// Guard of the log writer. Dropping it flushes the buffer, within a second.
#[must_use = "without it nothing is written"]
pub struct Log {
    _writer: WorkerGuard,
}

/// Whether `text` is a valid log filter. A word that is not a level would be a target name, for which nothing is
/// logged.
pub(crate) fn is_filter(text: &str) -> bool {
    let is_level = |text: &str| !text.is_empty() && text.parse::<LevelFilter>().is_ok();
    let is_directive = |text: &str| match text.rsplit_once('=') {
        Some((target, level)) => !target.is_empty() && !target.contains(char::is_whitespace) && is_level(level),
        None => is_level(text),
    };
    let text = without_blanks(text);
    text.split(',').all(is_directive) && EnvFilter::try_new(text).is_ok()
}

/// Removes the spaces that people write after commas.
fn without_blanks(filter: &str) -> String {
    filter.split(',').map(str::trim).collect::<Vec<_>>().join(",")
}

/// Installs the log: events that match `filter`, masked by `mask`. Fails if the filter is invalid.
pub fn init(filter: &str, json: bool, mask: Arc<Mask>) -> Result<Log> {
    let filter = EnvFilter::try_new(without_blanks(filter)).context("DALSTON_LOG is no tracing filter")?;
    let (inner, writer) = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING).finish(io::stderr());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Masked { inner, mask });
    let started = if json { log.json().flatten_event(true).try_init() } else { log.with_ansi(false).try_init() };
    started.map_err(|error| anyhow::anyhow!(error)).context("logging cannot be started")?;
    panic::set_hook(Box::new(panicked));
    Ok(Log { _writer: writer })
}

/// Logs a panic as one event, in one line, in the log's format, with secrets masked.
fn panicked(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    // Formatted with `Debug`, which escapes line breaks: the text cannot forge log lines.
    let said = panic.payload_as_str().unwrap_or("(no text)");
    tracing::error!(event = "process.panicked", place = place.as_deref(), ?said, "caught a panic");
}

/// Makes writers that mask secrets: the last line of defence if a secret gets into an event.
pub(crate) struct Masked<M> {
    pub(crate) inner: M,
    pub(crate) mask: Arc<Mask>,
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Masked<M> {
    type Writer = MaskedWriter<'a, M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        MaskedWriter { inner: self.inner.make_writer(), mask: &self.mask }
    }
}

/// Masks secrets in whole events.
pub(crate) struct MaskedWriter<'a, W> {
    inner: W,
    mask: &'a Mask,
}

impl<W: Write> Write for MaskedWriter<'_, W> {
    /// The subscriber writes each event in one call.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.inner.write_all(&self.mask.bytes(event))?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_page::LogPage;

    #[test]
    fn a_filter_is_of_levels_and_of_targets_with_a_level() {
        for filter in ["info", "WARN", "off", "info,dalston_auth=debug", "info, hyper::client=off", "a=trace,b=error"] {
            assert!(is_filter(filter), "{filter}");
        }
        let none = [
            "warning",
            "information",
            "none",
            "",
            "info,",
            "dalston_auth",
            "info,dalston_auth",
            "=info",
            "a=",
            "a=b=c",
        ];
        for filter in none.into_iter().chain(["dalston_auth=loud", "a b=info", "info;debug"]) {
            assert!(!is_filter(filter), "{filter}");
        }
    }

    #[test]
    fn a_panic_is_one_line_of_the_log_without_keys() {
        let (page, key) = (LogPage::default(), format!("dk_{}", "aB3".repeat(16)));
        let (writer, mut mask) = (page.clone(), Mask::default());
        mask.hide("the-operators-key");
        let writer = Masked { inner: move || writer.clone(), mask: Arc::new(mask) };
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(writer).finish();
        tracing::subscriber::with_default(log, || {
            let before = panic::take_hook();
            panic::set_hook(Box::new(panicked));
            let ended = panic::catch_unwind(|| panic!("one line\nand {key} the-operators-key"));
            panic::set_hook(before);
            assert!(ended.is_err());
        });
        let text = page.text();
        assert_eq!(text.lines().count(), 1, "{text}");
        for part in ["ERROR", "a panic", "logging.rs", "one line\\nand dk_***"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("aB3") && !text.contains("operators"), "LOG-02 {text}");
    }
}
