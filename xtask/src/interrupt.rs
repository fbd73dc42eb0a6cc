//! Being told to stop: Ctrl-C, SIGTERM and the closing of the terminal.
//!
//! A signal only leaves a note. Whoever waits for something looks at the note
//! and returns [`Interrupted`], so that every guard on the way out does its
//! work: servers are stopped and directories removed exactly as after a success.

use std::fmt;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use nix::sys::signal::Signal;

const HEARD: [Signal; 4] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
];

/// The number of the last signal, 0 when there was none. Signals belong to the
/// process as a whole, so this does too.
static RECEIVED: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// Starts noting signals instead of dying from them.
pub(crate) fn listen() -> std::io::Result<()> {
    for signal in HEARD {
        let number = signal as i32;
        signal_hook::flag::register_usize(
            number,
            Arc::clone(&RECEIVED),
            number.unsigned_abs() as usize,
        )?;
    }
    Ok(())
}

/// The signal that asked us to stop, if one came.
pub(crate) fn received() -> Option<Signal> {
    signal_of(RECEIVED.load(Ordering::Relaxed))
}

/// Forgets a Ctrl-C that somebody else answers.
pub(crate) fn forget_ctrl_c() {
    let number = Signal::SIGINT as usize;
    // Nothing to do when there was none.
    let _ = RECEIVED.compare_exchange(number, 0, Ordering::Relaxed, Ordering::Relaxed);
}

/// `Err` once a signal came.
pub(crate) fn check() -> Result<(), Interrupted> {
    received().map_or(Ok(()), |signal| Err(Interrupted(signal)))
}

fn signal_of(number: usize) -> Option<Signal> {
    HEARD.into_iter().find(|signal| *signal as usize == number)
}

/// The error of work that ended early because of a signal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interrupted(pub(crate) Signal);

impl Interrupted {
    /// What a shell would report for a program killed by this signal.
    pub(crate) fn exit_code(self) -> ExitCode {
        ExitCode::from(128 + self.0 as u8)
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stopped by {}", self.0)
    }
}

impl std::error::Error for Interrupted {}
