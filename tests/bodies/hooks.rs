//! The hooks of a program.

use crate::program::Vote;
use crate::sql::{Sql, THERE};
use crate::walk::{Seen, Walk};
use futures_util::FutureExt;
use sqlx::error::BoxDynError;
use sqlx_transactional::Tx;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

impl<DB: Sql> Walk<'_, DB> {
    pub(crate) fn before_commit(&self, tx: &mut Tx<'_, DB>, mark: i64, vote: Vote) {
        let (id, hook) = (self.base + mark, self.hook(mark));
        tx.before_commit(move |tx| {
            Box::pin(async move {
                match vote {
                    Vote::Agrees => {}
                    Vote::Refuses => return Err("no".into()),
                    Vote::Writes => DB::insert(tx, id).await?,
                    Vote::Fails => DB::insert(tx, THERE).await?,
                    Vote::Swallows => drop(DB::insert(tx, THERE).await),
                    Vote::Registers => {
                        tx.after_commit(hook);
                        tx.before_commit(move |tx| writes(tx, id));
                    }
                    Vote::RollsBack => tx.roll_back(),
                }
                Ok(())
            })
        });
    }

    pub(crate) fn hook(&self, mark: i64) -> impl Future<Output = ()> + Send + 'static {
        ran(Arc::clone(&self.seen), mark)
    }

    pub(crate) fn make(&self, mark: i64) -> impl Fn() -> Hook + Send + Sync + 'static {
        let seen = Arc::clone(&self.seen);
        move || Box::pin(ran(Arc::clone(&seen), mark))
    }
}

pub(crate) type Hook = Pin<Box<dyn Future<Output = ()> + Send>>;

type Voted<'t> = Pin<Box<dyn Future<Output = Result<(), BoxDynError>> + Send + 't>>;

/// A hook that stores a note.
fn writes<'t, DB: Sql>(tx: &'t mut Tx<'_, DB>, id: i64) -> Voted<'t> {
    Box::pin(async move { Ok(DB::insert(tx, id).await?) })
}

fn ran(seen: Arc<Mutex<Seen>>, mark: i64) -> impl Future<Output = ()> + Send + 'static {
    std::future::ready(()).map(move |()| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.hooks.push(mark);
    })
}
