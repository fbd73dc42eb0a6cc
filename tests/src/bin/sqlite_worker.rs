//! Runs transactions on a `SQLite` file and says what became of each, so that
//! somebody outside can let its system calls fail and compare.
//!
//! `sqlite_worker FILE wal|delete COUNT` prints `hook N` when the hook of
//! transaction N ran, `ok N` or `err N CLASS` as soon as its end is known, and
//! `healed` or `broken` for one more transaction after them. With the first
//! failure the fault is over.

use sqlx::sqlite::SqliteJournalMode;
use sqlx::{Connection, Pool, Sqlite};
use sqlx_transactional::pool::{Recommended, options};
use sqlx_transactional::{Tx, transactional};
use sqlx_transactional_tests::strace::{body, fault_is_over, told, traced};
use std::time::Duration;

#[transactional]
async fn store(tx: &mut Tx<'_, Sqlite>, number: i64) -> Result<(), sqlx::Error> {
    tx.after_commit(async move { told(&format!("hook {number}")) });
    for nth in 1..=3 {
        let insert = sqlx::query("insert into rows (number, nth, body) values (?, ?, ?)");
        let insert = insert.bind(number).bind(nth).bind(body(nth));
        insert.execute(&mut *tx).await?;
    }
    Ok(())
}

/// What kind of failure it was, in one word.
fn class(error: &sqlx::Error) -> String {
    if let Some(found) = sqlx_transactional::Error::find(error) {
        return if found.is_outcome_unknown() {
            "unknown".to_owned()
        } else {
            found.sqlstate().to_owned()
        };
    }
    match error {
        sqlx::Error::Database(error) => error.code().unwrap_or_default().into_owned(),
        sqlx::Error::PoolTimedOut => "pool".to_owned(),
        _ => "other".to_owned(),
    }
}

async fn tell(pool: &Pool<Sqlite>, number: i64) -> bool {
    match store(pool, number).await {
        Ok(()) => {
            told(&format!("ok {number}"));
            true
        }
        Err(error) => {
            told(&format!("err {number} {}", class(&error)));
            fault_is_over();
            false
        }
    }
}

/// Whether the connection is outside a transaction, by sqlx's count, which a
/// success does not show, and for the engine, which only then can begin one.
async fn is_clean(pool: &Pool<Sqlite>) -> bool {
    let Ok(mut connection) = pool.acquire().await else {
        return false;
    };
    let begun = sqlx::raw_sql("begin; rollback").execute(&mut *connection);
    begun.await.is_ok() && !connection.is_in_transaction()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(journal), Some(count)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("usage: sqlite_worker FILE wal|delete COUNT".into());
    };
    let count: i64 = count.parse()?;
    traced();
    let url = format!("sqlite://{file}");
    // A small cache writes amid a transaction, and a short log is copied back
    // amid the run, so that faults meet more than the end.
    let mut connect = Sqlite::connect_options(&url)?
        .pragma("cache_size", "8")
        .pragma("wal_autocheckpoint", "20");
    if journal == "delete" {
        connect = connect.journal_mode(SqliteJournalMode::Delete);
    }
    let pool = options::<Sqlite>(&url)
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(2))
        .connect_lazy_with(connect);
    for number in 1..=count {
        tell(&pool, number).await;
    }
    let healed = tell(&pool, count + 1).await && is_clean(&pool).await;
    told(if healed { "healed" } else { "broken" });
    // One that is wedged never closes.
    let _ = tokio::time::timeout(Duration::from_secs(2), pool.close()).await;
    Ok(())
}
