//! Starts decoder processes from the gateway and reads their messages.

use super::{
    fair_semaphore::DecoderPlaces,
    message::{DecoderMessage, Task},
};
use crate::{EngineError, ProbedAudio};
use std::{fs::File, io, path::PathBuf, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Take},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// Maximum number of concurrent probes. Each may use as much memory as a decoder is allowed.
const PROBES: usize = 4;
/// Timeouts of a probe: processor time, and wall-clock time however busy the machine is.
const PROBE_PROCESSOR: Duration = Duration::from_secs(10);
const PROBE_WALL: Duration = Duration::from_mins(1);
/// Maximum number of bytes of one line that a decoder writes, and of all lines.
const LINE: u64 = 4 * 1024;
const MOST: u64 = 256 * 1024 * 1024;
/// Bytes of a dead decoder's standard error that are kept for the log.
const WHY: u64 = 1024;

/// Error message for clients when a decoder dies.
pub const DIED: &str = "The audio cannot be decoded within the memory and the time that a file is given";

/// The program that decoders run. Its `main` must call [`decode_if_asked`](super::decode_if_asked) first.
#[derive(Debug, Clone)]
pub struct DecoderProgram(PathBuf);

impl DecoderProgram {
    /// The program at this path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The program that is running now. On Linux it is the same even if its file has been replaced since.
    pub fn this() -> io::Result<Self> {
        if cfg!(target_os = "linux") { Ok(Self::at("/proc/self/exe")) } else { std::env::current_exe().map(Self) }
    }
}

/// Starts decoder processes, one for each file. The first arguments of the process name its task, its environment is
/// empty; see [`decode_if_asked`](super::decode_if_asked) for its restrictions.
pub struct Decoders {
    program: Option<DecoderProgram>,
    listening: Duration,
    probing: Duration,
    probes: DecoderPlaces,
}

impl Decoders {
    /// Creates a runner of decoders with this program. Without a program every call returns
    /// [`EngineError::Unavailable`]. `patience` is the timeout of one attempt at a job. A decoder gets half of it as
    /// processor time, so it is the file that ends a decoder, not a busy machine.
    pub fn new(program: Option<DecoderProgram>, patience: Duration) -> Self {
        Self { program, listening: patience / 2, probing: PROBE_WALL, probes: DecoderPlaces::new(PROBES) }
    }

    /// Sets the wall-clock timeout of a probe (default: one minute).
    #[must_use]
    pub fn probing_for(self, wall: Duration) -> Self {
        Self { probing: wall, ..self }
    }

    /// Probes a file. Returns `None` when it is no known audio or video format. A limited number of probes run at once,
    /// and one holder may have one fewer than that. Dropping the future kills the decoder.
    ///
    /// Returns [`EngineError::Died`] when the decoder died of the file, and [`EngineError::Unavailable`] when no
    /// decoder could be started.
    pub async fn probe(&self, holder: &str, file: File) -> Result<Option<ProbedAudio>, EngineError> {
        let _place = self.probes.take(holder).await;
        let mut decoder = self.start(Task::Probe, PROBE_PROCESSOR, file)?;
        match timeout(self.probing, decoder.next_message()).await {
            Ok(Ok(DecoderMessage::Found(found))) => Ok(found),
            Ok(Ok(DecoderMessage::Unable(why))) => Err(EngineError::Unavailable(why)),
            Ok(Ok(other)) => Err(died(&format!("it says {other:?}"))),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(died("it did not end")),
        }
    }

    /// Counts the duration of a whole file in seconds, and stops when it exceeds `most`. Returns `None` when it cannot
    /// be determined. Dropping the future kills the decoder. Errors as of [`probe`](Self::probe).
    pub async fn count(&self, file: File, most: f64) -> Result<Option<f64>, EngineError> {
        let mut decoder = self.start(Task::Count(most), self.listening, file)?;
        match decoder.next_message().await? {
            DecoderMessage::Counted(seconds) => Ok(seconds.filter(|seconds| seconds.is_finite() && *seconds > 0.0)),
            DecoderMessage::Unable(why) => Err(EngineError::Unavailable(why)),
            other => Err(died(&format!("it says {other:?}"))),
        }
    }

    /// Starts a decoder that searches at most `most` seconds of a file for speech. Dropping the result kills the
    /// decoder.
    pub(crate) fn listen(&self, file: File, most: f64) -> Result<RunningDecoder, EngineError> {
        self.start(Task::Listen(most), self.listening, file)
    }

    fn start(&self, task: Task, processor: Duration, file: File) -> Result<RunningDecoder, EngineError> {
        let unavailable = |why: &str| EngineError::Unavailable(format!("no decoder can be started: {why}"));
        let DecoderProgram(path) = self.program.as_ref().ok_or_else(|| unavailable("no program is named"))?;
        let mut child = Command::new(path)
            .args(task.arguments(processor))
            .env_clear()
            // A process group of its own: signals from the gateway's terminal do not reach the decoder.
            .process_group(0)
            .stdin(Stdio::from(file))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| unavailable(&error.to_string()))?;
        let said = child.stdout.take().ok_or_else(|| unavailable("it has no output"))?;
        Ok(RunningDecoder { child, said: BufReader::new(said.take(MOST)) })
    }
}

/// A running decoder process. Dropping it kills the process.
pub(crate) struct RunningDecoder {
    child: Child,
    said: BufReader<Take<ChildStdout>>,
}

impl RunningDecoder {
    /// Returns the next message. [`EngineError::Died`] when the decoder ends instead, or writes no valid message.
    pub(crate) async fn next_message(&mut self) -> Result<DecoderMessage, EngineError> {
        let mut line = Vec::new();
        (&mut self.said).take(LINE).read_until(b'\n', &mut line).await?;
        match serde_json::from_slice(&line) {
            Ok(message) => Ok(message),
            Err(_) if line.is_empty() => Err(died(&self.end().await)),
            Err(error) => Err(died(&format!("it says what is no message: {error}"))),
        }
    }

    /// Kills the decoder. Returns its exit status and the beginning of its standard error, for the log.
    async fn end(&mut self) -> String {
        // The decoder may have closed its output and still run, or have written more than we read.
        let _gone = self.child.start_kill();
        let mut why = Vec::new();
        if let Some(stderr) = self.child.stderr.take() {
            let _unread = stderr.take(WHY).read_to_end(&mut why).await;
        }
        let why = String::from_utf8_lossy(&why).escape_debug().to_string();
        match self.child.wait().await {
            Ok(status) => format!("{status}: {why}"),
            Err(error) => format!("{error}: {why}"),
        }
    }
}

fn died(why: &str) -> EngineError {
    EngineError::Died(DIED, why.to_owned())
}
