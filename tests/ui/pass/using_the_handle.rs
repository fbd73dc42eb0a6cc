//! What a body does with its handle: every kind of query, streams, the raw
//! connection, hooks, savepoints, plain helpers.

use futures_util::TryStreamExt;
use sqlx::{Connection, Executor, QueryBuilder, Row, Sqlite, SqlitePool};
use sqlx_transactional::{Tx, transactional};

#[derive(sqlx::FromRow)]
struct Note {
    id: i64,
}

async fn generic<'e>(executor: impl Executor<'e, Database = Sqlite>) -> sqlx::Result<i64> {
    sqlx::query_scalar("select 1").fetch_one(executor).await
}

async fn helper(connection: &mut sqlx::SqliteConnection) -> sqlx::Result<i64> {
    let mut nested = connection.begin().await?;
    let one = generic(&mut *nested).await?;
    nested.commit().await?;
    Ok(one)
}

#[transactional]
async fn all(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<i64> {
    sqlx::raw_sql("create table notes (id integer)")
        .execute(&mut *tx)
        .await?;
    tx_execute(tx).await?;
    let mut insert = QueryBuilder::new("insert into notes (id) ");
    insert.push_values([2, 3], |mut row, id| {
        row.push_bind(id);
    });
    insert.build().execute(&mut *tx).await?;

    let mut sum = 0;
    let mut notes = sqlx::query_as::<_, Note>("select id from notes").fetch(&mut *tx);
    while let Some(note) = notes.try_next().await? {
        sum += note.id;
    }
    drop(notes);
    let row = sqlx::query("select max(id) from notes")
        .fetch_one(&mut *tx)
        .await?;
    sum += row.get::<i64, _>(0);
    sum += generic(&mut *tx).await?;
    sum += helper(tx.connection().await?).await?;
    tx.after_commit(async {});
    tx.after_rollback(async {});
    let undone = tx.savepoint(async |tx| {
        tx.roll_back();
        generic(tx).await
    });
    sum += undone.await?;
    let by_function = tx.savepoint(async |tx| tx_execute(tx).await);
    by_function.await?;
    Ok(sum)
}

async fn tx_execute(tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
    tx.execute("insert into notes (id) values (1)").await?;
    Ok(())
}

#[tokio::main]
async fn main() -> sqlx::Result<()> {
    let pool = SqlitePool::connect("sqlite::memory:").await?;
    assert_eq!(all(&pool).await?, 6 + 3 + 1 + 1 + 1);
    Ok(())
}
