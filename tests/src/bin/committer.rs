//! A process that waits inside a transaction, or between COMMIT and the hook, to
//! be killed there.
//!
//! `committer URL ID before|after` stores note ID and prints `here` when it is
//! at the place where it waits for ever: in the body, or in the hook.

use sqlx::{MySql, Postgres, Sqlite};
use sqlx_transactional::pool::{Recommended, connect};
use sqlx_transactional::{Tx, transactional};
use sqlx_transactional_tests::{Backend, strace::told};
use std::future::pending;

#[transactional]
async fn store<DB: Backend + Recommended>(
    tx: &mut Tx<'_, DB>,
    id: i64,
    before: bool,
) -> Result<(), sqlx::Error> {
    tx.after_commit(async {
        told("here");
        pending::<()>().await;
    });
    let sql = format!("insert into notes (id, body) values ({id}, 'kept')");
    DB::execute(tx.connection().await?, &sql).await?;
    if before {
        told("here");
        pending::<()>().await;
    }
    Ok(())
}

async fn run<DB: Backend + Recommended>(
    url: &str,
    id: i64,
    before: bool,
) -> Result<(), sqlx::Error> {
    store(&connect::<DB>(url).await?, id, before).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [url, id, place] = &arguments[..] else {
        return Err("usage: committer URL ID before|after".into());
    };
    let (id, before) = (id.parse()?, place == "before");
    match url.split(':').next() {
        Some("postgres") => run::<Postgres>(url, id, before).await?,
        Some("mysql") => run::<MySql>(url, id, before).await?,
        _ => run::<Sqlite>(url, id, before).await?,
    }
    Ok(())
}
