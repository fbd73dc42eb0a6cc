//! Every way to write a transaction.

use crate::ledger::Run;
use crate::notes::Notes;
use futures_util::TryStreamExt;
use sqlx::{Database, Error, Pool};
use sqlx_transactional::{ReadTx, Source, Tx, transactional};

/// Two notes, the second with a statement no connection has seen.
#[transactional]
pub(super) async fn annotated<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert(tx, run.id(1)).await?;
    DB::insert_cold(tx, run.id(2)).await
}

#[transactional]
pub(super) async fn with_hooks<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    watch(tx, run);
    annotated(tx, run).await
}

#[transactional]
pub(super) async fn joining<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    watch(tx, run);
    DB::insert(tx, run.id(1)).await?;
    joined(&mut *tx, run).await?;
    joined_on_request(tx, run).await
}

#[transactional]
async fn joined<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert_cold(tx, run.id(2)).await
}

async fn joined_on_request<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    sqlx_transactional::transaction(tx, async |tx| DB::insert(tx, run.id(3)).await).await
}

#[transactional]
pub(super) async fn savepoint_closure<DB: Notes>(
    tx: &mut Tx<'_, DB>,
    run: &Run,
) -> Result<(), Error> {
    watch(tx, run);
    DB::insert(tx, run.id(1)).await?;
    tx.savepoint(async |tx| {
        DB::insert(tx, run.id(2)).await?;
        tx.savepoint(async |tx| DB::insert_cold(tx, run.id(3)).await)
            .await
    })
    .await?;
    DB::insert(tx, run.id(4)).await
}

#[transactional]
pub(super) async fn savepoint_function<DB: Notes>(
    tx: &mut Tx<'_, DB>,
    run: &Run,
) -> Result<(), Error> {
    watch(tx, run);
    DB::insert(tx, run.id(1)).await?;
    in_a_savepoint(&mut *tx, run).await?;
    sqlx_transactional::on(&mut *tx)
        .savepoint()
        .run(async |tx| DB::insert(tx, run.id(3)).await)
        .await
}

#[transactional(savepoint)]
async fn in_a_savepoint<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert_cold(tx, run.id(2)).await
}

/// The savepoint fails, and only the savepoint: note 2 is gone.
#[transactional]
pub(super) async fn failed_savepoint<DB: Notes>(
    tx: &mut Tx<'_, DB>,
    run: &Run,
) -> Result<(), Error> {
    watch(tx, run);
    DB::insert(tx, run.id(1)).await?;
    let failed = tx.savepoint(async |tx| {
        tx.after_commit(run.forbidden());
        tx.after_rollback(run.forbidden());
        DB::insert_cold(tx, run.id(2)).await?;
        Err::<(), _>(Error::RowNotFound)
    });
    assert!(matches!(failed.await, Err(Error::RowNotFound)));
    DB::insert(tx, run.id(3)).await
}

pub(super) async fn block<DB: Notes>(pool: &Pool<DB>, run: &Run) -> Result<(), Error> {
    sqlx_transactional::transaction(pool, async |tx| {
        watch(tx, run);
        DB::insert(tx, run.id(1)).await?;
        DB::insert_cold(tx, run.id(2)).await
    })
    .await
}

#[transactional(on = pool)]
pub(super) async fn injected<DB: Notes>(
    tx: &mut Tx<'_, DB>,
    pool: &Pool<DB>,
    run: &Run,
) -> Result<(), Error> {
    watch(tx, run);
    DB::insert(tx, run.id(1)).await?;
    DB::insert_cold(tx, run.id(2)).await
}

#[transactional]
pub(super) async fn reader<DB: Notes>(tx: &mut ReadTx<'_, DB>, run: &Run) -> Result<(), Error> {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
    reader_without_hooks(tx, run).await
}

#[transactional]
pub(super) async fn reader_without_hooks<DB: Notes>(
    tx: &mut ReadTx<'_, DB>,
    _: &Run,
) -> Result<(), Error> {
    DB::count(tx).await?;
    tx.savepoint(async |tx| DB::count(tx).await).await.map(drop)
}

#[transactional]
pub(super) async fn connection<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    watch(tx, run);
    DB::insert(tx, run.id(1)).await?;
    DB::insert_on(tx.connection().await?, run.id(2)).await?;
    DB::insert(tx, run.id(3)).await
}

#[transactional]
pub(super) async fn half_read<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    watch(tx, run);
    DB::insert(tx, run.id(1)).await?;
    // The stream is dropped at the end of the statement.
    let first = DB::rows(tx, 9).try_next().await?;
    assert!(first.is_some());
    DB::insert(tx, run.id(2)).await
}

/// A place that stores a note of its own in each transaction.
#[derive(Debug)]
pub(super) struct Tenant<'a, DB: Database> {
    pub(super) pool: &'a Pool<DB>,
    pub(super) run: &'a Run,
}

impl<DB: Notes> Source<DB> for Tenant<'_, DB> {
    fn pool(&self) -> &Pool<DB> {
        self.pool
    }

    async fn after_begin(&self, connection: &mut DB::Connection) -> Result<(), Error> {
        DB::insert_on(connection, self.run.id(0)).await
    }
}

#[transactional]
pub(super) async fn fails<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    watch(tx, run);
    DB::insert(tx, run.id(1)).await?;
    DB::insert_cold(tx, run.id(2)).await?;
    Err(Error::RowNotFound)
}

/// The second note has the id of the first.
#[transactional]
pub(super) async fn swallows<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    watch(tx, run);
    DB::insert(tx, run.id(1)).await?;
    let duplicate = DB::insert_cold(tx, run.id(1)).await.unwrap_err();
    assert!(duplicate.as_database_error().is_some(), "{duplicate:?}");
    Ok(())
}

/// The joined call fails, and its error goes no further.
#[transactional]
pub(super) async fn swallows_joined<DB: Notes>(
    tx: &mut Tx<'_, DB>,
    run: &Run,
) -> Result<(), Error> {
    watch(tx, run);
    DB::insert(tx, run.id(1)).await?;
    assert!(joined_and_failing(tx, run).await.is_err());
    Ok(())
}

#[transactional]
async fn joined_and_failing<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    DB::insert_cold(tx, run.id(2)).await?;
    Err(Error::RowNotFound)
}

#[transactional]
pub(super) async fn rolls_back<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) -> Result<(), Error> {
    watch(tx, run);
    DB::insert(tx, run.id(1)).await?;
    tx.roll_back();
    DB::insert_cold(tx, run.id(2)).await
}

fn watch<DB: Notes>(tx: &mut Tx<'_, DB>, run: &Run) {
    tx.after_commit(run.on_commit());
    tx.after_rollback(run.on_rollback());
}
