//! Hooks that run inside the transaction, as its last statements.

use std::pin::Pin;

use sqlx::{Database, error::BoxDynError};

use crate::scope::Core;

/// What a hook says: `Err` refuses the commit.
pub(crate) type Vote<'t> = Pin<Box<dyn Future<Output = Result<(), BoxDynError>> + Send + 't>>;

type Hook<DB> = Box<dyn for<'t> FnOnce(&'t mut (dyn Core<DB> + 't)) -> Vote<'t> + Send>;

/// The hooks of one transaction, in the order they were registered. Most have none, and carry no more than that.
pub(crate) struct BeforeCommit<DB: Database>(Option<Box<Registered<DB>>>);

struct Registered<DB: Database>(Vec<Hook<DB>>);

impl<DB: Database> Default for BeforeCommit<DB> {
    fn default() -> Self {
        Self(None)
    }
}

impl<DB: Database> BeforeCommit<DB> {
    pub(crate) fn push(
        &mut self,
        hook: impl for<'t> FnOnce(&'t mut (dyn Core<DB> + 't)) -> Vote<'t> + Send + 'static,
    ) {
        let hooks = self
            .0
            .get_or_insert_with(|| Box::new(Registered(Vec::new())));
        hooks.0.push(Box::new(hook));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.mark() == 0
    }

    /// How many there are, to come back to with [`BeforeCommit::forget_since`].
    pub(crate) fn mark(&self) -> usize {
        self.0.as_ref().map_or(0, |hooks| hooks.0.len())
    }

    /// Drops those registered since `mark`: their savepoint was rolled back.
    pub(crate) fn forget_since(&mut self, mark: usize) {
        if let Some(hooks) = &mut self.0 {
            hooks.0.truncate(mark);
        }
    }

    /// Takes those registered since `mark` away.
    fn take_since(&mut self, mark: usize) -> Vec<Hook<DB>> {
        let hooks = self.0.as_mut();
        hooks.map_or_else(Vec::new, |hooks| hooks.0.split_off(mark))
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
        for hook in hooks {
            hook(&mut *core).await?;
        }
    }
}
