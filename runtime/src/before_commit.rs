//! Hooks that run inside the transaction, as its last statements.

use std::pin::Pin;

use sqlx::{Database, error::BoxDynError};

use crate::scope::Core;

/// What a hook says: `Err` refuses the commit.
pub(crate) type Vote<'t> = Pin<Box<dyn Future<Output = Result<(), BoxDynError>> + Send + 't>>;

type Hook<DB> = Box<dyn for<'t> FnOnce(&'t mut (dyn Core<DB> + 't)) -> Vote<'t> + Send>;

/// The hooks of one transaction, in the order they were registered.
pub(crate) struct BeforeCommit<DB: Database>(Vec<Hook<DB>>);

impl<DB: Database> Default for BeforeCommit<DB> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<DB: Database> BeforeCommit<DB> {
    pub(crate) fn push(
        &mut self,
        hook: impl for<'t> FnOnce(&'t mut (dyn Core<DB> + 't)) -> Vote<'t> + Send + 'static,
    ) {
        self.0.push(Box::new(hook));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are, to come back to with [`BeforeCommit::forget_since`].
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
}

/// Runs the hooks of `core`'s transaction since `mark`, and those they register,
/// until one refuses.
pub(crate) async fn vote<DB: Database>(
    core: &mut (dyn Core<DB> + '_),
    mark: usize,
) -> Result<(), BoxDynError> {
    loop {
        let hooks = core.before_commit().take_since(mark);
        if hooks.is_empty() {
            return Ok(());
        }
        for hook in hooks.0 {
            hook(&mut *core).await?;
        }
    }
}
