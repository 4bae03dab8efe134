//! The decoder process: confines itself, decodes standard input, and writes messages to standard output.

use super::{
    confine::confine,
    message::{DecoderMessage, Task},
};
use crate::{
    decode::Unreadable,
    listen::listen,
    probe::{count, probe},
};
use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write, stderr, stdin, stdout},
    os::fd::AsFd,
    process::ExitCode,
    time::Duration,
};

/// Decodes standard input if the process was started as a decoder by [`Decoders`](super::Decoders), and returns the
/// exit code of the process. A [`DecoderProgram`](super::DecoderProgram) must call this first in its `main`, before it
/// starts threads or reads settings. `arguments` are those of the process, beginning with its name.
///
/// Returns `None` when the process was started for another purpose.
pub fn decode_if_asked(arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let (task, processor) = Task::from_arguments(arguments)?;
    Some(match decode(task, processor) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Ignore an error: the reader may be gone, or the output itself may have failed.
            let _unsaid = writeln!(stderr(), "{error}");
            ExitCode::FAILURE
        }
    })
}

fn decode(task: Task, processor: Duration) -> io::Result<()> {
    let input = File::from(stdin().as_fd().try_clone_to_owned()?);
    if let Err(error) = confine(&input, processor) {
        return write_message(&DecoderMessage::Unable(format!("the decoder could not be confined: {error}")));
    }
    match task {
        Task::Probe => match probe(input) {
            Ok(found) => write_message(&DecoderMessage::Found(found)),
            Err(error) => write_message(&DecoderMessage::Unable(error.to_string())),
        },
        Task::Count(most) => match count(input, most) {
            Ok(seconds) => write_message(&DecoderMessage::Counted(seconds)),
            Err(error) => write_message(&DecoderMessage::Unable(error.to_string())),
        },
        Task::Listen(most) => match listen(input, most, &mut |message| write_message(&message)) {
            Ok(seconds) => write_message(&DecoderMessage::Heard(seconds)),
            Err(Unreadable::Unfit(unfit, why)) => write_message(&DecoderMessage::Unfit(unfit, why)),
            Err(Unreadable::TooLong) => write_message(&DecoderMessage::TooLong),
            Err(Unreadable::Io(error)) => write_message(&DecoderMessage::Unable(error.to_string())),
        },
    }
}

fn write_message(message: &DecoderMessage) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stdout().write_all(&line)?;
    stdout().flush()
}
