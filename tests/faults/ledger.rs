//! What a test keeps of the calls it made, to compare with what is stored.

use sqlx_transactional_tests::{Backend, TestDb};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long something that goes on in the background may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// One call: the notes it stores are its own, and its hooks leave a mark here.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    number: i64,
    hooks: Arc<Hooks>,
}

#[derive(Debug, Default)]
struct Hooks {
    commit: Hook,
    rollback: Hook,
    forbidden: Hook,
}

#[derive(Debug, Default)]
struct Hook {
    registered: AtomicUsize,
    ran: AtomicUsize,
}

impl Hook {
    fn registered(&self) -> usize {
        self.registered.load(Ordering::SeqCst)
    }

    fn ran(&self) -> usize {
        self.ran.load(Ordering::SeqCst)
    }
}

impl Run {
    /// How many notes a run may have.
    const NOTES: i64 = 10;

    /// The run of this number, counted from 1.
    pub(crate) fn new(number: i64) -> Self {
        Self {
            number,
            hooks: Arc::default(),
        }
    }

    /// The id of this run's `nth` note.
    pub(crate) fn id(&self, nth: i64) -> i64 {
        assert!(
            (0..Self::NOTES).contains(&nth),
            "a run has {} notes",
            Self::NOTES
        );
        self.number * Self::NOTES + nth
    }

    /// To be registered as `after_commit`.
    pub(crate) fn on_commit(&self) -> impl Future<Output = ()> + Send + 'static {
        self.mark(|hooks| &hooks.commit)
    }

    /// To be registered as `after_rollback`.
    pub(crate) fn on_rollback(&self) -> impl Future<Output = ()> + Send + 'static {
        self.mark(|hooks| &hooks.rollback)
    }

    /// To be registered where it must never run.
    pub(crate) fn forbidden(&self) -> impl Future<Output = ()> + Send + 'static {
        self.mark(|hooks| &hooks.forbidden)
    }

    fn mark(&self, hook: fn(&Hooks) -> &Hook) -> impl Future<Output = ()> + Send + 'static {
        let hooks = Arc::clone(&self.hooks);
        hook(&hooks).registered.fetch_add(1, Ordering::SeqCst);
        async move {
            // A hook that waits can be dropped half-way.
            tokio::task::yield_now().await;
            hook(&hooks).ran.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Which of this run's notes the observer sees, counted within the run.
    pub(crate) async fn stored<DB: Backend>(&self, db: &TestDb<DB>) -> Vec<i64> {
        let (first, last) = (self.id(0), self.id(Self::NOTES - 1));
        let sql = format!("select id from notes where id between {first} and {last} order by id");
        let ids = db.numbers(&sql).await;
        ids.into_iter().map(|id| id - first).collect()
    }

    /// Whether hooks were registered, one for each end.
    pub(crate) fn has_hooks(&self) -> bool {
        self.hooks.commit.registered() > 0 && self.hooks.rollback.registered() > 0
    }

    /// How often the hooks ran after a commit, and after a rollback.
    pub(crate) fn ran(&self) -> (usize, usize) {
        let hooks = &self.hooks;
        assert_eq!(hooks.forbidden.ran(), 0, "a hook ran that was rolled back");
        (hooks.commit.ran(), hooks.rollback.ran())
    }

    /// Waits until `wanted` hooks ran, a bounded time, and gives what [`Run::ran`] does.
    pub(crate) async fn wait_for_hooks(&self, wanted: usize) -> (usize, usize) {
        let sum = |(commit, rollback)| commit + rollback;
        let _ = eventually(|| sum(self.ran()) >= wanted).await;
        self.ran()
    }
}

/// Waits until `condition` holds, a bounded time. Whether it does.
pub(crate) async fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(Duration::from_millis(1)).await;
    }
    true
}
