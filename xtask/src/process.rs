//! A child process that never outlives us.

use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::interrupt::{self, Interrupted};

/// How often a waiting loop looks again. Short against the start of a server,
/// long against the cost of a look.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// What to send a process that shall end and how long to wait for it, mildest
/// first. SIGKILL follows by itself.
pub(crate) type Farewell = &'static [(Signal, Duration)];

/// A job gets longer than nextest's own grace of ten seconds for its tests,
/// which live in process groups of their own.
pub(crate) const JOB_FAREWELL: Farewell = &[
    (Signal::SIGINT, Duration::from_secs(15)),
    (Signal::SIGTERM, Duration::from_secs(5)),
];

/// Which processes a signal of ours is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// A job in its own process group: all of it.
    Group,
    /// A server in its own process group: the leader looks after its children.
    Leader,
    /// A command that shares our process group, because only the terminal's
    /// foreground group may read from the terminal.
    Shared,
}

/// A running child; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    reach: Reach,
    farewell: Farewell,
}

impl Process {
    /// Starts something that ends by itself, together with its own children.
    pub(crate) fn job(command: Command) -> Result<Self> {
        let name = program(&command);
        Self::spawn(command, name, Reach::Group, JOB_FAREWELL)
    }

    /// Starts something that may talk to the terminal. It answers Ctrl-C
    /// itself, as under a shell.
    pub(crate) fn foreground(command: Command) -> Result<Self> {
        let name = program(&command);
        Self::spawn(command, name, Reach::Shared, JOB_FAREWELL)
    }

    /// Starts something that runs until it is told to stop. It is simply killed
    /// until [`Process::part_with`] says otherwise.
    pub(crate) fn server(command: Command, name: &str) -> Result<Self> {
        Self::spawn(command, name.to_owned(), Reach::Leader, &[])
    }

    fn spawn(mut command: Command, name: String, reach: Reach, farewell: Farewell) -> Result<Self> {
        if reach != Reach::Shared {
            // Ctrl-C on a terminal then reaches us alone, and we decide the order.
            command.process_group(0);
        }
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                bail!("the program `{name}` was not found")
            }
            Err(error) => return Err(error).with_context(|| format!("cannot start `{name}`")),
        };
        Ok(Self {
            name,
            child,
            reach,
            farewell,
        })
    }

    /// Waits until it ended; after a signal to us, ends it and says so.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if self.reach == Reach::Shared {
                // The terminal sent it to the command as well, and the command
                // knows better than we do: psql gives up a query, a shell ends.
                interrupt::forget_ctrl_c();
            }
            if let Some(signal) = interrupt::received() {
                self.end()?;
                bail!(Interrupted(signal));
            }
            std::thread::sleep(TICK);
        }
    }

    /// Sets how it shall be ended from now on.
    pub(crate) fn part_with(&mut self, farewell: Farewell) {
        self.farewell = farewell;
    }

    /// Its exit status, if it ended already.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .with_context(|| format!("cannot wait for `{}`", self.name))
    }

    /// The standard error stream, when it was piped.
    pub(crate) fn take_stderr(&mut self) -> Option<std::process::ChildStderr> {
        self.child.stderr.take()
    }

    /// The standard output stream, when it was piped.
    pub(crate) fn take_stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Ends it: asks as kindly as its farewell says, then kills; reaps it.
    pub(crate) fn end(&mut self) -> Result<ExitStatus> {
        for (signal, patience) in self.farewell {
            if let Some(status) = self.ask(*signal, *patience)? {
                self.kill_stragglers();
                return Ok(status);
            }
            eprintln!("xtask: `{}` does not end on {signal}", self.name);
        }
        self.send(Signal::SIGKILL);
        self.child
            .wait()
            .with_context(|| format!("cannot wait for `{}`", self.name))
    }

    fn ask(&mut self, signal: Signal, patience: Duration) -> Result<Option<ExitStatus>> {
        let until = Instant::now() + patience;
        self.send(signal);
        loop {
            if let Some(status) = self.ended()? {
                return Ok(Some(status));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            std::thread::sleep(TICK);
        }
    }

    /// Sends a signal to a child that was not reaped yet, so that its number
    /// is still its own. A child that ended meanwhile is no error.
    fn send(&self, signal: Signal) {
        let pid = self.pid();
        let _ = match self.reach {
            Reach::Group => killpg(pid, signal),
            Reach::Leader | Reach::Shared => kill(pid, signal),
        };
    }

    /// A runner that ended on Ctrl-C may leave its own children running.
    fn kill_stragglers(&self) {
        if self.reach == Reach::Group {
            let _ = killpg(self.pid(), Signal::SIGKILL);
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.ended(), Ok(None))
            && let Err(error) = self.end()
        {
            eprintln!("xtask: {error:#}");
        }
    }
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;
    use crate::status::{describe, exit_code};

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null());
        command
    }

    #[test]
    fn status_of_the_child_is_reported() {
        let status = Process::job(shell("exit 3")).unwrap().wait().unwrap();
        assert_eq!(
            (exit_code(status), describe(status)),
            (3, "exit code 3".into())
        );
        let status = Process::job(shell("kill -TERM $$"))
            .unwrap()
            .wait()
            .unwrap();
        assert_eq!(
            (exit_code(status), describe(status)),
            (143, "killed by SIGTERM".into())
        );
    }

    #[test]
    fn dropping_a_job_ends_its_whole_group() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let script = format!(
            "sleep 600 & echo $! > {0}.new; mv {0}.new {0}; wait",
            file.display()
        );
        let job = Process::job(shell(&script)).unwrap();
        while !file.exists() {
            std::thread::sleep(TICK);
        }
        let grandchild: i32 = std::fs::read_to_string(&file)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        drop(job);
        let until = Instant::now() + Duration::from_secs(5);
        while is_running(grandchild) {
            assert!(Instant::now() < until, "the grandchild outlived its job");
            std::thread::sleep(TICK);
        }
    }

    /// A zombie that its new parent did not reap yet has ended.
    fn is_running(pid: i32) -> bool {
        kill(Pid::from_raw(pid), None).is_ok()
            && !std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .is_ok_and(|stat| stat.contains(") Z "))
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Process::job(Command::new("no-such-program-here")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the program `no-such-program-here` was not found"
        );
    }
}
