//! The directory of one private server: data, sockets and logs.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::account::Account;

/// What the system allows in the path of a unix socket, without the final zero.
const SOCKET_PATH_LIMIT: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The longest name a server gives its socket.
const LONGEST_SOCKET: &str = "/.s.PGSQL.65535";

/// How long the directory of a failed run may be looked at.
const KEPT_FOR: Duration = Duration::from_hours(24);

/// A server's directory; dropping it removes it unless it shall be kept.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    keep: bool,
}

impl Home {
    /// Makes `<servers>/<engine>-<our pid>`, or the like in a temporary
    /// directory where the server could not use that one.
    pub(crate) fn create(servers: &Path, engine: &str, account: Option<&Account>) -> Result<Self> {
        let name = format!("{engine}-{}", std::process::id());
        let elsewhere = format!("sqlx-transactional-{name}");
        let mut candidates = vec![
            servers.join(&name),
            std::env::temp_dir().join(&elsewhere),
            Path::new("/tmp").join(&elsewhere),
        ];
        if let Some(runtime) = std::env::var_os("XDG_RUNTIME_DIR") {
            candidates.push(PathBuf::from(runtime).join(&elsewhere));
        }
        let mut reasons = Vec::new();
        for path in candidates {
            match Self::at(&path, account) {
                Ok(home) => {
                    if !reasons.is_empty() {
                        eprintln!(
                            "xtask: {engine} lives in {}: {}",
                            path.display(),
                            reasons.join("; ")
                        );
                    }
                    return Ok(home);
                }
                Err(error) => reasons.push(format!("{error:#}")),
            }
        }
        bail!("no directory for {engine}: {}", reasons.join("; "))
    }

    fn at(path: &Path, account: Option<&Account>) -> Result<Self> {
        if !fits_sockets(path) {
            bail!(
                "{} is too long for the path of a unix socket",
                path.display()
            );
        }
        // It must be new: in a shared temporary directory an existing one may
        // be somebody else's.
        DirBuilder::new()
            .mode(0o700)
            .create(path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        let home = Self {
            path: path.to_owned(),
            keep: false,
        };
        if let Some(account) = account {
            account.own(path)?;
            if !account.can_write(path) {
                bail!("{} is out of reach for {account}", path.display());
            }
        }
        Ok(home)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A new log file in it, written by a server through its output streams.
    pub(crate) fn log(&self, name: &str) -> Result<(PathBuf, File)> {
        let path = self.path.join(name);
        let file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok((path, file))
    }

    /// Leaves it in place for somebody to look at.
    pub(crate) fn keep(&mut self) {
        self.keep = true;
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.keep {
            eprintln!("xtask: kept for a look: {}", self.path.display());
        } else if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("xtask: cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Makes the directory that holds the servers' directories, open to their
/// accounts, and clears it of what earlier runs left behind,
/// kept or killed before they could tidy up, once it is a day old.
pub(crate) fn prepare(servers: &Path) -> Result<()> {
    fs::create_dir_all(servers)
        .and_then(|()| fs::set_permissions(servers, Permissions::from_mode(0o755)))
        .with_context(|| format!("cannot make {}", servers.display()))?;
    let entries =
        fs::read_dir(servers).with_context(|| format!("cannot read {}", servers.display()))?;
    for entry in entries.flatten() {
        if is_left_over(&entry)
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            eprintln!("xtask: cannot remove {}: {error}", entry.path().display());
        }
    }
    Ok(())
}

fn is_left_over(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    let Some(owner) = name.to_str().and_then(owner) else {
        return false;
    };
    let gone = kill(owner, None) == Err(Errno::ESRCH);
    gone && age(entry).is_ok_and(|age| age > KEPT_FOR)
}

fn age(entry: &fs::DirEntry) -> io::Result<Duration> {
    let modified = entry.metadata()?.modified()?;
    Ok(SystemTime::now()
        .duration_since(modified)
        .unwrap_or_default())
}

/// The process that made the directory of this name.
fn owner(name: &str) -> Option<Pid> {
    let (_, pid) = name.rsplit_once('-')?;
    pid.parse().ok().filter(|pid| *pid > 0).map(Pid::from_raw)
}

fn fits_sockets(path: &Path) -> bool {
    path.as_os_str().len() + LONGEST_SOCKET.len() <= SOCKET_PATH_LIMIT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_private_and_goes_away() {
        let servers = tempfile::tempdir().unwrap();
        let home = Home::create(servers.path(), "engine", None).unwrap();
        let path = home.path().to_owned();
        assert_eq!(path.parent(), Some(servers.path()));
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o700
        );
        fs::create_dir(path.join("data")).unwrap();
        drop(home);
        assert!(!path.exists());
    }

    #[test]
    fn it_stays_when_it_shall_be_kept() {
        let servers = tempfile::tempdir().unwrap();
        let mut home = Home::create(servers.path(), "engine", None).unwrap();
        let path = home.path().to_owned();
        home.keep();
        drop(home);
        assert!(path.exists());
    }

    #[test]
    fn a_long_path_is_left_for_a_temporary_one() {
        let servers = tempfile::tempdir().unwrap();
        let long = servers.path().join("x".repeat(SOCKET_PATH_LIMIT));
        fs::create_dir(&long).unwrap();
        let home = Home::create(&long, "long-path-test", None).unwrap();
        assert!(!home.path().starts_with(&long));
        assert!(home.path().as_os_str().len() + LONGEST_SOCKET.len() <= SOCKET_PATH_LIMIT);
    }

    #[test]
    fn an_existing_directory_is_not_used() {
        let servers = tempfile::tempdir().unwrap();
        let taken = servers.path().join("taken");
        fs::create_dir(&taken).unwrap();
        let error = Home::at(&taken, None).unwrap_err();
        assert!(error.to_string().starts_with("cannot make "), "{error}");
    }

    #[test]
    fn only_old_directories_of_the_dead_are_cleared() {
        let servers = tempfile::tempdir().unwrap();
        let old = SystemTime::now() - KEPT_FOR - Duration::from_mins(1);
        // No process has a number this high.
        let dead = i32::MAX;
        let make = |name: String, modified: SystemTime| {
            let path = servers.path().join(name);
            fs::create_dir(&path).unwrap();
            File::open(&path).unwrap().set_modified(modified).unwrap();
            path
        };
        let left_over = make(format!("engine-{dead}"), old);
        let recent = make(format!("other-{dead}"), SystemTime::now());
        let running = make(format!("engine-{}", std::process::id()), old);
        let foreign = make("something-else".to_owned(), old);
        prepare(servers.path()).unwrap();
        let there = [left_over, recent, running, foreign].map(|path| path.exists());
        assert_eq!(there, [false, true, true, true]);
    }
}
