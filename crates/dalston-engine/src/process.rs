//! A process and all that it starts: bounded in memory and in what it prints, and dead when nobody waits for it.

use crate::EngineError;
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    env,
    ffi::OsString,
    io,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncWriteExt},
    process::{ChildStderr, ChildStdout},
};

/// Variables that are handed on.
const HANDED_ON: [&str; 3] = ["PATH", "HOME", "LANG"];
/// The last bytes of its standard error are kept, for the log.
const TAIL: usize = 2 * 1024;
/// Exit codes above this are how shells and wrappers say that a signal ended what they started.
const SIGNALS: i32 = 128;

/// What a process is given, and how much it may take.
#[derive(Debug, Clone)]
pub(crate) struct ProcessLimits {
    memory: Option<u64>,
    environment: Vec<(String, String)>,
    /// Where `setpriv` is: it has the process killed when this one dies. Where it is not, the process then runs to its
    /// end, and nobody reads what it says.
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

/// A process that runs. Dropped, it and its whole group are killed.
pub(crate) struct Child {
    child: tokio::process::Child,
    group: Option<Pid>,
}

/// How it ended, with the end of what it wrote to standard error.
pub(crate) enum Ended {
    Well,
    Code(i32, String),
    Signal(i32, String),
    /// It wrote too much.
    TooLong,
}

impl Child {
    /// Starts these words in this folder.
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

    /// Waits for its end. What it writes to standard output goes into a new file, up to a length.
    pub(crate) async fn end(&mut self, printed: &Path, most: u64) -> Result<Ended, EngineError> {
        let (stdout, stderr) = (self.child.stdout.take(), self.child.stderr.take());
        let copied = async { copy(stdout, printed, most).await };
        let said = async { Ok(tail(stderr).await) };
        let ended = async {
            let status = self.child.wait().await?;
            // What it left running would hold the pipes open.
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
            (Some(code), _) if code > SIGNALS => Ended::Signal(code - SIGNALS, why),
            (Some(code), _) => Ended::Code(code, why),
            (None, signal) => Ended::Signal(signal.unwrap_or_default(), why),
        })
    }

    fn kill(&mut self) {
        if let Some(group) = self.group.take() {
            // Nobody is left in it: all the better.
            let _gone = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Why nobody waits for the end.
enum Cut {
    TooLong,
    Io(io::Error),
}

impl From<io::Error> for Cut {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// All of a pipe, into a new file.
async fn copy(pipe: Option<ChildStdout>, path: &Path, most: u64) -> Result<(), Cut> {
    let mut file = File::create_new(path).await?;
    if let Some(pipe) = pipe {
        // One byte more than there may be tells whether there is.
        let copied = tokio::io::copy(&mut pipe.take(most + 1), &mut file).await?;
        if copied > most {
            return Err(Cut::TooLong);
        }
    }
    file.flush().await?;
    Ok(())
}

/// The last of a pipe, as text for the log. All of it is read: a full pipe would stop the process.
async fn tail(pipe: Option<ChildStderr>) -> String {
    let mut kept = Vec::with_capacity(2 * TAIL);
    if let Some(mut pipe) = pipe {
        while let Ok(1..) = (&mut pipe).take(TAIL as u64).read_to_end(&mut kept).await {
            kept.drain(..kept.len().saturating_sub(TAIL));
        }
    }
    String::from_utf8_lossy(&kept).escape_debug().to_string()
}
