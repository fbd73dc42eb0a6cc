//! One run of the worker under `strace`.

use super::story::Story;
use super::{CALLS, COUNT, Fault, Journal};
use crate::server::family;
use crate::server::program::find;
use nix::sys::signal::Signal;
use sqlx::{Connection, SqliteConnection};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long one run may take. It takes a tenth of a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(30);

const TICK: Duration = Duration::from_millis(2);

/// What shall happen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Injection {
    pub(super) call: &'static str,
    pub(super) fault: Fault,
    pub(super) nth: usize,
}

/// What happened.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) story: Story,
    /// How often a call was made to fail.
    pub(super) injected: usize,
    /// Whether the worker was killed.
    pub(super) killed: bool,
    /// The calls of the busiest thread.
    calls: BTreeMap<&'static str, usize>,
}

impl Told {
    /// One of a run that never was.
    #[cfg(test)]
    pub(super) fn made_up(story: Story, injected: usize) -> Self {
        Self {
            story,
            injected,
            killed: false,
            calls: BTreeMap::new(),
        }
    }

    /// How often one thread made this call.
    pub(super) fn calls(&self, call: &str) -> usize {
        self.calls.get(call).copied().unwrap_or_default()
    }
}

/// Whether `strace` is here and may do what is wanted of it.
pub(super) fn is_usable() -> bool {
    let Some(strace) = find(&["strace"]) else {
        return false;
    };
    family::adopt();
    let mut probe = Command::new(strace);
    probe
        .args(["-D", "-I2", "-f", "-qq", "-e", "trace=close"])
        .args(["-e", "inject=close:error=EIO:when=1"])
        .arg("true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    probe
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stderr).contains("(INJECTED)"))
}

/// A folder with an empty database.
pub(super) async fn template(journal: Journal) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}?mode=rwc", file(&folder).display());
    let mut connection = SqliteConnection::connect(&url).await.expect("a database");
    let mode = match journal {
        Journal::Wal => "pragma journal_mode = wal",
        Journal::Delete => "pragma journal_mode = delete",
    };
    let table = "create table rows (number integer, nth integer, body blob not null, \
                 primary key (number, nth))";
    for sql in [mode, table] {
        let done = sqlx::raw_sql(sql).execute(&mut connection).await;
        done.expect("an empty database");
    }
    connection.close().await.expect("it closes");
    folder
}

/// A folder with a copy of it.
pub(super) fn copy(template: &TempDir) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(file(template), file(&folder)).expect("a copy of the database");
    folder
}

/// The database in a folder.
pub(super) fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("rows.db")
}

/// Runs the worker. An error says why it is not known what happened.
pub(super) async fn worker(
    worker: &Path,
    journal: Journal,
    folder: &TempDir,
    injection: Option<Injection>,
) -> Result<Told, String> {
    let log = folder.path().join("strace.log");
    let calls = CALLS.map(|call| format!("?{call}")).join(",");
    let strace = find(&["strace"]).ok_or("there is no strace")?;
    let mut command = Command::new(strace);
    command
        // The worker is our own child, and the tracer goes when it is asked to.
        .args(["-D", "-I2", "-f", "-qq", "-o"])
        .arg(&log)
        .args(["-e", &format!("trace={calls}")]);
    if let Some(Injection { call, fault, nth }) = injection {
        let words = fault.words(nth);
        command.args(["-e", &format!("inject={call}:{words}")]);
    }
    command
        .arg(worker)
        .arg(file(folder))
        .args([journal.to_string(), COUNT.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || output(command));
    let output = output.await.map_err(|error| error.to_string())??;
    let killed = output.status.signal() == Some(Signal::SIGKILL as i32);
    if !output.status.success() && !killed {
        return Err(format!("the worker failed: {}", output.stderr.trim()));
    }
    let story = Story::read(&output.stdout)?;
    // The tracer writes its last lines when the worker has gone.
    let until = Instant::now() + PATIENCE;
    while !family::has_ended(story.tracer()) {
        if Instant::now() > until {
            return Err("strace does not end".to_owned());
        }
        tokio::time::sleep(TICK).await;
    }
    let log = fs::read_to_string(log).map_err(|error| format!("no log of strace: {error}"))?;
    Ok(Told {
        story,
        injected: log.matches("(INJECTED)").count(),
        killed,
        calls: counted(&log),
    })
}

/// What a process left.
struct Output {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

/// Runs a command for a bounded time. It says less than fits into a pipe.
fn output(mut command: Command) -> Result<Output, String> {
    let child = command.spawn();
    let mut child = child.map_err(|error| format!("strace does not start: {error}"))?;
    let until = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < until => std::thread::sleep(TICK),
            Ok(None) => {
                let _ = child.kill().and_then(|()| child.wait());
                return Err(format!("the worker hangs: not finished after {PATIENCE:?}"));
            }
            Err(error) => return Err(format!("strace cannot be waited for: {error}")),
        }
    };
    let text = |pipe: Option<&mut dyn Read>| {
        let mut text = String::new();
        if let Some(pipe) = pipe {
            let _ = pipe.read_to_string(&mut text);
        }
        text
    };
    Ok(Output {
        status,
        stdout: text(child.stdout.as_mut().map(|pipe| pipe as _)),
        stderr: text(child.stderr.as_mut().map(|pipe| pipe as _)),
    })
}

/// The calls of the busiest thread, from lines like `123 fsync(4) = 0`.
fn counted(log: &str) -> BTreeMap<&'static str, usize> {
    let mut threads: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in log.lines() {
        let mut words = line.split_whitespace();
        let begun = words.next().zip(words.next());
        let call = begun.and_then(|(thread, rest)| Some((thread, rest.split_once('(')?.0)));
        if let Some(call) = call {
            *threads.entry(call).or_default() += 1;
        }
    }
    let busiest = |call: &str| {
        let own = threads.iter().filter(|((_, name), _)| *name == call);
        own.map(|(_, number)| *number).max().unwrap_or_default()
    };
    CALLS.map(|call| (call, busiest(call))).into()
}
