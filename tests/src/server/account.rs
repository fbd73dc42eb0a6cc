//! The user a server runs as.

use nix::unistd::{Uid, User};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// An unprivileged user, because database servers refuse to run as root.
#[derive(Debug)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// The user that the server's package made, or `nobody`; none when we are
    /// unprivileged ourselves.
    pub(super) fn for_server(own: &str) -> Result<Option<Self>, String> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        let found = [own, "nobody"].into_iter().find_map(|name| {
            let user = User::from_name(name).ok().flatten()?;
            Some(Self {
                uid: user.uid.as_raw(),
                gid: user.gid.as_raw(),
            })
        });
        found
            .map(Some)
            .ok_or_else(|| format!("there is no user `{own}` and no user `nobody`"))
    }

    /// Makes the command run as this user.
    pub(super) fn apply(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Gives a directory to this user, who must also be able to get there.
    pub(super) fn own(&self, path: &Path) -> Result<(), String> {
        chown(path, Some(self.uid), Some(self.gid))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let mut probe = Command::new("test");
        probe
            .arg("-w")
            .arg(path)
            .current_dir("/")
            .stdin(Stdio::null());
        self.apply(&mut probe);
        match probe.status() {
            Ok(status) if status.success() => Ok(()),
            _ => Err(format!(
                "{}: out of reach for the server's user",
                path.display()
            )),
        }
    }
}
