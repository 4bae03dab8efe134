//! Sanitizes the segments of engines before they are stored: engines are other people's programs.

use crate::{Segment, Word};

/// Maximum bytes of text in a segment. With its words, a segment is a line of less than one mebibyte in a transcript.
const MOST_TEXT: usize = 32 * 1024;
/// Maximum number of words of a segment whose times are kept, and maximum bytes of each.
const MOST_WORDS: usize = 2_000;
const MOST_WORD: usize = 128;

/// Sanitizes consecutive segments: times become finite, not negative, and in order; control characters become spaces; a
/// text of more than 32 KiB is split into several segments. No text is dropped.
#[derive(Debug, Default)]
pub(crate) struct SegmentSanitizer {
    last: f64,
    /// Number of segments.
    pub(crate) segments: u64,
    /// Number of words.
    pub(crate) words: u64,
    /// Total duration of the segments in seconds.
    pub(crate) speech: f64,
    /// Latest end of a segment in seconds.
    pub(crate) end: f64,
}

impl SegmentSanitizer {
    /// Returns the sanitized segment, in most cases one.
    pub(crate) fn sanitize(&mut self, segment: Segment) -> Vec<Segment> {
        let start = later(segment.start, self.last);
        let end = later(segment.end, start);
        let words = segment.words.into_iter().take(MOST_WORDS).scan(start, |last, word| {
            let start = later(word.start, *last);
            *last = start;
            Some(Word {
                word: cut(&plain(&word.word), MOST_WORD).0.to_owned(),
                start,
                end: later(word.end, start),
                confidence: clamp_confidence(word.confidence),
            })
        });
        let mut words: Vec<_> = words.collect();
        self.words += words.len() as u64;
        let text = plain(&segment.text);
        let mut mended = Vec::with_capacity(1);
        let (mut rest, mut from) = (text.as_str(), start);
        loop {
            let (piece, others) = cut(rest, MOST_TEXT);
            let until = if others.is_empty() { end } else { from + (end - from) * share(piece, rest) };
            let confidence = clamp_confidence(segment.confidence);
            mended.push(Segment {
                start: from,
                end: until,
                text: piece.to_owned(),
                confidence,
                words: std::mem::take(&mut words),
            });
            if others.is_empty() {
                break;
            }
            (rest, from) = (others, until);
        }
        self.last = mended.last().map_or(start, |segment| segment.start);
        self.end = self.end.max(end);
        self.segments += mended.len() as u64;
        self.speech += end - start;
        mended
    }
}

/// Returns `time`, or `than` if `time` is not finite or is earlier.
fn later(time: f64, than: f64) -> f64 {
    if time.is_finite() { time.max(than) } else { than }
}

fn clamp_confidence(confidence: Option<f64>) -> Option<f64> {
    confidence.filter(|confidence| confidence.is_finite()).map(|confidence| confidence.clamp(0.0, 1.0))
}

/// Replaces control characters with spaces and trims white space at both ends.
fn plain(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Splits off a piece of at most `most` bytes, at a space if there is one. Returns the piece and the rest.
fn cut(text: &str, most: usize) -> (&str, &str) {
    if text.len() <= most {
        return (text, "");
    }
    let fits = text.floor_char_boundary(most);
    let at = text[..fits].rfind(' ').filter(|at| *at > 0).unwrap_or(fits);
    (&text[..at], text[at..].trim_start())
}

#[expect(clippy::cast_precision_loss, reason = "lengths of texts")]
fn share(piece: &str, whole: &str) -> f64 {
    piece.len() as f64 / whole.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(start: f64, end: f64, text: &str) -> Segment {
        Segment { start, end, text: text.to_owned(), confidence: None, words: Vec::new() }
    }

    #[test]
    fn times_that_make_no_sense_are_mended_and_no_word_is_lost() {
        let mut mender = SegmentSanitizer::default();
        let said = [(-1.0, 2.0, " a\n"), (f64::NAN, f64::NAN, "b"), (3.0, 1.0, "c"), (2.0, f64::INFINITY, "d\u{0}e")];
        let segments: Vec<_> =
            said.into_iter().flat_map(|(start, end, text)| mender.sanitize(segment(start, end, text))).collect();
        let times: Vec<_> =
            segments.iter().map(|segment| (segment.start, segment.end, segment.text.as_str())).collect();
        assert_eq!(times, [(0.0, 2.0, "a"), (0.0, 0.0, "b"), (3.0, 3.0, "c"), (3.0, 3.0, "d e")]);
        assert_eq!((mender.segments, mender.speech), (4, 2.0));
    }

    #[test]
    fn an_hour_in_one_segment_becomes_several_which_are_the_same_text() {
        let text = "word ".repeat(20_000);
        let mended = SegmentSanitizer::default().sanitize(segment(0.0, 3_600.0, &text));
        assert_eq!(mended.len(), 4);
        assert_eq!(mended.iter().map(|segment| segment.text.as_str()).collect::<Vec<_>>().join(" "), text.trim());
        assert!(mended.is_sorted_by(|one, other| one.end <= other.start && one.start < one.end));
        assert!(mended.iter().all(|segment| serde_json::to_string(segment).unwrap().len() < 1024 * 1024));
    }
}
