//! Installing a missing server with apt.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use nix::unistd::Uid;

use crate::engine::Engine;
use crate::interrupt::Interrupted;
use crate::process::Farewell;
use crate::tool;

/// While this script says 101, Debian starts no service that a package brings:
/// our servers are our own, and the machine's are not ours to start.
const POLICY: &str = "/usr/sbin/policy-rc.d";
const POLICY_TEXT: &str = "#!/bin/sh\nexit 101\n";

/// Programs that have the name of their package. `strace` fails the system calls
/// of SQLite one by one.
const TOOLS: [&str; 1] = ["strace"];

/// A package that is half installed is worse than a long wait.
const FAREWELL: Farewell = &[(Signal::SIGINT, Duration::from_mins(5))];

/// Installs packages if this machine and user may.
#[derive(Debug)]
pub(crate) struct Installer {
    scratch: PathBuf,
}

impl Installer {
    /// An installer that writes its log into this directory.
    pub(crate) fn new(scratch: &Path) -> Self {
        Self {
            scratch: scratch.to_owned(),
        }
    }

    /// Installs what these engines need, and the tools that suites cannot do
    /// without; says why not where it did not.
    pub(crate) fn install(&self, missing: &[Engine]) -> Result<Option<String>> {
        let servers = missing.iter().filter_map(|engine| engine.package());
        let tools = TOOLS
            .into_iter()
            .filter(|name| tool::find(&[name]).is_none());
        let packages: Vec<_> = servers.chain(tools).collect();
        if packages.is_empty() {
            return Ok(None);
        }
        let packages = packages.join(" ");
        let Some(rights) = Rights::find() else {
            return Ok(Some(format!(
                "not installed, and without apt-get and root rights (or password-less sudo) \
                 it cannot be installed from here; install what Debian calls {packages}"
            )));
        };
        let began = Instant::now();
        eprintln!("xtask: installing {packages} with apt");
        match self.install_packages(rights, &packages) {
            Ok(()) => {
                eprintln!("xtask: installed ({:.1} s)", began.elapsed().as_secs_f64());
                Ok(None)
            }
            Err(error) if error.is::<Interrupted>() => Err(error),
            Err(error) => {
                eprintln!("xtask: apt failed: {error:#}");
                Ok(Some(format!("`apt-get install {packages}` failed")))
            }
        }
    }

    fn install_packages(&self, rights: Rights, packages: &str) -> Result<()> {
        let _policy = Policy::set(rights, &self.scratch)?;
        let log = self.scratch.join("apt.log");
        let once = || {
            tool::run_with(rights.apt(&["update"]), &log, FAREWELL)?;
            let mut install = rights.apt(&["install", "--yes", "--no-remove"]);
            install.arg("--no-install-recommends");
            install.args(packages.split(' '));
            tool::run_with(install, &log, FAREWELL)
        };
        once().or_else(|error| {
            if error.is::<Interrupted>() {
                return Err(error);
            }
            eprintln!("xtask: apt failed, trying once more: {error:#}");
            once()
        })
    }
}

/// How we may change the system.
#[derive(Debug, Clone, Copy)]
enum Rights {
    Root,
    Sudo,
}

impl Rights {
    fn find() -> Option<Self> {
        tool::find(&["apt-get"])?;
        if Uid::effective().is_root() {
            return Some(Self::Root);
        }
        tool::output("sudo", &["-n", "true"])
            .ok()
            .map(|_| Self::Sudo)
    }

    fn command(self, program: &str) -> Command {
        let mut command = match self {
            Self::Root => Command::new(program),
            Self::Sudo => {
                let mut sudo = Command::new("sudo");
                sudo.args(["-n", "--", program]);
                sudo
            }
        };
        command.stdin(Stdio::null());
        command
    }

    /// `apt-get` that asks nothing and waits for another apt to finish.
    fn apt(self, arguments: &[&str]) -> Command {
        // sudo would drop a variable of ours, `env` sets it behind sudo.
        let mut command = self.command("env");
        command
            .args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"])
            .args(["-o", "DPkg::Lock::Timeout=600"])
            .args(arguments);
        command
    }
}

/// The policy that no service is started; dropping it removes what we wrote.
#[derive(Debug)]
struct Policy {
    written: Option<(Rights, PathBuf)>,
}

impl Policy {
    fn set(rights: Rights, scratch: &Path) -> Result<Self> {
        if Path::new(POLICY).exists() {
            return Ok(Self { written: None });
        }
        let draft = scratch.join("policy-rc.d");
        fs::write(&draft, POLICY_TEXT)
            .with_context(|| format!("cannot write {}", draft.display()))?;
        let log = scratch.join("apt.log");
        let mut install = rights.command("install");
        install.args(["-m", "0755"]).arg(&draft).arg(POLICY);
        tool::run(install, &log)?;
        Ok(Self {
            written: Some((rights, draft)),
        })
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        let Some((rights, draft)) = &self.written else {
            return;
        };
        // Not through a waiting job: a signal to us must not keep it there.
        let removed = rights.command("rm").args(["-f", POLICY]).status();
        if !removed.is_ok_and(|status| status.success()) {
            eprintln!("xtask: cannot remove {POLICY}, which keeps services from starting");
        }
        let _ = fs::remove_file(draft);
    }
}
