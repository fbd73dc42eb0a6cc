//! Functions of every kind, for the tables and the test.

use std::sync::Arc;

use sqlx::{Database, MySql, Pool, Postgres, Sqlite, SqliteConnection, SqlitePool};
use sqlx_transactional::{ReadTx, Source, Tx, transactional};

/// A place of the user's own.
#[derive(Debug)]
pub(crate) struct Tenant(pub(crate) SqlitePool);

impl Source<Sqlite> for Tenant {
    fn pool(&self) -> &Pool<Sqlite> {
        &self.0
    }

    async fn after_begin(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        sqlx::query("select 1").execute(connection).await.map(drop)
    }
}

/// A database of the user's own choice.
pub(crate) trait Store: Database {
    fn count(tx: &mut Tx<'_, Self>) -> impl Future<Output = sqlx::Result<i64>> + Send;
}

impl Store for Sqlite {
    async fn count(tx: &mut Tx<'_, Self>) -> sqlx::Result<i64> {
        sqlx::query_scalar("select 1").fetch_one(tx).await
    }
}

impl Store for Postgres {
    async fn count(tx: &mut Tx<'_, Self>) -> sqlx::Result<i64> {
        sqlx::query_scalar("select 1").fetch_one(tx).await
    }
}

impl Store for MySql {
    async fn count(tx: &mut Tx<'_, Self>) -> sqlx::Result<i64> {
        sqlx::query_scalar("select 1").fetch_one(tx).await
    }
}

#[transactional]
pub(crate) async fn write<DB: Store>(tx: &mut Tx<'_, DB>, title: &str) -> sqlx::Result<i64> {
    let joined = joined(&mut *tx, title).await?;
    let nested = nested(&mut *tx, title.to_owned()).await?;
    Ok(joined + nested + DB::count(tx).await?)
}

#[transactional]
pub(crate) async fn joined<DB: Store>(tx: &mut Tx<'_, DB>, title: &str) -> sqlx::Result<i64> {
    let shorten = |count: i64| count.min(title.chars().count().try_into().unwrap_or(count));
    DB::count(&mut *tx).await.map(shorten)
}

#[transactional(savepoint)]
pub(crate) async fn nested<DB: Store>(tx: &mut Tx<'_, DB>, title: String) -> sqlx::Result<i64> {
    tx.after_commit(async move { drop(title) });
    tx.savepoint(async |tx| DB::count(tx).await).await
}

#[transactional(outermost)]
pub(crate) async fn outermost<DB: Store>(tx: &mut Tx<'_, DB>) -> sqlx::Result<i64> {
    write(tx, "outermost").await
}

#[derive(Clone, Copy)]
pub(crate) struct Suffix<'a>(pub(crate) &'a str);

#[transactional(retry(attempts = 2), isolation = serializable, commit_on(Err(sqlx::Error::RowNotFound)))]
pub(crate) async fn repeated<DB: Store>(
    tx: &mut Tx<'_, DB>,
    mut title: String,
    Suffix(more): Suffix<'_>,
) -> sqlx::Result<i64> {
    tx.before_commit(|tx| Box::pin(async move { load(tx).await.map(drop).map_err(Into::into) }));
    title.push_str(more);
    DB::count(tx).await
}

#[transactional]
pub(crate) async fn load<DB: Store>(tx: &mut ReadTx<'_, DB>) -> sqlx::Result<i64> {
    tx.connection().await.map(|_| 1)
}

#[transactional(on = pool)]
pub(crate) async fn injected<DB: Store>(tx: &mut Tx<'_, DB>, pool: &Pool<DB>) -> sqlx::Result<i64> {
    write(tx, "injected").await
}

/// Something with methods.
pub(crate) struct Notes<DB: Database> {
    pub(crate) pool: Pool<DB>,
}

impl<DB: Store> Notes<DB> {
    #[transactional]
    pub(crate) async fn method(&self, tx: &mut Tx<'_, DB>, title: &str) -> sqlx::Result<i64> {
        write(tx, title)
            .await
            .map(|count| count + i64::from(self.pool.is_closed()))
    }

    #[transactional(on = self.pool)]
    pub(crate) async fn injected(&self, tx: &mut Tx<'_, DB>, title: &str) -> sqlx::Result<i64> {
        self.method(tx, title).await
    }

    #[transactional]
    pub(crate) async fn by_arc(self: Arc<Self>, tx: &mut Tx<'_, DB>) -> sqlx::Result<i64> {
        self.method(tx, "by arc").await
    }
}

/// A trait with a method, and who implements it.
pub(crate) trait Rename {
    #[transactional]
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64>;
}

impl Rename for Tenant {
    #[transactional]
    async fn rename(&self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
        write(tx, "rename").await
    }
}
