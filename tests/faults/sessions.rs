//! The server's side of a connection.

use crate::ledger::PATIENCE;
use sqlx::Error;
use sqlx_transactional_tests::{Backend, Engine, TestDb, inspect};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Ends every session of the database but the observer's, as an administrator
/// would, and waits until they are gone.
pub(crate) async fn end_all<DB: Backend>(db: &TestDb<DB>) {
    end(db).await.expect("the observer may end sessions");
    wait_until(async || inspect::sessions(db).await == 0).await;
}

/// Waits until no session is inside a transaction.
pub(crate) async fn wait_until_idle<DB: Backend>(db: &TestDb<DB>) {
    wait_until(async || inspect::left_behind(db).await.is_empty()).await;
}

async fn wait_until(condition: impl AsyncFn() -> bool) {
    let waited = timeout(PATIENCE, async {
        while !condition().await {
            sleep(Duration::from_millis(2)).await;
        }
    });
    waited.await.expect("the server ends the sessions");
}

async fn end<DB: Backend>(db: &TestDb<DB>) -> Result<(), Error> {
    let mut observer = db.observer.acquire().await?;
    match DB::ENGINE {
        Engine::Sqlite => Ok(()),
        Engine::Postgres => {
            let others = "select pg_terminate_backend(pid) from pg_stat_activity \
                          where datname = current_database() and application_name <> 'observer'";
            DB::execute(&mut observer, others).await
        }
        Engine::MySql => {
            let others = "select cast(id as signed) from information_schema.processlist \
                          where db = database() and id <> connection_id()";
            for id in DB::numbers(&mut observer, others).await? {
                DB::execute(&mut observer, &format!("kill {id}")).await?;
            }
            Ok(())
        }
    }
}
