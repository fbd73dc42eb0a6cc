//! What the connections share with the test.

use super::fault::Faults;
use super::record::Record;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// The state of a proxy, and the channels on which its changes are awaited.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) held: watch::Sender<Held>,
    /// Changes with every line of the log.
    pub(super) heard: watch::Sender<()>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) record: Record,
    pub(super) faults: Faults,
    pub(super) latency: Duration,
    pub(super) refusing: bool,
    /// Changes when the open connections are to be cut. Each holds a receiver
    /// until its sockets are closed.
    pub(super) cut: watch::Sender<()>,
}

/// How many directions are held now, and how often they were released.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Held {
    pub(super) now: usize,
    pub(super) releases: usize,
}

impl Shared {
    /// How often everything held was released so far.
    pub(super) fn releases(&self) -> usize {
        self.held.borrow().releases
    }

    /// Waits until there are more releases than `releases`, the number when the
    /// message met its fault: a release after that must not be missed.
    pub(super) async fn hold(&self, releases: usize) {
        let mut wait = self.held.subscribe();
        self.held
            .send_modify(|held| held.now += usize::from(held.releases == releases));
        let _let_go = LetGo(&self.held, releases);
        // The sender lives in `self`, so this ends with a release alone.
        let _ = wait.wait_for(|held| held.releases > releases).await;
    }

    /// Lets everything go on that is held now.
    pub(super) fn release(&self) {
        self.held.send_modify(|held| {
            held.releases += 1;
            held.now = 0;
        });
    }
}

/// Takes back a message that was held until its connection was cut.
#[derive(Debug)]
struct LetGo<'a>(&'a watch::Sender<Held>, usize);

impl Drop for LetGo<'_> {
    fn drop(&mut self) {
        self.0
            .send_modify(|held| held.now -= usize::from(held.releases == self.1));
    }
}

/// A test that panics elsewhere must not hide what it saw here.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
