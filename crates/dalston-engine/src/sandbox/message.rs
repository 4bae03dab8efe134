//! What the two sides say to one another.

use crate::{Segment, decode::Unfit};
use dalston_model::Audio;
use serde::{Deserialize, Serialize};
use std::{ffi::OsString, time::Duration};

/// The first argument of a program that is to decode.
const WORD: &str = "decode";

/// What a decoder is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Read what the file is: one [`Message::Audio`].
    Probe,
    /// Find speech in it: segments and progress, then [`Message::Heard`] or [`Message::Unfit`].
    Listen,
}

impl Task {
    const ALL: [Self; 2] = [Self::Probe, Self::Listen];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Listen => "listen",
        }
    }

    /// The arguments of a program that is to do it within this much processor time.
    pub(super) fn arguments(self, processor: Duration) -> [String; 3] {
        [WORD.to_owned(), self.as_str().to_owned(), processor.as_secs().max(1).to_string()]
    }

    /// The task and the processor time in these arguments, the name of the program first. `None`: the program was started
    /// for something else.
    pub(super) fn asked(arguments: impl Iterator<Item = OsString>) -> Option<(Self, Duration)> {
        let mut words = arguments.skip(1).map(OsString::into_string);
        let mut word = || words.next()?.ok();
        if word()? != WORD {
            return None;
        }
        let name = word()?;
        let task = Self::ALL.into_iter().find(|task| task.as_str() == name)?;
        Some((task, Duration::from_secs(word()?.parse().ok()?)))
    }
}

/// What a decoder says, a line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Message {
    /// What the file is; `None`: no audio that is known here.
    Audio(Option<Audio>),
    /// Somebody speaks here.
    Segment(Segment),
    /// How far it has come, in thousandths.
    Progress(u16),
    /// All was heard: so many seconds.
    Heard(f64),
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
        let asked = |words: &[&str]| Task::asked(words.iter().map(OsString::from));
        for task in Task::ALL {
            let arguments = task.arguments(Duration::from_secs(90));
            let words: Vec<&str> = ["program"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
            assert_eq!(asked(&words), Some((task, Duration::from_secs(90))));
        }
        for words in [&["program"][..], &["decode", "probe", "1"], &["program", "--listen"], &["program", "decode"]] {
            assert_eq!(asked(words), None, "{words:?}");
        }
    }
}
