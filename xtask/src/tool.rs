//! The programs we call: finding them, calling them, saying what went wrong.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process::{Farewell, JOB_FAREWELL, Process};
use crate::status::describe;

/// Where servers live that are not on the PATH of an ordinary user.
const SYSTEM: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/libexec"];

/// How much of a log an error message shows.
const TAIL: usize = 15;

/// The first of the named programs that is on the PATH or where the system
/// keeps its servers.
pub(crate) fn find(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories: Vec<_> = std::env::split_paths(&path)
        .chain(SYSTEM.map(PathBuf::from))
        .collect();
    names.iter().find_map(|name| {
        directories
            .iter()
            .find_map(|directory| in_directory(directory, name))
    })
}

/// The program of this name in a directory.
pub(crate) fn in_directory(directory: &Path, name: &str) -> Option<PathBuf> {
    let program = directory.join(name);
    let metadata = fs::metadata(&program).ok()?;
    (metadata.is_file() && metadata.permissions().mode() & 0o111 != 0).then_some(program)
}

/// What a program prints when all it does is answer a question.
pub(crate) fn output(program: impl AsRef<OsStr>, arguments: &[&str]) -> Result<String> {
    let program = program.as_ref();
    let shown = Path::new(program).display();
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        bail!(
            "`{shown} {}` failed ({}): {}",
            arguments.join(" "),
            describe(output.status),
            String::from_utf8_lossy(&output.stderr).trim(),
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program to its end, its output going to a log; shows the end of the
/// log if it fails.
pub(crate) fn run(command: Command, log: &Path) -> Result<()> {
    run_with(command, log, JOB_FAREWELL)
}

/// The same for a program that must be ended in its own way.
pub(crate) fn run_with(mut command: Command, log: &Path, farewell: Farewell) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let file = fs::File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file);
    let mut process = Process::job(command)?;
    process.part_with(farewell);
    let status = process.wait()?;
    if !status.success() {
        bail!("`{name}` failed ({})\n{}", describe(status), tail(log));
    }
    Ok(())
}

/// The last lines of a log, indented, under its path.
pub(crate) fn tail(log: &Path) -> String {
    let Ok(text) = fs::read(log) else {
        return format!("    ({} cannot be read)", log.display());
    };
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(TAIL)..];
    format!("    {}:\n    | {}", log.display(), last.join("\n    | "))
}
