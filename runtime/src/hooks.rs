//! What a transaction has to do after its end.

use std::{fmt, mem, panic::AssertUnwindSafe, sync::Arc};

use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use tokio::runtime::Handle;

use crate::{
    detached::Work,
    finish::{FinishOnDrop, Patience},
    observe::{hooks_dropped, spawn},
    retry::{Attempt, Succession},
};

/// The hooks of one transaction, in the order they were registered. Most have
/// none, and carry no more than that.
#[derive(Default)]
pub(crate) struct Hooks(Option<Box<Registered>>);

#[derive(Default)]
struct Registered {
    hooks: Vec<Hook>,
    /// Whether another attempt follows the one they belong to.
    succession: Option<Arc<Succession>>,
}

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
        self.0.get_or_insert_default().hooks.push(Hook {
            when,
            work: Box::pin(work),
        });
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.mark() == 0
    }

    /// How many there are, to come back to with [`Hooks::forget_since`].
    #[inline]
    pub(crate) fn mark(&self) -> usize {
        self.0.as_ref().map_or(0, |hooks| hooks.hooks.len())
    }

    /// Drops those registered since `mark`: their savepoint was rolled back.
    pub(crate) fn forget_since(&mut self, mark: usize) {
        if let Some(hooks) = &mut self.0 {
            hooks.hooks.truncate(mark);
        }
    }

    /// Takes those registered since `mark` away.
    pub(crate) fn take_since(&mut self, mark: usize) -> Self {
        let hooks = self.0.as_mut().map(|hooks| hooks.hooks.split_off(mark));
        Self(hooks.map(|hooks| {
            Box::new(Registered {
                hooks,
                succession: None,
            })
        }))
    }

    /// They are those of one of several attempts. Those of the attempt that follows run
    /// in their place, and nothing is known to be rolled back as long as an earlier
    /// attempt may have committed.
    pub(crate) fn of_attempt(&mut self, attempt: &Attempt) {
        if let Some(registered) = &mut self.0 {
            if attempt.is_doubtful {
                registered.hooks.retain(|hook| hook.when == When::Committed);
            }
            registered.succession = Some(Arc::clone(&attempt.succession));
        }
    }

    /// Runs those that wait for `when`, one after another. One that panics is
    /// logged and stops no other.
    pub(crate) async fn run(self, when: When) {
        let Registered { hooks, succession } = *self.0.unwrap_or_default();
        if let Some(succession) = succession
            && succession.is_followed().await
        {
            return;
        }
        for hook in hooks {
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
    #[inline]
    pub(crate) fn due(self, when: Option<When>) -> Due {
        if self.is_empty() {
            return Due::default();
        }
        Due(when.map(|when| Box::new((self, when))))
    }

    /// The same, waiting for nothing.
    pub(crate) fn run_in_background(self, when: When) {
        if !self.is_empty() {
            let runtime = Handle::try_current().ok();
            spawn(runtime.as_ref(), Work::Hooks, self.run(when));
        }
    }
}

/// Hooks that wait for the answer to a COMMIT which nothing but their caller waits
/// for. Dropped with it, they are lost, and that is told.
#[derive(Debug)]
pub(crate) struct AtRisk(Hooks);

impl AtRisk {
    pub(crate) fn new(hooks: Hooks) -> Self {
        Self(hooks)
    }

    /// The answer is there.
    pub(crate) fn saved(mut self) -> Hooks {
        mem::take(&mut self.0)
    }
}

impl Drop for AtRisk {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            hooks_dropped();
        }
    }
}

/// Hooks whose end has come. Dropped before they ran, they run in the
/// background.
#[derive(Debug, Default)]
#[must_use = "hooks that are due are to be run"]
pub(crate) struct Due(Option<Box<(Hooks, When)>>);

impl Due {
    /// Runs them, if there are any, going on when the caller goes away.
    pub(crate) fn run(mut self) -> Option<FinishOnDrop<()>> {
        let (hooks, when) = *self.0.take()?;
        let (runtime, patience) = (Handle::try_current().ok(), Patience::Endless);
        let running = FinishOnDrop::new(runtime, Work::Hooks, patience, || hooks.run(when));
        Some(running)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Those that wait for the other end, which it turned out to be.
    pub(crate) fn instead(mut self, when: When) -> Self {
        if let Some(due) = &mut self.0 {
            due.1 = when;
        }
        self
    }

    /// Lets them go: what they waited for is done again.
    pub(crate) fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Due {
    #[inline]
    fn drop(&mut self) {
        if let Some(due) = self.0.take() {
            run_late(*due);
        }
    }
}

#[cold]
fn run_late((hooks, when): (Hooks, When)) {
    hooks.run_in_background(when);
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hooks = self.0.iter().flat_map(|hooks| &hooks.hooks);
        f.debug_list().entries(hooks.map(|hook| hook.when)).finish()
    }
}
