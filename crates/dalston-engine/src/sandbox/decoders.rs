//! The gateway's side.

use super::{
    message::{DecoderMessage, Task},
    fair_semaphore::DecoderPlaces,
};
use crate::{EngineError, ProbedAudio};
use std::{fs::File, io, path::PathBuf, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Take},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// Uploads that are probed at once. Each may take as much memory as a decoder is given.
const PROBES: usize = 4;
/// A probe is done within this much processor time, and within this time by the clock however busy the machine is.
const PROBE_PROCESSOR: Duration = Duration::from_secs(10);
const PROBE_WALL: Duration = Duration::from_mins(1);
/// Bytes of a line that a decoder writes, and of all of them.
const LINE: u64 = 4 * 1024;
const MOST: u64 = 256 * 1024 * 1024;
/// Bytes of what it wrote to standard error before it died, for the log.
const WHY: u64 = 1024;

/// What clients read when a decoder dies.
pub const DIED: &str = "The audio cannot be decoded within the memory and the time that a file is given";

/// The program of a decoder: one whose `main` calls [`decode_if_asked`](super::decode_if_asked) first.
#[derive(Debug, Clone)]
pub struct DecoderProgram(PathBuf);

impl DecoderProgram {
    /// The program at this path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The program that runs now. On Linux it is the same also when its file has been replaced since.
    pub fn this() -> io::Result<Self> {
        if cfg!(target_os = "linux") { Ok(Self::at("/proc/self/exe")) } else { std::env::current_exe().map(Self) }
    }
}

/// Starts decoders, one for each file. They run a program that is told what to do by its first arguments, with an empty
/// environment; see [`decode_if_asked`](super::decode_if_asked) for what they may do.
pub struct Decoders {
    program: Option<DecoderProgram>,
    listening: Duration,
    probing: Duration,
    probes: DecoderPlaces,
}

impl Decoders {
    /// With this program; without one nothing is decoded, which is an outage. `patience` is how long an attempt at a job
    /// may take: a decoder is given half of that in processor time, so what ends it is the file, and not a busy machine.
    pub fn new(program: Option<DecoderProgram>, patience: Duration) -> Self {
        Self { program, listening: patience / 2, probing: PROBE_WALL, probes: DecoderPlaces::new(PROBES) }
    }

    /// The same, with another time by the clock after which a probe is ended than a minute.
    #[must_use]
    pub fn probing_for(self, wall: Duration) -> Self {
        Self { probing: wall, ..self }
    }

    /// Reads what a file is; `None`: no audio or video that is known here. A few files are probed at once, and of one holder one
    /// fewer than that. Dropped, it ends the decoder.
    ///
    /// [`EngineError::Died`] when the decoder died of the file, [`EngineError::Unavailable`] when there is none.
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

    /// Counts the length of a whole file in seconds, or until it is more than `most`; `None`: it cannot be told. Dropped, it
    /// ends the decoder. Errors as of [`probe`](Self::probe).
    pub async fn count(&self, file: File, most: f64) -> Result<Option<f64>, EngineError> {
        let mut decoder = self.start(Task::Count(most), self.listening, file)?;
        match decoder.next_message().await? {
            DecoderMessage::Counted(seconds) => Ok(seconds.filter(|seconds| seconds.is_finite() && *seconds > 0.0)),
            DecoderMessage::Unable(why) => Err(EngineError::Unavailable(why)),
            other => Err(died(&format!("it says {other:?}"))),
        }
    }

    /// Starts to listen to at most so many seconds of a file for speech. Dropped, what is given ends the decoder.
    pub(crate) fn listen(&self, file: File, most: f64) -> Result<RunningDecoder, EngineError> {
        self.start(Task::Listen(most), self.listening, file)
    }

    fn start(&self, task: Task, processor: Duration, file: File) -> Result<RunningDecoder, EngineError> {
        let unavailable = |why: &str| EngineError::Unavailable(format!("no decoder can be started: {why}"));
        let DecoderProgram(path) = self.program.as_ref().ok_or_else(|| unavailable("no program is named"))?;
        let mut child = Command::new(path)
            .args(task.arguments(processor))
            .env_clear()
            // What a terminal sends to the gateway is not sent to it.
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

/// A decoder at work. Dropped, it is killed.
pub(crate) struct RunningDecoder {
    child: Child,
    said: BufReader<Take<ChildStdout>>,
}

impl RunningDecoder {
    /// What it says next. [`EngineError::Died`] when it ends instead, or says what it never would.
    pub(crate) async fn next_message(&mut self) -> Result<DecoderMessage, EngineError> {
        let mut line = Vec::new();
        (&mut self.said).take(LINE).read_until(b'\n', &mut line).await?;
        match serde_json::from_slice(&line) {
            Ok(message) => Ok(message),
            Err(_) if line.is_empty() => Err(died(&self.end().await)),
            Err(error) => Err(died(&format!("it says what is no message: {error}"))),
        }
    }

    /// How it ended, for the log.
    async fn end(&mut self) -> String {
        // It may have closed its output and live on, or have said more than is read.
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
