//! Engine that runs a local command for each job: whisper-cli, or the operator's own script.

use crate::{
    Engine, EngineError, EngineOption, Sink, StopFlag, Summary, TranscriptionTask,
    answer::{self, MOST},
    format::AudioFormat,
    process::{Child, Ended, ProcessLimits},
    relay::{relay, wait_for_stop},
};
use async_trait::async_trait;
use std::{
    borrow::Cow,
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// Error messages for clients.
const FAILED: &str = "The engine could not transcribe the audio";
const TOO_LONG: &str = "The answer of the engine is too long";
pub(crate) const INVALID_MODEL: &str = "The name of the model is not one that a command can be given";
pub(crate) const INVALID_LANGUAGE: &str = "The language is not one that a command can be given";
const NOTHING: &str = "The engine left no transcript";

/// A command as an engine. It is started once for each job, without a shell, in a working directory and a process group
/// of its own, with only `PATH`, `HOME` and `LANG` in its environment.
///
/// Its arguments may contain these placeholders: `{audio}` (the path of the file, with the extension of its format if
/// that is known), `{output}` (where to write the transcript: at this path with `.json` appended), `{language}` (or
/// `auto`), `{model}` (or `default`), `{prompt}` and `{task}` (`transcribe`, `translate`). Without `{output}` the
/// transcript is read from standard output. Either is OpenAI's `verbose_json` or `json`, whisper.cpp's JSON, or an
/// object with Dalston's segments; standard output may also be one line of JSON for each segment, or plain text.
///
/// A non-zero exit code is a permanent failure of the job. A signal (its own, or the kernel's when memory runs out)
/// means that the command died of the job. A program that cannot be started is a temporary failure, which may be
/// retried.
#[derive(Debug, Clone)]
pub struct EngineCommand {
    words: Vec<String>,
    limits: ProcessLimits,
}

impl EngineCommand {
    /// Creates an engine from a program and its arguments. `memory` limits the address space in bytes (by `prlimit` of
    /// util-linux, which must then be installed). `environment` is that of the gateway; only the variables named above
    /// are passed on.
    pub fn new(words: Vec<String>, memory: Option<u64>, environment: Vec<(String, String)>) -> Self {
        Self { words, limits: ProcessLimits::new(memory, environment) }
    }

    /// Returns the command line of a job, with its placeholders filled in.
    fn command_line(
        &self,
        work: &TranscriptionTask,
        audio: &Path,
        output: &Path,
    ) -> Result<Vec<OsString>, EngineError> {
        let model = work.model.as_deref().unwrap_or("default");
        if self.holds("{model}") && !is_plain_name(model, "._:/-", 128) {
            return Err(EngineError::Rejected(INVALID_MODEL, model.escape_debug().to_string()));
        }
        let language = work.language.as_deref().unwrap_or("auto");
        if self.holds("{language}") && !is_plain_name(language, "_-", 64) {
            return Err(EngineError::Rejected(INVALID_LANGUAGE, language.escape_debug().to_string()));
        }
        // A NUL byte cannot be part of an argument. A leading space keeps the prompt from being parsed as an option.
        let prompt = work.options.prompt.as_deref().unwrap_or_default().replace('\0', " ");
        let prompt = if prompt.starts_with('-') { format!(" {prompt}") } else { prompt };
        let task = if work.options.translate { "translate" } else { "transcribe" };
        let given: [(&str, &OsStr); 6] = [
            ("{audio}", audio.as_os_str()),
            ("{output}", output.as_os_str()),
            ("{language}", language.as_ref()),
            ("{model}", model.as_ref()),
            ("{prompt}", prompt.as_ref()),
            ("{task}", task.as_ref()),
        ];
        Ok(self.words.iter().map(|word| fill(word, &given)).collect())
    }

    async fn run(&self, work: &TranscriptionTask, room: &Path, stop: &mut StopFlag) -> Result<PathBuf, EngineError> {
        // The command runs in a working directory of its own, where relative paths would be wrong.
        let audio = tokio::fs::canonicalize(&work.audio).await?;
        let room = tokio::fs::canonicalize(room).await?;
        // Some programs detect the format by the extension, and the stored file has none.
        let audio = match AudioFormat::named(&work.about.format) {
            Some(format) => {
                let named = room.join("audio").with_extension(format.ending);
                tokio::fs::symlink(audio, &named).await?;
                named
            }
            None => audio,
        };
        let output = room.join("transcript");
        let words = self.command_line(work, &audio, &output)?;
        let printed = room.join("printed");
        let mut child = Child::start(&words, &self.limits, &room)?;
        let ended = tokio::select! {
            () = wait_for_stop(stop) => return Err(EngineError::Stopped),
            ended = child.end(&printed, MOST) => ended?,
        };
        match ended {
            Ended::Well => {}
            // `prlimit` and `setpriv` exit with these codes when they cannot start the program: the operator must fix
            // that.
            Ended::Code(code @ (126 | 127), why) => {
                return Err(EngineError::Unavailable(format!("it cannot be started: {code}: {why}")));
            }
            Ended::Code(code, why) => return Err(EngineError::Rejected(FAILED, format!("exit code {code}: {why}"))),
            Ended::Signal(signal, why) => {
                return Err(EngineError::Died(FAILED, format!("it ended by signal {signal}: {why}")));
            }
            Ended::TooLong => return Err(EngineError::Rejected(TOO_LONG, format!("more than {MOST} bytes"))),
        }
        Ok(if self.holds("{output}") { output.with_extension("json") } else { printed })
    }

    /// Whether the command line contains this placeholder.
    fn holds(&self, placeholder: &str) -> bool {
        self.words.iter().any(|word| word.contains(placeholder))
    }
}

#[async_trait]
impl Engine for EngineCommand {
    fn kind(&self) -> &'static str {
        "command"
    }

    fn takes(&self, option: EngineOption) -> bool {
        match option {
            EngineOption::Model => self.holds("{model}"),
            EngineOption::Language => self.holds("{language}"),
            EngineOption::Prompt => self.holds("{prompt}"),
            EngineOption::Temperature => false,
            // The command returns word timestamps without being asked, or never.
            EngineOption::Words => true,
            EngineOption::Translation => self.holds("{task}"),
        }
    }

    async fn models(&self) -> Vec<String> {
        Vec::new()
    }

    async fn transcribe(
        &self,
        work: &TranscriptionTask,
        sink: &mut dyn Sink,
        mut stop: StopFlag,
    ) -> Result<Summary, EngineError> {
        let seconds = work.about.duration_seconds;
        let room = tempfile::tempdir_in(&work.work_dir)?;
        let left = self.run(work, room.path(), &mut stop).await?;
        let (work_dir, leaves_file) = (work.work_dir.clone(), self.holds("{output}"));
        let read = move |relay: &mut _| {
            let mut file = open(&left)?;
            let read = if leaves_file { answer::document } else { answer::output };
            read(&mut file, &work_dir, seconds, relay)
        };
        let (head, found) = relay(sink, stop, read).await?;
        let given = |given: &Option<String>, word: &str| given.clone().filter(|_| self.holds(word));
        Ok(Summary {
            engine: self.kind().to_owned(),
            model: head.model.or_else(|| given(&work.model, "{model}")),
            language: head.language.or_else(|| given(&work.language, "{language}")),
            duration: work.duration(head.duration, found.end),
            speech_duration: found.speech,
            segments: found.segments,
            words: found.words,
            note: None,
        })
    }
}

