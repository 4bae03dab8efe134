//! Transcripts as subtitles: read back by a parser that somebody else wrote, the times are the same to the millisecond.

use dalston_engine::{Layout, Segment, SubtitleFormat, render};
use proptest::prelude::*;
use std::{num::NonZeroUsize, time::Duration};
use subtp::{
    srt::SubRip,
    vtt::{VttBlock, WebVtt},
};

fn write(format: SubtitleFormat, layout: Layout, segments: &[Segment]) -> String {
    let pieces = render(format, layout, segments.iter().cloned().map(Ok));
    let bytes: Vec<u8> = pieces.flat_map(|piece| piece.unwrap()).collect();
    String::from_utf8(bytes).unwrap()
}

fn segment(start: f64, end: f64, text: &str) -> Segment {
    Segment { start, end, text: text.to_owned(), confidence: None, words: Vec::new() }
}

fn layout(line_length: usize, lines: usize) -> Layout {
    let some = |number| NonZeroUsize::new(number).unwrap();
    Layout { line_length: some(line_length), lines: some(lines) }
}

/// Subtitles: from, until, and their lines.
type Subtitles = Vec<(u128, u128, Vec<String>)>;

fn srt(text: &str) -> Subtitles {
    if text.is_empty() {
        return Vec::new();
    }
    let subtitles = SubRip::parse(text).unwrap().subtitles;
    assert!(subtitles.iter().zip(1..).all(|(subtitle, number)| subtitle.sequence == number));
    let millis = |time| Into::<Duration>::into(time).as_millis();
    subtitles.into_iter().map(|one| (millis(one.start), millis(one.end), one.text)).collect()
}

fn vtt(text: &str) -> Subtitles {
    // That parser wants a subtitle in every file.
    if text == "WEBVTT\n" {
        return Vec::new();
    }
    let millis = |time| Into::<Duration>::into(time).as_millis();
    let plain = |line: &String| line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let blocks = WebVtt::parse(text).unwrap().blocks.into_iter();
    blocks
        .map(|block| match block {
            VttBlock::Que(cue) => {
                (millis(cue.timings.start), millis(cue.timings.end), cue.payload.iter().map(plain).collect())
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

proptest! {
    #[test]
    fn times_come_back_to_the_millisecond_and_no_word_is_lost(
        said in prop::collection::vec((0_u32..3_000, 1_u32..9_000, "([a-z<>&\\-äß漢]{1,30} ?){0,8}"), 0..12),
        line_length in 10_usize..60,
        lines in 1_usize..5,
    ) {
        let mut at = 0;
        let segments: Vec<Segment> = said
            .iter()
            .map(|(gap, length, text)| {
                let start = at + gap;
                at = start + length;
                segment(f64::from(start) / 1_000.0, f64::from(at) / 1_000.0, text)
            })
            .collect();
        let spoken: Vec<&Segment> = segments.iter().filter(|segment| !segment.text.trim().is_empty()).collect();
        let layout = layout(line_length, lines);
        let whole: String = spoken.iter().flat_map(|one| one.text.split_whitespace()).collect();
        for (format, arrow) in [(SubtitleFormat::Vtt, "-->"), (SubtitleFormat::Srt, "→")] {
            let text = write(format, layout, &segments);
            let subtitles = if format == SubtitleFormat::Vtt { vtt(&text) } else { srt(&text) };
            let starts: Vec<u128> = subtitles.iter().map(|one| one.0).collect();
            let ends: Vec<u128> = subtitles.iter().map(|one| one.1).collect();
            for segment in &spoken {
                prop_assert!(starts.contains(&((segment.start * 1_000.0).round() as u128)));
                prop_assert!(ends.contains(&((segment.end * 1_000.0).round() as u128)));
            }
            prop_assert!(subtitles.iter().all(|(from, until, _)| from < until));
            prop_assert!(subtitles.iter().all(|one| one.2.len() <= lines));
            prop_assert!(subtitles.iter().flat_map(|one| &one.2).all(|line| line.chars().count() <= line_length));
            let got: String = subtitles.iter().flat_map(|one| &one.2).flat_map(|line| line.split_whitespace()).collect();
            // A cut may fall into an arrow.
            prop_assert_eq!(got.replace(arrow, "-->"), whole.clone());
        }
        let text = write(SubtitleFormat::Txt, layout, &segments);
        prop_assert_eq!(text.split_whitespace().collect::<String>(), whole);
    }
}

#[test]
fn subtitles_are_as_players_want_them() {
    let segments = [
        segment(0.0, 1.2345, "a & b --> <c>"),
        segment(1.5, 2.0, "  "),
        segment(3_599.999_6, 3_601.0, "one two three four five six seven eight nine ten eleven twelve thirteen"),
        segment(3_600_000.0, 3_600_001.0, "late"),
    ];
    let srt = "1\n00:00:00,000 --> 00:00:01,235\na & b → <c>\n\n2\n01:00:00,000 --> 01:00:01,000\n\
        one two three four five six seven eight\nnine ten eleven twelve thirteen\n\n\
        3\n1000:00:00,000 --> 1000:00:01,000\nlate\n";
    assert_eq!(write(SubtitleFormat::Srt, SubtitleFormat::Srt.layout(), &segments), srt);
    let vtt = "WEBVTT\n\n00:00:00.000 --> 00:00:01.235\na &amp; b --&gt; &lt;c&gt;\n\n\
        01:00:00.000 --> 01:00:01.000\none two three four five six seven eight\nnine ten eleven twelve thirteen\n\n\
        1000:00:00.000 --> 1000:00:01.000\nlate\n";
    assert_eq!(write(SubtitleFormat::Vtt, SubtitleFormat::Vtt.layout(), &segments), vtt);
    let text = "a & b --> <c> one two three four five six seven eight nine ten eleven twelve\nthirteen late\n";
    assert_eq!(write(SubtitleFormat::Txt, SubtitleFormat::Txt.layout(), &segments), text);
    assert_eq!(write(SubtitleFormat::Srt, SubtitleFormat::Srt.layout(), &segments[1..2]), "");
}

#[test]
fn what_is_too_long_for_a_subtitle_is_several_that_share_its_time() {
    let text = "aaaa bbbb cccc dddd";
    let shared = srt(&write(SubtitleFormat::Srt, layout(10, 1), &[segment(10.0, 12.0, text)]));
    let lines = |line: &str| vec![line.to_owned()];
    assert_eq!(shared, [(10_000, 11_000, lines("aaaa bbbb")), (11_000, 12_000, lines("cccc dddd"))]);
}
