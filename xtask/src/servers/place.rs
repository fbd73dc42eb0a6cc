//! The place where a server runs, and the commands that run there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::account::Account;
use crate::home::Home;
use crate::interrupt;
use crate::process::{Process, TICK};
use crate::status::describe;
use crate::tool;

/// How long a server may take until it answers. It takes under a second on an
/// idle machine.
const START_LIMIT: Duration = Duration::from_secs(90);

/// Where a server shall run.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) home: &'a Home,
    pub(super) account: Option<&'a Account>,
    pub(super) port: u16,
}

impl Place<'_> {
    /// A path in the server's directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A command that runs as the server's user, in the server's directory.
    pub(super) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(self.home.path()).stdin(Stdio::null());
        forget_client_defaults(&mut command);
        if let Some(account) = self.account {
            account.apply(&mut command);
        }
        command
    }

    /// The same for the server itself. Where the system can, it gets the
    /// signal even when we are killed and can send nothing any more.
    pub(super) fn server(&self, program: &Path, signal: &str) -> Command {
        let setpriv = tool::find(&["setpriv"]).filter(|setpriv| {
            tool::output(setpriv, &["--help"]).is_ok_and(|help| help.contains("--pdeathsig"))
        });
        match setpriv {
            Some(setpriv) => {
                let mut command = self.command(setpriv);
                command.args(["--pdeathsig", signal, "--"]).arg(program);
                command
            }
            None => self.command(program),
        }
    }
}

/// Asks again and again until the server answers, it ended, or time is up.
pub(super) fn until_ready(
    process: &mut Process,
    log: &Path,
    question: impl Fn() -> Command,
) -> Result<()> {
    let until = Instant::now() + START_LIMIT;
    loop {
        interrupt::check()?;
        if let Some(status) = process.ended()? {
            bail!(
                "the server ended at once ({})\n{}",
                describe(status),
                tool::tail(log)
            );
        }
        let mut question = question();
        question.stdout(Stdio::null()).stderr(Stdio::null());
        if Process::job(question)?.wait()?.success() {
            return Ok(());
        }
        if Instant::now() >= until {
            bail!(
                "the server does not answer after {START_LIMIT:?}\n{}",
                tool::tail(log)
            );
        }
        std::thread::sleep(TICK);
    }
}

/// Removes what database clients would read their defaults from, so that no
/// program here talks to another server than ours.
pub(super) fn forget_client_defaults(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let bytes = name.as_encoded_bytes();
        let prefixes: [&[u8]; 3] = [b"PG", b"MYSQL_", b"MARIADB_"];
        if prefixes.iter().any(|prefix| bytes.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
}