/// Opens the command's output. Does not follow symbolic links: they could lead to any file of this machine.
fn open(path: &Path) -> Result<File, EngineError> {
    let about = match fs::symlink_metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(EngineError::Rejected(NOTHING, "the file is not there".to_owned()));
        }
        Err(error) => return Err(error.into()),
    };
    if !about.is_file() {
        return Err(EngineError::Rejected(NOTHING, "it is no file".to_owned()));
    }
    if about.len() > MOST {
        return Err(EngineError::Rejected(TOO_LONG, format!("{} bytes", about.len())));
    }
    Ok(File::open(path)?)
}

/// Whether a client's value is a plain name: letters, digits and the characters of `others`, beginning with a letter or
/// a digit, without `..`, at most `most` bytes.
fn is_plain_name(word: &str, others: &str, most: usize) -> bool {
    word.len() <= most
        && word.starts_with(|c: char| c.is_ascii_alphanumeric())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
        && !word.contains("..")
}

/// Replaces the placeholders of an argument in one pass: placeholders within the values are not replaced.
fn fill(word: &str, given: &[(&str, &OsStr)]) -> OsString {
    let mut filled = OsString::new();
    let mut rest: Cow<'_, str> = word.into();
    loop {
        let first = given
            .iter()
            .filter_map(|(name, value)| Some((rest.find(name)?, *name, *value)))
            .min_by_key(|found| found.0);
        let Some((at, name, value)) = first else { break };
        filled.push(&rest[..at]);
        filled.push(value);
        rest = rest[at + name.len()..].to_owned().into();
    }
    filled.push(&*rest);
    filled
}
