//! What SQLite does by itself, and what its connections keep.

mod automatic_rollback;
mod one_connection;
mod writers;

use crate::ledger::Run;
use crate::notes::Notes;
use sqlx::{Error, Sqlite};
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn stores(tx: &mut Tx<'_, Sqlite>, run: &Run) -> Result<(), Error> {
    Sqlite::insert(&mut *tx, run.id(1)).await?;
    Sqlite::insert_cold(tx, run.id(2)).await
}
