//! Statements that take a while, to be dropped before their answer comes.

use sqlx_transactional_tests::{Backend, Engine, poll_k_then_drop};

/// Stores the note 2, and is still at it when its future is pending.
pub(crate) fn insert<DB: Backend>() -> &'static str {
    match DB::ENGINE {
        Engine::Postgres => "insert into notes select 2, pg_sleep(0.2)::text",
        Engine::MySql => "insert into notes select 2, sleep(0.2)",
        // Nothing sleeps here; the worker cannot be done within one poll.
        Engine::Sqlite => {
            "with recursive n (i) as (select 1 union all select i + 1 from n where i < 100000) \
             insert into notes select 2, max(i) from n"
        }
    }
}

/// Two rows that come late.
pub(crate) fn select<DB: Backend>() -> &'static str {
    match DB::ENGINE {
        Engine::Postgres => "select i, pg_sleep(0.1)::text from generate_series(1, 2) i",
        Engine::MySql => "select 1, sleep(0.1) union all select 2, sleep(0.1)",
        Engine::Sqlite => {
            "with recursive n (i) as (select 1 union all select i + 1 from n where i < 100000) \
             select max(i) from n union all select 2"
        }
    }
}

/// Drops a future at its first await that has to wait.
///
/// # Panics
///
/// When it never waits.
pub(crate) async fn drop_pending<F: Future>(future: F) {
    let output = poll_k_then_drop(future, 1).await;
    assert!(output.is_none(), "it was done at once");
}
