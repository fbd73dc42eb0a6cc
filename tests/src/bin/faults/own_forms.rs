//! Forms that only this program has: with notes of any size, and with errors
//! that are swallowed whatever they are.

use crate::calls::limits;
use crate::ledger::Run;
use crate::notes::Notes;
use sqlx::{Error, MySql, Pool, Postgres, Sqlite};
use sqlx_transactional::{Tx, on, transactional};

/// The largest body, in bytes: many packets of the network.
const LARGEST: usize = 40_000;

/// An engine that stores bodies of a chosen size.
pub(crate) trait Bodies: Notes {
    /// Stores a note with this body.
    fn insert_body(
        tx: &mut Tx<'_, Self>,
        id: i64,
        body: String,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}

macro_rules! bodies {
    ($database:ty, $insert:literal) => {
        impl Bodies for $database {
            async fn insert_body(tx: &mut Tx<'_, Self>, id: i64, body: String) -> sqlx::Result<()> {
                let insert = sqlx::query($insert).bind(id).bind(body);
                insert.execute(tx).await.map(drop)
            }
        }
    };
}

bodies!(Sqlite, "insert into notes (id, body) values (?, ?)");
bodies!(Postgres, "insert into notes (id, body) values ($1, $2)");
bodies!(MySql, "insert into notes (id, body) values (?, ?)");

/// Two notes of a size that the seed decides.
#[transactional]
pub(crate) async fn sized<DB: Bodies>(
    tx: &mut Tx<'_, DB>,
    run: &Run,
    seed: u64,
) -> sqlx::Result<()> {
    watch(tx, run);
    let mut random = fastrand::Rng::with_seed(seed);
    for nth in [1, 2] {
        let body = "x".repeat(random.usize(..LARGEST));
        DB::insert_body(&mut *tx, run.id(nth), body).await?;
    }
    Ok(())
}

/// The savepoint fails, and only the savepoint: note 2 is gone.
#[transactional]
pub(crate) async fn failed_savepoint<DB: Notes>(
    tx: &mut Tx<'_, DB>,
    run: &Run,
) -> sqlx::Result<()> {
    watch(tx, run);
    DB::insert(tx, run.id(1)).await?;
    let failed = tx.savepoint(async |tx| {
        tx.after_commit(run.forbidden());
        tx.after_rollback(run.forbidden());
        DB::insert_cold(tx, run.id(2)).await?;
        Err::<(), _>(Error::RowNotFound)
    });
    match failed.await {
        Err(Error::RowNotFound) => DB::insert(tx, run.id(3)).await,
        other => other,
    }
}

/// The second note has the id of the first; whatever is wrong with it, nobody
/// hears of it.
#[transactional]
pub(crate) async fn swallows<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> sqlx::Result<()> {
    watch(tx, run);
    DB::insert(tx, run.id(1)).await?;
    let _ = DB::insert_cold(tx, run.id(1)).await;
    Ok(())
}

/// The block that takes a pool alone, with a deadline.
pub(crate) async fn block_within<DB: Notes>(pool: &Pool<DB>, run: &Run) -> sqlx::Result<()> {
    let block = on(pool).limits(limits());
    let done = block.run(async |tx| {
        watch(tx, run);
        DB::insert(tx, run.id(1)).await?;
        DB::insert_cold(tx, run.id(2)).await
    });
    done.await
}

/// The function that says itself where it begins, with a deadline of its own,
/// which is [`LIMIT`](crate::calls::LIMIT).
#[transactional(on = pool, timeout = "300ms")]
pub(crate) async fn injected_within<DB: Notes>(
    tx: &mut Tx<'_, DB>,
    pool: &Pool<DB>,
    run: &Run,
) -> sqlx::Result<()> {
    watch(tx, run);
    DB::insert(tx, run.id(1)).await?;
    DB::insert_cold(tx, run.id(2)).await
}

fn watch<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
}
