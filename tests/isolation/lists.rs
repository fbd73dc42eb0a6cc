//! Lists in a table, in each engine's own SQL.

use super::level::{At, Level};
use sqlx::pool::PoolOptions;
use sqlx::{Error, MySql, Postgres, Sqlite};
use sqlx_transactional::pool::{Recommended, options};
use sqlx_transactional::{ReadTx, Tx, transactional};
use sqlx_transactional_tests::{Backend, TestDb};
use std::collections::BTreeMap;
use std::time::Duration;

/// What transactions do with the lists.
pub(crate) trait Lists: Backend + Recommended {
    /// The table.
    const TABLE: &'static str;

    /// Appends a number to a list.
    fn append(
        tx: &mut Tx<'_, Self>,
        list: u32,
        value: u64,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The text of a list.
    fn text(
        tx: &mut ReadTx<'_, Self>,
        list: u32,
    ) -> impl Future<Output = Result<String, Error>> + Send;

    /// Options of a pool that does not wait for long where two are in each other's
    /// way.
    fn impatient(options: PoolOptions<Self>) -> PoolOptions<Self> {
        options
    }
}

/// Reads a list.
#[transactional]
pub(crate) async fn read<DB: Lists>(tx: &mut ReadTx<'_, DB>, list: u32) -> Result<Vec<u64>, Error> {
    let text = DB::text(tx, list).await?;
    numbers(&text).ok_or_else(|| Error::Protocol(format!("list {list} is {text}")))
}

/// The numbers of a text like ` 3 1 2`.
fn numbers(text: &str) -> Option<Vec<u64>> {
    let words = text.split_whitespace();
    words.map(|word| word.parse().ok()).collect()
}

/// Makes the table, with this many empty lists, in place of an earlier one.
pub(crate) async fn create<DB: Lists>(db: &TestDb<DB>, lists: u32) -> Result<(), Error> {
    let mut connection = db.observer.acquire().await?;
    DB::execute(&mut connection, "drop table if exists lists").await?;
    DB::execute(&mut connection, DB::TABLE).await?;
    for list in 1..=lists {
        let sql = format!("insert into lists (id, items) values ({list}, '')");
        DB::execute(&mut connection, &sql).await?;
    }
    Ok(())
}

/// A pool on the database, and a level.
pub(crate) async fn at<DB: Lists>(
    db: &TestDb<DB>,
    level: Level,
    connections: u32,
) -> Result<At<DB>, Error> {
    let options = options::<DB>(db.url()).max_connections(connections);
    // The pool is larger than the number of calls, so nobody waits for long.
    let options = options.acquire_timeout(Duration::from_secs(5));
    let options = DB::impatient(options);
    let connect = DB::connect_options(db.url())?;
    Ok(At {
        pool: options.connect_with(connect).await?,
        level,
    })
}

/// All lists, as the observer sees them.
pub(crate) async fn all<DB: Lists>(
    db: &TestDb<DB>,
    lists: u32,
) -> Result<BTreeMap<u32, Vec<u64>>, Error> {
    let mut connection = db.observer.acquire().await?;
    let texts = DB::texts(&mut connection, "select items from lists order by id").await?;
    assert_eq!(texts.len(), lists as usize);
    let all = (1..).zip(texts).map(|(list, text)| {
        let numbers = numbers(&text);
        numbers
            .map(|numbers| (list, numbers))
            .ok_or_else(|| Error::Protocol(text))
    });
    all.collect()
}

macro_rules! lists {
    ($database:ty, $table:literal, $append:literal, $read:literal, $($more:item)*) => {
        impl Lists for $database {
            const TABLE: &'static str = $table;

            async fn append(tx: &mut Tx<'_, Self>, list: u32, value: u64) -> Result<(), Error> {
                let append = sqlx::query($append).bind(format!(" {value}"));
                let done = append.bind(i64::from(list)).execute(tx).await?;
                if done.rows_affected() == 1 { Ok(()) } else { Err(Error::RowNotFound) }
            }

            async fn text(tx: &mut ReadTx<'_, Self>, list: u32) -> Result<String, Error> {
                let read = sqlx::query_scalar($read).bind(i64::from(list));
                read.fetch_one(tx).await
            }

            $($more)*
        }
    };
}

lists! {
    Postgres,
    "create table lists (id bigint primary key, items text not null)",
    "update lists set items = items || $1 where id = $2",
    "select items from lists where id = $1",

    /// A deadlock is looked for after a second, and there are many here.
    fn impatient(options: PoolOptions<Self>) -> PoolOptions<Self> {
        options.after_connect(|connection, _| {
            Box::pin(Self::execute(connection, "set deadlock_timeout = 20"))
        })
    }
}
lists! {
    MySql,
    "create table lists (id bigint primary key, items text not null) engine = innodb",
    "update lists set items = concat(items, ?) where id = ?",
    "select items from lists where id = ?",

    fn impatient(options: PoolOptions<Self>) -> PoolOptions<Self> {
        options.after_connect(|connection, _| {
            Box::pin(Self::execute(connection, "set session innodb_lock_wait_timeout = 2"))
        })
    }
}
lists! {
    Sqlite,
    "create table lists (id integer primary key, items text not null)",
    "update lists set items = items || ? where id = ?",
    "select items from lists where id = ?",
}
