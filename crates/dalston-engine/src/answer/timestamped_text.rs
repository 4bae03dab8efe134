//! Parses texts whose lines begin with timestamps, as Whisper's programs print them for people: `[00:00:00.500 -->
//! 00:00:02.000]   Hello.`, `[00:00.500 --> 00:02.000] Hello.`, `[0.50s -> 2.00s] Hello.`

use crate::Segment;

/// Returns the segments of such a text. `None` when its first line has no timestamp.
pub(super) fn segments(text: &str) -> Option<Vec<Segment>> {
    let mut segments: Vec<Segment> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match (stamped(line), segments.last_mut()) {
            (Some((start, end, text)), _) => {
                segments.push(Segment { start, end, text: text.to_owned(), confidence: None, words: Vec::new() });
            }
            // A line without timestamp continues the text of the segment before.
            (None, Some(last)) => last.text.extend([" ", line]),
            (None, None) => return None,
        }
    }
    Some(segments).filter(|segments| !segments.is_empty())
}

/// Returns the times of a line in seconds, and its text.
fn stamped(line: &str) -> Option<(f64, f64, &str)> {
    let (times, text) = line.strip_prefix('[')?.split_once(']')?;
    let (start, end) = times.split_once("-->").or_else(|| times.split_once("->"))?;
    Some((seconds(start)?, seconds(end)?, text.trim()))
}

/// Parses `01:02:03.500`, `02:03,500` or `3.50s` as seconds.
fn seconds(time: &str) -> Option<f64> {
    let time = time.trim();
    let time = time.strip_suffix('s').unwrap_or(time);
    let is_time = |byte: u8| byte.is_ascii_digit() || b":.,".contains(&byte);
    if time.is_empty() || !time.bytes().all(is_time) {
        return None;
    }
    time.split(':').try_fold(0.0, |whole, part| Some(whole * 60.0 + part.replace(',', ".").parse::<f64>().ok()?))
}
