//! What a transaction has to do after its end.

use std::{fmt, panic::AssertUnwindSafe};

use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tracing::Instrument;

use crate::finish::{FinishOnDrop, Patience};

/// The hooks of one transaction, in the order they were registered.
#[derive(Default)]
pub(crate) struct Hooks(Vec<Hook>);

struct Hook {
    when: When,
    work: BoxFuture<'static, ()>,
}

/// The end a hook waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Committed,
    RolledBack,
}

impl Hooks {
    pub(crate) fn push(&mut self, when: When, work: impl Future<Output = ()> + Send + 'static) {
        self.0.push(Hook {
            when,
            work: Box::pin(work),
        });
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are, to come back to with [`Hooks::forget_since`].
    pub(crate) fn mark(&self) -> usize {
        self.0.len()
    }

    /// Drops those registered since `mark`: their savepoint was rolled back.
    pub(crate) fn forget_since(&mut self, mark: usize) {
        self.0.truncate(mark);
    }

    /// Takes those registered since `mark` away.
    pub(crate) fn take_since(&mut self, mark: usize) -> Self {
        Self(self.0.split_off(mark))
    }

    /// Runs those that wait for `when`, one after another. One that panics is
    /// logged and stops no other.
    pub(crate) async fn run(self, when: When) {
        for hook in self.0 {
            if hook.when == when && AssertUnwindSafe(hook.work).catch_unwind().await.is_err() {
                tracing::error!(
                    target: "sqlx_transactional",
                    ?when,
                    "a hook panicked; the transaction's end stands"
                );
            }
        }
    }

    /// Those that wait for `when`, to be run; for none if the end is not known.
    pub(crate) fn due(self, when: Option<When>) -> Due {
        Due(when.filter(|_| !self.is_empty()).map(|when| (self, when)))
    }

    /// The same, waiting for nothing. Outside a runtime nothing can run.
    pub(crate) fn run_in_background(self, when: When) {
        if !self.is_empty()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(self.run(when).in_current_span());
        }
    }
}

/// Hooks whose end has come. Dropped before they ran, they run in the
/// background.
#[derive(Debug, Default)]
#[must_use = "hooks that are due are to be run"]
pub(crate) struct Due(Option<(Hooks, When)>);

impl Due {
    /// Runs them, if there are any, going on when the caller goes away.
    pub(crate) fn run(mut self) -> Option<FinishOnDrop<()>> {
        let (hooks, when) = self.0.take()?;
        let run = hooks.run(when);
        Some(FinishOnDrop::new(Handle::current(), Patience::Endless, run))
    }

    /// These, or if there are none, the others.
    pub(crate) fn or(self, others: Self) -> Self {
        if self.0.is_some() { self } else { others }
    }

    /// Lets them go: what they waited for is done again.
    pub(crate) fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        if let Some((hooks, when)) = self.0.take() {
            hooks.run_in_background(when);
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|hook| hook.when))
            .finish()
    }
}
