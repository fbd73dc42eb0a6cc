//! The user a database server runs as.

use std::fmt;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::unistd::{Uid, User};

/// An unprivileged user: database servers refuse to run as root.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// The account for a server, `None` when we are unprivileged ourselves.
    ///
    /// `own` is the user that the server's package creates; without it the
    /// server runs as `nobody`.
    pub(crate) fn for_server(own: &str) -> Result<Option<Self>> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        for name in [own, "nobody"] {
            let user = User::from_name(name)
                .with_context(|| format!("cannot look up the user `{name}`"))?;
            if let Some(user) = user {
                return Ok(Some(Self {
                    name: user.name,
                    uid: user.uid.as_raw(),
                    gid: user.gid.as_raw(),
                }));
            }
        }
        bail!("there is no user `{own}` and no user `nobody` to run a database server as")
    }

    /// Makes the command run as this account. The standard library clears the
    /// supplementary groups of root on the way.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Gives a directory to this account.
    pub(crate) fn own(&self, path: &Path) -> Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
            .with_context(|| format!("cannot give {} to {self}", path.display()))
    }

    /// Whether this account can write into a directory: asked by trying, since
    /// every directory above it has a say.
    pub(crate) fn can_write(&self, path: &Path) -> bool {
        let mut probe = Command::new("test");
        probe
            .arg("-w")
            .arg(path)
            .current_dir("/")
            .stdin(Stdio::null());
        self.apply(&mut probe);
        probe.status().is_ok_and(|status| status.success())
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the user `{}`", self.name)
    }
}
