//! A process and its children.

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fs;

/// From now on a process of which a parent below us ends is our child, and leaves
/// no zombie where nobody else would wait for it.
pub(crate) fn adopt() {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// The children of a process. Where the system does not tell, none: those of
/// `PostgreSQL` end by themselves when their parent is gone.
pub(crate) fn of(parent: Pid) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.map(Pid::from_raw)
        .filter(|pid| status(*pid).is_some_and(|(_, of)| of == parent.as_raw()))
        .collect()
}

/// Whether it has ended. An adopted child that has is waited for.
pub(crate) fn has_ended(pid: Pid) -> bool {
    match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::StillAlive) => false,
        Ok(_) => true,
        // It is somebody else's, whose zombie has ended as well.
        Err(_) => status(pid).is_none_or(|(state, _)| state == "Z" || state == "X"),
    }
}

/// The state and the parent of a process.
fn status(pid: Pid) -> Option<(String, i32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses, and may have some itself.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
