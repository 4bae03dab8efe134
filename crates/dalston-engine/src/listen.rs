//! Where somebody speaks in a file.

use crate::{
    Resampler, Segment, SpeechEvent, SpeechFinder,
    decode::{Decoder, Unfit, Unreadable},
    sandbox::Message,
};
use std::{fs::File, io};

/// Whoever is told what is found. When nobody is any more, it fails.
type Tell<'a> = &'a mut dyn FnMut(Message) -> io::Result<()>;

/// Listens to a file to the end, or until there are more than `most` seconds. The length of what was heard, in seconds.
pub(crate) fn listen(file: File, most: f64, tell: Tell<'_>) -> Result<f64, Unreadable> {
    let mut decoder = Decoder::open(file)?;
    let whole = decoder.seconds;
    let mut ear = Ear { finder: SpeechFinder::new(), since: None, told: 0 };
    let mut change: Option<Resampler> = None;
    while let Some(piece) = decoder.next()? {
        // Some files change in the middle.
        let mut fit = match change.take().filter(|change| change.takes(piece.rate, piece.channels)) {
            Some(fit) => fit,
            None => Resampler::new(piece.rate, piece.channels).ok_or_else(|| {
                Unreadable::Unfit(Unfit::Odd, format!("{} Hz, {} channels", piece.rate, piece.channels))
            })?,
        };
        ear.hear(fit.push(piece.samples), tell)?;
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

/// Makes segments of starts and ends.
struct Ear {
    finder: SpeechFinder,
    since: Option<f64>,
    /// How far it has come, as it was told last.
    told: u16,
}

impl Ear {
    fn hear(&mut self, samples: &[f32], tell: Tell<'_>) -> io::Result<()> {
        self.finder.push(samples).into_iter().try_for_each(|event| self.note(event, tell))
    }

    fn progress(&mut self, thousandths: u16, tell: Tell<'_>) -> io::Result<()> {
        if thousandths <= self.told {
            return Ok(());
        }
        self.told = thousandths;
        tell(Message::Progress(thousandths))
    }

    fn note(&mut self, event: SpeechEvent, tell: Tell<'_>) -> io::Result<()> {
        match event {
            SpeechEvent::Start { at } => self.since = Some(at),
            SpeechEvent::End { at } => {
                let start = self.since.take().unwrap_or(at);
                let text = String::new();
                tell(Message::Segment(Segment { start, end: at, text, confidence: None, words: Vec::new() }))?;
            }
        }
        Ok(())
    }
}

fn thousandths(done: f64, whole: Option<f64>) -> u16 {
    let share = done / whole.unwrap_or(f64::INFINITY);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and NaN is 0")]
    // In hundredths: whoever is told is told a hundred times.
    let hundredths = (share * 100.0) as u16;
    hundredths.min(100) * 10
}
