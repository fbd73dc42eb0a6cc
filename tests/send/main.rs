//! Every public future can be spawned, and every public type can go where a
//! server puts it.
//!
//! The tables are checked when this target is compiled; the test then spawns
//! what SQLite can run without a server.

mod functions;
mod futures;
mod types;

use std::sync::Arc;

use futures_util::TryStreamExt;
use sqlx::{Connection, Sqlite};
use sqlx_transactional::{pool, read, transaction};

use functions::{Notes, Rename, Tenant, injected, load, outermost, write};

async fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    tokio::spawn(future).await.expect("no panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_runs_in_a_spawned_task() -> sqlx::Result<()> {
    let pool = pool::connect::<Sqlite>("sqlite::memory:").await?;
    let tenant = Arc::new(Tenant(pool.clone()));
    let notes = Arc::new(Notes { pool: pool.clone() });

    let by_value = spawn(write(pool.clone(), "by value"));
    assert_eq!(by_value.await?, 3);
    assert_eq!(spawn(outermost(pool.clone())).await?, 3);
    assert_eq!(spawn(notes.clone().by_arc(pool.clone())).await?, 3);

    let borrowed = spawn({
        let (pool, tenant) = (pool.clone(), tenant.clone());
        async move {
            let title = String::from("borrowed");
            let tenant = write(&tenant, &title).await? + tenant.rename(&*tenant).await?;
            Ok::<_, sqlx::Error>(tenant + write(&pool, &title).await? + injected(&pool).await?)
        }
    });
    assert_eq!(borrowed.await?, 12);

    let methods = spawn(async move {
        Ok::<_, sqlx::Error>(notes.injected("a").await? + notes.method(&notes.pool, "a").await?)
    });
    assert_eq!(methods.await?, 6);

    let connections = spawn({
        let pool = pool.clone();
        async move {
            let mut connection = pool.acquire().await?;
            let mut sum = write(&mut connection, "pooled").await?;
            let mut begun = connection.begin().await?;
            sum += load(&mut begun).await?;
            begun.commit().await?;
            Ok::<_, sqlx::Error>(sum + write(&mut *connection, "plain").await?)
        }
    });
    assert_eq!(connections.await?, 7);

    let blocks = spawn(async move {
        let (mut seen, title) = (Vec::new(), String::from("block"));
        let sum = transaction(&pool, async |tx| {
            seen.push(write(&mut *tx, &title).await?);
            let inner = tx.savepoint(async |tx| {
                seen.push(write(tx, &title).await?);
                Ok::<_, sqlx::Error>(())
            });
            inner.await?;
            let mut rows = sqlx::query_scalar("select 1 union select 2").fetch(&mut *tx);
            let mut sum = 0;
            while let Some(row) = rows.try_next().await? {
                let row: i64 = row;
                sum += row;
            }
            Ok::<_, sqlx::Error>(sum)
        });
        let sum = sum.await? + read(&pool, async |tx| load(tx).await).await?;
        Ok::<_, sqlx::Error>(sum + seen.iter().sum::<i64>())
    });
    assert_eq!(blocks.await?, 3 + 1 + 6);
    Ok(())
}
