//! Renders transcripts as subtitles or plain text, segment by segment.

use crate::Segment;
use bytes::Bytes;
use std::{fmt::Write, io, num::NonZeroUsize};

/// Output format of a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubtitleFormat {
    /// SubRip.
    Srt,
    /// WebVTT (W3C).
    Vtt,
    /// Plain text, wrapped into lines.
    Txt,
}

/// Maximum size of a line and of a subtitle.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Maximum characters of a line.
    pub line_length: NonZeroUsize,
    /// Maximum lines of a subtitle.
    pub lines: NonZeroUsize,
}

impl SubtitleFormat {
    /// Returns the default layout of the format: 42 characters in two lines, as is usual on television; plain text has
    /// lines of 80.
    pub fn layout(self) -> Layout {
        let of = |line, lines| Layout {
            line_length: NonZeroUsize::new(line).unwrap_or(NonZeroUsize::MIN),
            lines: NonZeroUsize::new(lines).unwrap_or(NonZeroUsize::MIN),
        };
        match self {
            Self::Srt | Self::Vtt => of(42, 2),
            Self::Txt => of(80, 1),
        }
    }
}

/// Renders segments one by one. Segments without text are skipped and not numbered. One that is too long for a subtitle
/// is split, and its time is divided in proportion to the length of the text.
///
/// The subtitle crate is used only in the tests, to parse the output: its hours end at 255, and it does not escape
/// text.
pub fn render<S>(
    format: SubtitleFormat,
    layout: Layout,
    segments: S,
) -> impl Iterator<Item = io::Result<Bytes>> + use<S>
where
    S: Iterator<Item = io::Result<Segment>>,
{
    let mut writer = SubtitleWriter { format, layout, number: 0, column: 0 };
    let begin = if format == SubtitleFormat::Vtt { "WEBVTT\n" } else { "" };
    let end = if format == SubtitleFormat::Txt { "\n" } else { "" };
    let said = |text: &'static str| std::iter::once(Ok(Bytes::from_static(text.as_bytes())));
    let pieces = segments.map(move |segment| segment.map(|segment| writer.write(&segment)));
    said(begin).chain(pieces).chain(said(end)).filter(|piece| !piece.as_ref().is_ok_and(Bytes::is_empty))
}

struct SubtitleWriter {
    format: SubtitleFormat,
    layout: Layout,
    /// Number of subtitles written.
    number: u64,
    /// Number of characters in the current line of plain text.
    column: usize,
}

impl SubtitleWriter {
    fn write(&mut self, segment: &Segment) -> Bytes {
        let mut text = String::new();
        match self.format {
            SubtitleFormat::Txt => self.flow(&segment.text, &mut text),
            SubtitleFormat::Srt | SubtitleFormat::Vtt => self.subtitles(segment, &mut text),
        }
        Bytes::from(text)
    }

    /// Appends words to the current line, or begins a new one.
    fn flow(&mut self, text: &str, out: &mut String) {
        for word in text.split_whitespace() {
            let length = word.chars().count();
            if self.column > 0 {
                let fits = self.column + 1 + length <= self.layout.line_length.get();
                out.push(if fits { ' ' } else { '\n' });
                self.column = if fits { self.column + 1 } else { 0 };
            }
            out.push_str(word);
            self.column += length;
        }
    }

    fn subtitles(&mut self, segment: &Segment, out: &mut String) {
        let lines = wrap(&segment.text, self.layout.line_length.get());
        let whole: u64 = lines.iter().map(|line| length(line)).sum();
        let (start, end) = (millis(segment.start), millis(segment.end).max(millis(segment.start) + 1));
        let (mut from, mut said) = (start, 0);
        for some in lines.chunks(self.layout.lines.get()) {
            said += some.iter().map(|line| length(line)).sum::<u64>();
            let share = u128::from(end - start) * u128::from(said) / u128::from(whole.max(1));
            let until = (start + u64::try_from(share).unwrap_or(u64::MAX)).max(from + 1);
            self.number += 1;
            self.subtitle(from, until, some, out);
            from = until;
        }
    }

    fn subtitle(&self, from: u64, until: u64, lines: &[String], out: &mut String) {
        // Writing to a string does not fail.
        let _ = match self.format {
            SubtitleFormat::Vtt => write!(out, "\n{} --> {}\n", time(from, '.'), time(until, '.')),
            SubtitleFormat::Srt | SubtitleFormat::Txt => {
                let gap = if self.number > 1 { "\n" } else { "" };
                write!(out, "{gap}{}\n{} --> {}\n", self.number, time(from, ','), time(until, ','))
            }
        };
        for line in lines {
            // WebVTT has escapes. SubRip has none, and an arrow in its text might be parsed as a time.
            let line = match self.format {
                SubtitleFormat::Vtt => line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
                SubtitleFormat::Srt | SubtitleFormat::Txt => line.replace("-->", "→"),
            };
            out.push_str(&line);
            out.push('\n');
        }
    }
}

/// Wraps words into lines of at most `most` characters. Splits longer words.
fn wrap(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        for (at, piece) in letters.chunks(most).enumerate() {
            let fits = at == 0 && column + 1 + piece.len() <= most;
            match lines.last_mut() {
                Some(line) if fits => {
                    line.push(' ');
                    line.extend(piece);
                    column += 1 + piece.len();
                }
                _ => {
                    lines.push(piece.iter().collect());
                    column = piece.len();
                }
            }
        }
    }
    lines
}

fn length(line: &str) -> u64 {
    line.chars().count() as u64
}

/// Rounds a time in seconds to whole milliseconds.
fn millis(seconds: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and NaN is 0")]
    let millis = (seconds * 1_000.0).round() as u64;
    millis.min(u64::from(u32::MAX) * 1_000)
}

/// Formats a time as `hh:mm:ss.mmm`; hours have as many digits as they need.
fn time(millis: u64, point: char) -> String {
    let (seconds, millis) = (millis / 1_000, millis % 1_000);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    format!("{:02}:{:02}:{seconds:02}{point}{millis:03}", minutes / 60, minutes % 60)
}
