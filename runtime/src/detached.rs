//! Work that goes on without its caller, and how much of it there is.

use std::{
    fmt, io,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use tokio::{
    runtime::Builder,
    sync::Notify,
    time::{Instant, timeout_at},
};

/// What is done without a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Begin,
    Commit,
    RollBack,
    Hooks,
    Ending,
    Return,
}

/// How much of each there is.
static COUNTS: [AtomicUsize; 6] = [const { AtomicUsize::new(0) }; 6];

/// How many wait for its end. Most of the time nobody does, and nobody is told.
static WAITING: AtomicUsize = AtomicUsize::new(0);

static ENDED: Notify = Notify::const_new();

/// One piece of work, as long as it lives: also when the runtime that it is part
/// of ends, and drops it.
#[derive(Debug)]
pub(crate) struct Counted(Work);

impl Counted {
    pub(crate) fn new(work: Work) -> Self {
        COUNTS[work as usize].fetch_add(1, Ordering::SeqCst);
        Self(work)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        COUNTS[self.0 as usize].fetch_sub(1, Ordering::SeqCst);
        if WAITING.load(Ordering::SeqCst) > 0 {
            ENDED.notify_waiters();
        }
    }
}

/// `future`, counted until it has been dropped: what it leaves to others is
/// counted by then, so that there is no moment in between.
pub(crate) fn counted(
    work: Work,
    future: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static {
    // In this order, because one that is never polled is dropped so.
    let parts = (future, Counted::new(work));
    async move {
        let (future, _counted) = parts;
        future.await;
    }
}

/// Runs `future` where there is no runtime: in one of its own, on a thread of its
/// own.
pub(crate) fn on_a_thread(future: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let thread = thread::Builder::new().name("sqlx-transactional".to_owned());
    thread.spawn(move || runtime.block_on(future)).map(drop)
}

/// How much goes on without its caller in this process: see [`detached`] and
/// [`drained`].
///
/// Displayed, it is what is left in words, `1 COMMIT, 2 with hooks`, or `nothing`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Detached {
    /// BEGINs that were sent and whose caller has gone away.
    pub begins: usize,
    /// COMMITs, likewise.
    pub commits: usize,
    /// ROLLBACKs, and other ways back to a clean connection.
    pub rollbacks: usize,
    /// Transactions that have ended, and whose hooks are running.
    pub hooks: usize,
    /// Connections that are being closed, and sessions that are being ended from
    /// another connection.
    pub endings: usize,
    /// Connections on their way back to their pool, after whatever end. sqlx pings
    /// the server first.
    pub returns: usize,
}

impl Detached {
    /// Whether there is nothing of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Detached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.begins, "BEGIN"),
            (self.commits, "COMMIT"),
            (self.rollbacks, "ROLLBACK"),
            (self.hooks, "with hooks"),
            (self.endings, "ending"),
            (self.returns, "returning"),
        ];
        let mut comma = "";
        for (count, what) in parts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{comma}{count} {what}")?;
            comma = ", ";
        }
        if comma.is_empty() {
            f.write_str("nothing")?;
        }
        Ok(())
    }
}

/// How much goes on without its caller at this moment, in the whole process: a
/// gauge for whoever operates it.
///
/// ```
/// let detached = sqlx_transactional::detached();
/// assert!(detached.is_empty(), "{detached} goes on");
/// ```
#[must_use]
pub fn detached() -> Detached {
    let count = |work: Work| COUNTS[work as usize].load(Ordering::SeqCst);
    Detached {
        begins: count(Work::Begin),
        commits: count(Work::Commit),
        rollbacks: count(Work::RollBack),
        hooks: count(Work::Hooks),
        endings: count(Work::Ending),
        returns: count(Work::Return),
    }
}

/// Waits until nothing goes on without its caller, but no longer than `within`, and
/// says what is left.
///
/// A client that goes away while its transaction commits takes neither the COMMIT
/// with it nor the hooks behind it: they go on in the background, in the runtime.
/// When that ends they are dropped, so an application that shuts down in order
/// waits for them: after it has stopped to begin transactions, and before it closes
/// its pools and returns from `main`.
///
/// ```
/// use std::time::Duration;
///
/// # async fn shut_down(pool: sqlx::SqlitePool) {
/// // The server has stopped, and its handlers have returned or were dropped.
/// let left = sqlx_transactional::drained(Duration::from_secs(10)).await;
/// if !left.is_empty() {
///     eprintln!("not waited for any longer: {left}");
/// }
/// pool.close().await;
/// # }
/// ```
///
/// It waits for what is begun meanwhile as well, and for the whole process: all
/// pools, all runtimes.
pub async fn drained(within: Duration) -> Detached {
    struct Waiting;
    impl Drop for Waiting {
        fn drop(&mut self) {
            WAITING.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let deadline = Instant::now().checked_add(within);
    WAITING.fetch_add(1, Ordering::SeqCst);
    let _waiting = Waiting;
    loop {
        // Whatever ends after this moment is heard of.
        let ended = ENDED.notified();
        let left = detached();
        if left.is_empty() {
            return left;
        }
        let Some(deadline) = deadline else {
            ended.await;
            continue;
        };
        if timeout_at(deadline, ended).await.is_err() {
            return detached();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Detached;

    #[test]
    fn what_is_left_is_said_in_words() {
        assert_eq!(Detached::default().to_string(), "nothing");
        assert!(Detached::default().is_empty());
        let left = Detached {
            commits: 1,
            hooks: 2,
            ..Detached::default()
        };
        assert_eq!(left.to_string(), "1 COMMIT, 2 with hooks");
        assert!(!left.is_empty());
    }
}
