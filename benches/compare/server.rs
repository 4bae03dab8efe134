//! A process that serves, on the servers' core, and that does not outlive this program.

use crate::{burden::Burden, cores::Cores};
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};
use tempfile::TempDir;

const STEP: Duration = Duration::from_millis(20);
/// Half a minute.
const STEPS: usize = 1_500;

/// How a server is started.
pub(crate) struct Launch {
    words: Vec<OsString>,
    settings: Vec<(String, OsString)>,
    user: Option<&'static str>,
    stop: Signal,
    folder: TempDir,
    /// Where it shall listen.
    pub(crate) address: SocketAddr,
}

/// A server that runs in a folder of its own. Both are gone when it is dropped.
pub(crate) struct Server {
    child: Child,
    stop: Signal,
    folder: TempDir,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Launch {
    /// Of this program, on a port that is free now.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Result<Self> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let folder = tempfile::Builder::new().prefix("dalston-bench-").tempdir()?;
        let words = vec![program.as_ref().to_owned()];
        Ok(Self { words, settings: Vec::new(), user: None, stop: Signal::KILL, folder, address })
    }

    /// With these words on its command line.
    #[must_use]
    pub(crate) fn words<W: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.words.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// With a variable in its environment.
    #[must_use]
    pub(crate) fn set(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.settings.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// As this user; the folder is then theirs.
    pub(crate) fn user(mut self, user: &'static str) -> Result<Self> {
        let given = Command::new("chown").arg(user).arg(self.folder()).status()?;
        anyhow::ensure!(given.success(), "there is no user {user}");
        self.user = Some(user);
        Ok(self)
    }

    /// Stopped with this signal: one that cannot just be killed.
    #[must_use]
    pub(crate) fn stop(mut self, signal: Signal) -> Self {
        self.stop = signal;
        self
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into its folder; `@NAME@` becomes what the pairs say.
    pub(crate) fn file(&self, name: &str, template: &str, filled: &[(&str, &str)]) -> Result<()> {
        let mut text = template.to_owned();
        for (mark, value) in filled {
            text = text.replace(&format!("@{mark}@"), value);
        }
        Ok(fs::write(self.folder().join(name), text)?)
    }

    /// Starts it on the servers' core and waits until it takes connections.
    pub(crate) fn start(self, cores: Cores) -> Result<Server> {
        let log = File::create(self.folder().join("log"))?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM"]);
        if let Some(user) = self.user {
            command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"]);
        }
        command.args(["--", "taskset", "-c", &cores.server.to_string()]).args(&self.words);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        // A group of its own: what it starts ends with it.
        command.current_dir(self.folder()).process_group(0);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().context("setpriv and taskset are in util-linux")?;
        let mut server = Server { child, stop: self.stop, folder: self.folder, address: self.address };
        server
            .until(|server| TcpStream::connect(server.address).is_ok())
            .with_context(|| format!("{} does not start", self.words[0].display()))?;
        Ok(server)
    }
}

impl Server {
    /// Waits until it is ready in the eyes of the caller.
    pub(crate) fn until(&mut self, ready: impl Fn(&Self) -> bool) -> Result<()> {
        for _ in 0..STEPS {
            if ready(self) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("it has ended ({status}): {}", self.log());
            }
            sleep(STEP);
        }
        bail!("it is not ready: {}", self.log())
    }

    /// `http://127.0.0.1:port` and this path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it wrote.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }

    /// What it and all that it started have used so far.
    pub(crate) fn burden(&self) -> Result<Burden> {
        Burden::of(self.child.id())
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal(self.stop);
        for _ in 0..STEPS {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            sleep(STEP);
        }
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}
