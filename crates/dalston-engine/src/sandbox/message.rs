//! The protocol between gateway and decoder process: the task in the arguments, messages as lines of JSON.

use crate::{ProbedAudio, Segment, decode::Unfit};
use serde::{Deserialize, Serialize};
use std::{ffi::OsString, time::Duration};

/// The first argument of a process that is started as a decoder.
const WORD: &str = "decode";

/// The task of a decoder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Task {
    /// Probe the file: one [`DecoderMessage::Found`].
    Probe,
    /// Count its duration, up to this many seconds: one [`DecoderMessage::Counted`].
    Count(f64),
    /// Find speech in it, up to this many seconds: segments and progress, then [`DecoderMessage::Heard`],
    /// [`DecoderMessage::TooLong`] or [`DecoderMessage::Unfit`].
    Listen(f64),
}

impl Task {
    /// Returns the arguments of a process that is to run this task. `processor` is the limit of its processor time.
    pub(super) fn arguments(self, processor: Duration) -> [String; 4] {
        let (name, most) = match self {
            Self::Probe => ("probe", f64::INFINITY),
            Self::Count(most) => ("count", most),
            Self::Listen(most) => ("listen", most),
        };
        [WORD.to_owned(), name.to_owned(), processor.as_secs().max(1).to_string(), most.to_string()]
    }

    /// Parses the task and the limit of processor time from the arguments of the process, which begin with its name.
    /// Returns `None` when the process was started for another purpose.
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

/// A message from a decoder, one line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DecoderMessage {
    /// The result of a probe; `None`: no known audio or video format.
    Found(Option<ProbedAudio>),
    /// A segment of speech.
    Segment(Segment),
    /// Progress in thousandths.
    Progress(u16),
    /// The counted duration in seconds; `None`: it cannot be determined.
    Counted(Option<f64>),
    /// The whole file was searched; its duration in seconds.
    Heard(f64),
    /// The audio is longer than the task allows.
    TooLong,
    /// The audio cannot be decoded. The text is for the log.
    Unfit(Unfit, String),
    /// The decoder could not start, or could not read its input. The text is for the log.
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
