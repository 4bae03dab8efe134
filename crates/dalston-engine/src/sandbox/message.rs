//! What the two sides say to one another.

use crate::{ProbedAudio, Segment, decode::Unfit};
use serde::{Deserialize, Serialize};
use std::{ffi::OsString, time::Duration};

/// The first argument of a program that is to decode.
const WORD: &str = "decode";

/// What a decoder is to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Task {
    /// Read what the file is: one [`DecoderMessage::Found`].
    Probe,
    /// Count how long it is, up to so many seconds: one [`DecoderMessage::Counted`].
    Count(f64),
    /// Find speech in it, up to so many seconds: segments and progress, then [`DecoderMessage::Heard`], [`DecoderMessage::TooLong`] or
    /// [`DecoderMessage::Unfit`].
    Listen(f64),
}

impl Task {
    /// The arguments of a program that is to do it within this much processor time.
    pub(super) fn arguments(self, processor: Duration) -> [String; 4] {
        let (name, most) = match self {
            Self::Probe => ("probe", f64::INFINITY),
            Self::Count(most) => ("count", most),
            Self::Listen(most) => ("listen", most),
        };
        [WORD.to_owned(), name.to_owned(), processor.as_secs().max(1).to_string(), most.to_string()]
    }

    /// The task and the processor time in these arguments, the name of the program first. `None`: the program was started
    /// for something else.
    pub(super) fn from_arguments(arguments: impl Iterator<Item = OsString>) -> Option<(Self, Duration)> {
        let mut words = arguments.skip(1).map(OsString::into_string);
        let mut word = || words.next()?.ok();
        if word()? != WORD {
            return None;
        }
        let name = word()?;
        let processor = Duration::from_secs(word()?.parse().ok()?);
        let most = word()?.parse().ok()?;
        let task = match name.as_str() {
            "probe" => Self::Probe,
            "count" => Self::Count(most),
            "listen" => Self::Listen(most),
            _ => return None,
        };
        Some((task, processor))
    }
}

/// What a decoder says, a line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DecoderMessage {
    /// What the file is; `None`: no audio or video that is known here.
    Found(Option<ProbedAudio>),
    /// Somebody speaks here.
    Segment(Segment),
    /// How far it has come, in thousandths.
    Progress(u16),
    /// So many seconds were counted; `None`: it cannot be told.
    Counted(Option<f64>),
    /// All was heard: so many seconds.
    Heard(f64),
    /// There is more to hear than was asked for.
    TooLong,
    /// The audio is not one that can be decoded. The text is for the log.
    Unfit(Unfit, String),
    /// It could not begin, or its input could not be read. The text is for the log.
    Unable(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_say_what_is_asked_and_those_of_other_programs_ask_for_nothing() {
        let asked = |words: &[&str]| Task::from_arguments(words.iter().map(OsString::from));
        for task in [Task::Probe, Task::Count(0.5), Task::Listen(86_400.0), Task::Listen(f64::INFINITY)] {
            let arguments = task.arguments(Duration::from_secs(90));
            let words: Vec<&str> = ["program"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
            assert_eq!(asked(&words), Some((task, Duration::from_secs(90))));
        }
        for words in [&["program"][..], &["decode", "probe", "1"], &["program", "--listen"], &["program", "decode"]] {
            assert_eq!(asked(words), None, "{words:?}");
        }
    }
}
