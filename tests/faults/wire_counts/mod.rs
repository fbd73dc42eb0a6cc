//! What a call costs: every message that crosses the wire, and no other.

mod inside;
mod outermost;
mod pools;

use crate::ledger::Run;
use crate::notes::Notes;
use crate::pools::recommended;
use sqlx::{Error, Pool};
use sqlx_transactional::{ReadTx, Tx, transactional};
use sqlx_transactional_tests::{Setup, TestDb, Wire, for_engines, inspect};

/// A recommended pool that has not connected yet.
fn unconnected<DB: Notes>(db: &TestDb<DB>) -> Pool<DB> {
    recommended(db.url(), 1)
        .connect_lazy(db.url())
        .expect("the URL of the test database")
}

/// A recommended pool with one connection that knows the statements used here.
async fn warm<DB: Notes>(db: &TestDb<DB>) -> Pool<DB> {
    let pool = unconnected(db);
    one(&pool, &Run::new(900)).await.unwrap();
    count(&pool).await.unwrap();
    inspect::settle(&pool).await;
    let _ = (db.wire().take_log(), db.wire().take_counts());
    pool
}

/// Every command of the calls since the last look, without the ping that sqlx
/// sends when it has the connection back.
async fn sent<DB: Notes>(wire: &Wire, pool: &Pool<DB>) -> Vec<String> {
    inspect::settle(pool).await;
    let mut log = wire.take_log();
    assert_eq!(
        log.pop().as_deref(),
        Some("PING"),
        "the release of the connection"
    );
    let counts = wire.take_counts();
    assert_eq!(counts.connections, 0, "it was connected already");
    assert_eq!(
        counts.round_trips,
        log.len() + 1,
        "each waits for its answer: {log:?}"
    );
    log.iter().map(|message| short_names(message)).collect()
}

/// The message with savepoints called `s1` for the first of a transaction: what stands
/// before that is the process's.
fn short_names(message: &str) -> String {
    let words = message.split(' ').map(|word| {
        let number = word.strip_prefix("sqlx_transactional_");
        let number = number.and_then(|name| name.rsplit_once('_'));
        number.map_or_else(|| word.to_owned(), |(_, number)| format!("s{number}"))
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The INSERT as the log shows it when the connection knows it.
fn insert<DB: Notes>() -> String {
    format!("EXECUTE {}", DB::INSERT)
}

#[transactional]
async fn early<DB: Notes>(tx: &mut Tx<'_, DB>, found: bool) -> Result<(), Error> {
    if !found {
        return Ok(());
    }
    DB::insert(tx, 1).await
}

#[transactional]
async fn one<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert(tx, run.id(1)).await
}

#[transactional]
async fn three<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    for nth in 1..=3 {
        DB::insert(tx, run.id(nth)).await?;
    }
    Ok(())
}

#[transactional]
async fn failing<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert(tx, run.id(1)).await?;
    Err(Error::RowNotFound)
}

#[transactional]
async fn joining<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    early(&mut *tx, false).await?;
    one(&mut *tx, run).await?;
    count(tx).await.map(drop)
}

#[transactional]
async fn count<DB: Notes>(tx: &mut ReadTx<'_, DB>) -> Result<i64, Error> {
    DB::count(tx).await
}

#[transactional(savepoint)]
async fn in_a_savepoint<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    one(tx, run).await
}

#[transactional(savepoint)]
async fn failing_savepoint<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    failing(tx, run).await
}

#[transactional(savepoint)]
async fn in_a_savepoint_early<DB: Notes>(tx: &mut Tx<'_, DB>) -> Result<(), Error> {
    early(tx, false).await
}
