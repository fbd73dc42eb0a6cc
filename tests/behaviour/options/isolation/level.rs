//! The levels, and what the server itself says of them.

use std::time::Duration;

use sqlx_transactional::Isolation;
use sqlx_transactional_tests::{Backend, Engine};
use tokio::time::{Instant, sleep};

/// All of them, the weakest first.
pub(crate) const LEVELS: [Isolation; 4] = [
    Isolation::ReadUncommitted,
    Isolation::ReadCommitted,
    Isolation::RepeatableRead,
    Isolation::Serializable,
];

/// A level as SQL calls it.
pub(crate) fn sql(level: Isolation) -> &'static str {
    match level {
        Isolation::ReadUncommitted => "READ UNCOMMITTED",
        Isolation::ReadCommitted => "READ COMMITTED",
        Isolation::RepeatableRead => "REPEATABLE READ",
        Isolation::Serializable => "SERIALIZABLE",
    }
}

/// The first message of a transaction that was asked for at this level, and after
/// BEGIN `rest`.
pub(crate) fn begin<DB: Backend>(level: Isolation, rest: &str) -> String {
    let level = sql(level);
    match DB::ENGINE {
        Engine::Postgres => format!("BEGIN ISOLATION LEVEL {level}{rest}"),
        _ => format!("SET TRANSACTION ISOLATION LEVEL {level}; START TRANSACTION{rest}"),
    }
}

/// What a server that nobody has set up gives.
pub(crate) fn default<DB: Backend>() -> Isolation {
    match DB::ENGINE {
        Engine::Postgres => Isolation::ReadCommitted,
        Engine::MySql => Isolation::RepeatableRead,
        Engine::Sqlite => Isolation::Serializable,
    }
}

/// Asserts that the server says so of the transaction that is open on `connection`
/// and has read or written a table. SQLite has nothing to say.
///
/// # Panics
///
/// When it says something else.
pub(crate) async fn assert_level<DB: Backend>(
    connection: &mut DB::Connection,
    expected: Isolation,
) {
    let ask = match DB::ENGINE {
        Engine::Postgres => "select upper(current_setting('transaction_isolation'))",
        Engine::MySql => {
            "select cast(trx_isolation_level as char) from information_schema.innodb_trx \
             where trx_mysql_thread_id = connection_id()"
        }
        Engine::Sqlite => return,
    };
    // InnoDB shows what was so when somebody asked last, unless nobody has for a
    // tenth of a second. Other tests ask as well, so the pauses have to differ.
    let deadline = Instant::now() + Duration::from_secs(40);
    loop {
        let level = DB::texts(connection, ask).await.unwrap();
        if level == [sql(expected)] {
            return;
        }
        let late = DB::ENGINE == Engine::Postgres || Instant::now() > deadline;
        assert!(!late, "{level:?} instead of {expected:?}");
        sleep(Duration::from_millis(fastrand::u64(110..900))).await;
    }
}
