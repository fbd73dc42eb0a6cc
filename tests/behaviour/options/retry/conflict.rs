//! A failure that goes away when all is run again, whenever a test wants it.

use sqlx::{MySql, Pool, Postgres, Sqlite};
use sqlx_transactional::{Again, Block, Never, Retry, Source, Tx, on};
use sqlx_transactional_tests::{Backend, Engine, TestDb};

use crate::sql::{ids, insert, run};

/// An engine on which conflicts are easy to make.
pub(in crate::options) trait Conflict: Backend {
    /// The engine's code of it.
    const CODE: &'static str;

    /// A statement that fails, in a transaction that [`block`] began.
    fn conflict(
        tx: &mut Tx<'_, Self>,
        observer: &Pool<Self>,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

impl Conflict for Postgres {
    const CODE: &'static str = "40001";

    async fn conflict(tx: &mut Tx<'_, Self>, _: &Pool<Self>) -> Result<(), sqlx::Error> {
        let raise = "do $$ begin raise 'conflict' using errcode = '40001'; end $$";
        run(tx, raise).await
    }
}

impl Conflict for MySql {
    const CODE: &'static str = "40001";

    async fn conflict(tx: &mut Tx<'_, Self>, _: &Pool<Self>) -> Result<(), sqlx::Error> {
        run(tx, "signal sqlstate '40001' set mysql_errno = 1213").await
    }
}

impl Conflict for Sqlite {
    const CODE: &'static str = "517";

    async fn conflict(tx: &mut Tx<'_, Self>, observer: &Pool<Self>) -> Result<(), sqlx::Error> {
        // What was read is out of date before the first write.
        ids(&mut *tx).await?;
        insert(observer, 1000 + i64::from(tx.attempt())).await?;
        insert(tx, 999).await
    }
}

/// A block on `place` that is run again, in which a conflict can be made.
pub(super) fn block<DB: Backend, S: Source<DB>>(
    place: &S,
    retry: Retry,
) -> Block<&S, Never, Never, Again> {
    let block = on(place).retry(retry);
    match DB::ENGINE {
        Engine::Sqlite => block.deferred(),
        Engine::Postgres | Engine::MySql => block,
    }
}

/// The notes, without those that a conflict makes.
pub(in crate::options) async fn rows<DB: Backend>(db: &TestDb<DB>) -> Vec<i64> {
    let mut rows = db.rows().await;
    rows.retain(|id| *id < 900);
    rows
}
