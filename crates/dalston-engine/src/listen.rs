//! Finds the speech segments of an audio file.

use crate::{
    Resampler, Segment, SpeechEvent, SpeechFinder,
    decode::{Decoder, Unfit, Unreadable},
    sandbox::DecoderMessage,
};
use std::{fs::File, io};

/// Callback that receives the messages. It returns an error when nobody reads them any more.
type Tell<'a> = &'a mut dyn FnMut(DecoderMessage) -> io::Result<()>;

/// Decodes a file to its end, or until it exceeds `most` seconds, and sends segments and progress to `tell`. Returns
/// the duration of the audio in seconds.
pub(crate) fn listen(file: File, most: f64, tell: Tell<'_>) -> Result<f64, Unreadable> {
    let mut decoder = Decoder::open(file)?;
    let whole = decoder.seconds();
    let mut ear = SpeechSegmenter { finder: SpeechFinder::new(), since: None, told: 0 };
    let mut change: Option<Resampler> = None;
    while let Some(piece) = decoder.next()? {
        // Some files change their sample rate or channels in the middle.
        let mut fit = match change.take().filter(|change| change.takes(piece.rate, piece.channels)) {
            Some(fit) => fit,
            None => Resampler::new(piece.rate, piece.channels).ok_or_else(|| {
                Unreadable::Unfit(Unfit::Odd, format!("{} Hz, {} channels", piece.rate, piece.channels))
            })?,
        };
        ear.hear(fit.push(&piece.samples), tell)?;
        change = Some(fit);
        if ear.finder.seconds() > most {
            return Err(Unreadable::TooLong);
        }
        ear.progress(thousandths(ear.finder.seconds(), whole), tell)?;
    }
    if let Some(mut change) = change {
        ear.hear(change.finish(), tell)?;
    }
    if let Some(event) = ear.finder.finish() {
        ear.note(event, tell)?;
    }
    ear.progress(1_000, tell)?;
    Ok((ear.finder.seconds() * 1_000.0).round() / 1_000.0)
}

/// Builds segments from the starts and ends of speech.
struct SpeechSegmenter {
    finder: SpeechFinder,
    since: Option<f64>,
    /// The progress that was last reported, in thousandths.
    told: u16,
}

impl SpeechSegmenter {
    fn hear(&mut self, samples: &[f32], tell: Tell<'_>) -> io::Result<()> {
        self.finder.push(samples).into_iter().try_for_each(|event| self.note(event, tell))
    }

    fn progress(&mut self, thousandths: u16, tell: Tell<'_>) -> io::Result<()> {
        if thousandths <= self.told {
            return Ok(());
        }
        self.told = thousandths;
        tell(DecoderMessage::Progress(thousandths))
    }

    fn note(&mut self, event: SpeechEvent, tell: Tell<'_>) -> io::Result<()> {
        match event {
            SpeechEvent::Start { at } => self.since = Some(at),
            SpeechEvent::End { at } => {
                let start = self.since.take().unwrap_or(at);
                let text = String::new();
                tell(DecoderMessage::Segment(Segment { start, end: at, text, confidence: None, words: Vec::new() }))?;
            }
        }
        Ok(())
    }
}

fn thousandths(done: f64, whole: Option<f64>) -> u16 {
    let share = done / whole.unwrap_or(f64::INFINITY);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and NaN is 0")]
    // Round to hundredths: report progress at most a hundred times.
    let hundredths = (share * 100.0) as u16;
    hundredths.min(100) * 10
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packets::fixtures::{Mp4, atom, caf, mkv, ogg};
    use std::io::{Seek, Write};

    const OPUS: &[u8] = include_bytes!("../../../tests/fixtures/telegram-voice.oga");

    /// Returns the speech segments of a file, as start and end in seconds, and its duration.
    fn heard(bytes: &[u8]) -> Result<(Vec<(f64, f64)>, f64), Unreadable> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        let mut speech = Vec::new();
        let seconds = listen(file, 60.0, &mut |message| {
            if let DecoderMessage::Segment(segment) = message {
                speech.push((segment.start, segment.end));
            }
            Ok(())
        })?;
        Ok((speech, seconds))
    }

    #[test]
    fn streams_one_behind_the_other_are_heard_to_the_end() {
        let (speech, seconds) = heard(OPUS).unwrap();
        let ogg = include_bytes!("../../../tests/fixtures/tone.ogg");
        for (name, file, parts) in [
            ("Opus, twice", OPUS.repeat(2), vec![0.0, seconds]),
            ("Opus, three times", OPUS.repeat(3), vec![0.0, seconds, 2.0 * seconds]),
            ("Vorbis in front of Opus", [ogg, OPUS].concat(), vec![0.5]),
            ("Opus in front of Vorbis", [OPUS, ogg].concat(), vec![0.0]),
        ] {
            let (there, _) = heard(&file).unwrap();
            let there: Vec<_> = there.iter().map(|(start, _)| *start).collect();
            let is_near = |(there, part): (&f64, &f64)| (there - part - speech[0].0).abs() < 0.05;
            assert!(there.len() >= parts.len() && there.iter().zip(&parts).all(is_near), "{name}: {there:?}");
        }
    }

    #[test]
    fn he_aac_is_heard_by_its_core() {
        let (speech, seconds) = heard(include_bytes!("../../../tests/fixtures/he-aac-explicit.m4a")).unwrap();
        assert!(speech.len() == 1 && (seconds - 1.6).abs() < 0.1, "{speech:?}, {seconds}");
    }

    #[test]
    fn opus_is_heard_alike_in_every_container() {
        let packets = ogg(OPUS);
        let (header, samples) = (&packets[0], &packets[2..]);
        let live = include_bytes!("../../../tests/fixtures/mediarecorder.webm");
        // In MP4 the Opus header has no signature, version 0, and is big-endian.
        let mut other = [&[0][..], &header[9..]].concat();
        other[2..4].reverse();
        other[4..8].reverse();
        let count = u32::try_from(samples.len()).unwrap();
        let entry = ("Opus", 48_000, 16, atom("dOps", &[&other]));
        let mp4 = Mp4 { scale: 48_000, times: vec![(count, 960)], entry }.file(samples);
        let (speech, seconds) = heard(OPUS).unwrap();
        assert_eq!(speech.len(), 1, "{speech:?}");
        assert!((seconds - 1.6).abs() < 0.016, "{seconds}");
        for (name, file) in [
            ("Matroska", mkv("A_OPUS", header, 48_000.0, None, 20.0, samples)),
            ("MP4", mp4),
            ("CAF", caf("opus", [0, 0, 960, 0], &[], None, samples)),
            ("WebM of a browser", live.to_vec()),
        ] {
            let (there, seconds) = heard(&file).unwrap();
            assert_eq!(there.len(), 1, "{name}: {there:?}");
            let apart = (there[0].0 - speech[0].0).abs().max((there[0].1 - speech[0].1).abs());
            assert!(apart < 0.033 && (seconds - 1.6).abs() < 0.033, "{name}: {there:?} for {speech:?}, {seconds} s");
        }
    }
}
