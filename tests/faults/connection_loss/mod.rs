//! A connection that is lost at any message: the outcome is typed, nothing is
//! half stored, and the pool heals.

mod at_each_message;
mod commit;
mod dead_while_idle;
mod ended_by_the_server;
mod out_of_step;

use crate::ledger::Run;
use crate::notes::Notes;
use sqlx::Error;
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn stores<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    DB::insert(&mut *tx, run.id(1)).await?;
    DB::insert_cold(tx, run.id(2)).await
}

/// Whether an error leaves open what happened.
fn is_unknown(error: &Error) -> bool {
    sqlx_transactional::Error::find(error)
        .is_some_and(sqlx_transactional::Error::is_outcome_unknown)
}
