//! A child process and its descendants: limited in memory and in output, and killed when the handle is dropped.

use crate::EngineError;
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    env,
    ffi::OsString,
    io,
    ops::RangeInclusive,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncWriteExt},
    process::{ChildStderr, ChildStdout},
};

/// Environment variables that the child inherits.
const HANDED_ON: [&str; 3] = ["PATH", "HOME", "LANG"];
/// Bytes of the end of standard error that are kept for the log.
const TAIL: usize = 2 * 1024;
/// Shells and wrappers report death by signal as an exit code of 128 + signal number, which is 1 to 64 on Linux. A
/// higher code, such as the 255 of `exit(-1)`, is a program's own.
const SIGNALS: RangeInclusive<i32> = 129..=192;

/// Environment and resource limits of a process.
#[derive(Debug, Clone)]
pub(crate) struct ProcessLimits {
    memory: Option<u64>,
    environment: Vec<(String, String)>,
    /// Path of `setpriv`, which has the kernel kill the process when this one dies. Without it the process then runs to
    /// its end, and nobody reads its output.
    setpriv: Option<PathBuf>,
}

impl ProcessLimits {
    pub(crate) fn new(memory: Option<u64>, environment: Vec<(String, String)>) -> Self {
        let environment: Vec<_> =
            environment.into_iter().filter(|(name, _)| HANDED_ON.contains(&name.as_str())).collect();
        let path = environment.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
        let mut folders = env::split_paths(path.as_deref().unwrap_or("/usr/bin:/bin")).collect::<Vec<_>>().into_iter();
        let setpriv = folders.find_map(|folder| Some(folder.join("setpriv")).filter(|file| file.is_file()));
        Self { memory, environment, setpriv }
    }
}

/// A running process. Dropping it kills its whole process group.
pub(crate) struct Child {
    child: tokio::process::Child,
    group: Option<Pid>,
}

/// How a process ended, with the last bytes of its standard error.
pub(crate) enum Ended {
    Well,
    Code(i32, String),
    Signal(i32, String),
    /// It wrote more to standard output than allowed.
    TooLong,
}

impl Child {
    /// Starts a program with arguments (`words`) in a working directory.
    pub(crate) fn start(words: &[OsString], limits: &ProcessLimits, folder: &Path) -> Result<Self, EngineError> {
        let mut line: Vec<OsString> = Vec::new();
        if let Some(setpriv) = &limits.setpriv {
            line.extend([setpriv.into(), "--pdeathsig".into(), "KILL".into(), "--".into()]);
        }
        if let Some(memory) = limits.memory {
            line.extend(["prlimit".into(), format!("--as={memory}").into(), "--".into()]);
        }
        line.extend_from_slice(words);
        let Some((program, arguments)) = line.split_first() else {
            return Err(EngineError::Unavailable("the command is empty".to_owned()));
        };
        let child = tokio::process::Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(limits.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(folder)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| EngineError::Unavailable(format!("the command does not start: {error}")))?;
        let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        Ok(Self { child, group })
    }

    /// Waits until the process ends. Copies its standard output into the new file `printed`; `most` is the maximum in
    /// bytes.
    pub(crate) async fn end(&mut self, printed: &Path, most: u64) -> Result<Ended, EngineError> {
        let (stdout, stderr) = (self.child.stdout.take(), self.child.stderr.take());
        let copied = async { copy(stdout, printed, most).await };
        let said = async { Ok(tail(stderr).await) };
        let ended = async {
            let status = self.child.wait().await?;
            // Kill descendants that still run: they would hold the pipes open.
            self.kill();
            Ok(status)
        };
        let (why, status) = match tokio::try_join!(copied, said, ended) {
            Ok(((), why, status)) => (why, status),
            Err(Cut::TooLong) => return Ok(Ended::TooLong),
            Err(Cut::Io(error)) => return Err(error.into()),
        };
        Ok(match (status.code(), status.signal()) {
            (Some(0), _) => Ended::Well,
            (Some(code), _) if SIGNALS.contains(&code) => Ended::Signal(code - 128, why),
            (Some(code), _) => Ended::Code(code, why),
            (None, signal) => Ended::Signal(signal.unwrap_or_default(), why),
        })
    }

    fn kill(&mut self) {
        if let Some(group) = self.group.take() {
            // An error means that the group has no processes left, which is fine.
            let _gone = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Why waiting for the process was aborted.
enum Cut {
    TooLong,
    Io(io::Error),
}

impl From<io::Error> for Cut {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Copies all bytes of a pipe into a new file.
async fn copy(pipe: Option<ChildStdout>, path: &Path, most: u64) -> Result<(), Cut> {
    let mut file = File::create_new(path).await?;
    if let Some(pipe) = pipe {
        // Read one byte more than allowed, to detect that the limit was exceeded.
        let copied = tokio::io::copy(&mut pipe.take(most + 1), &mut file).await?;
        if copied > most {
            return Err(Cut::TooLong);
        }
    }
    file.flush().await?;
    Ok(())
}

/// Returns the last bytes of a pipe as text for the log. Reads all of the pipe: the process would block on a full one.
async fn tail(pipe: Option<ChildStderr>) -> String {
    let mut kept = Vec::with_capacity(2 * TAIL);
    if let Some(mut pipe) = pipe {
        while let Ok(1..) = (&mut pipe).take(TAIL as u64).read_to_end(&mut kept).await {
            kept.drain(..kept.len().saturating_sub(TAIL));
        }
    }
    String::from_utf8_lossy(&kept).escape_debug().to_string()
}
