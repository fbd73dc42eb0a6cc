//! Where a server lives.

use super::account::Account;
use crate::engine::Engine;
use std::fs::{self, DirBuilder};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A new private directory that the server's user can write to.
pub(super) fn home(
    directory: &Path,
    engine: Engine,
    account: Option<&Account>,
) -> Result<PathBuf, String> {
    // Not longer than needed: the path of a socket has little room.
    let name = format!("{engine}-{}-{:04x}", std::process::id(), fastrand::u16(..));
    let mut reasons = Vec::new();
    for parent in [directory.to_owned(), std::env::temp_dir()] {
        let home = parent.join(&name);
        if let Err(error) = DirBuilder::new().mode(0o700).create(&home) {
            reasons.push(format!("{}: {error}", home.display()));
            continue;
        }
        match account.map_or(Ok(()), |account| account.own(&home)) {
            Ok(()) => return Ok(home),
            Err(reason) => {
                let _ = fs::remove_dir(&home);
                reasons.push(reason);
            }
        }
    }
    Err(format!("no directory for {engine}: {}", reasons.join("; ")))
}

/// A port that nobody uses at this moment.
pub(super) fn free_port() -> Result<u16, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free loopback port: {error}"))
}
