//! What a test has left behind: on the server, and in the pool.

use crate::backend::Backend;
use crate::database::{PROMPTLY, TestDb};
use sqlx::{Connection, Database, Error, Pool};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How often [`problems`] looks at least: at its pause about [`PROMPTLY`].
const LOOKS: usize = 150;

/// Waits until every connection of the pool is back in it. A connection that
/// is on its way back is still being pinged, which the proxy would count at
/// some later moment.
///
/// # Panics
///
/// When one is not back within two seconds.
pub async fn settle<DB: Database>(pool: &Pool<DB>) {
    let settled = timeout(PROMPTLY, async {
        while pool.num_idle() != pool.size() as usize {
            sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(
        settled.await.is_ok(),
        "of {} connections {} are back in the pool",
        pool.size(),
        pool.num_idle()
    );
}

/// Asserts that [`problems`] finds none, and waits until the pool is at rest.
///
/// # Panics
///
/// When something is wrong, with a line for each.
pub async fn assert_whole<DB: Backend>(db: &TestDb<DB>, pool: &Pool<DB>) {
    let found = problems(db, pool).await;
    assert!(found.is_empty(), "left behind:\n  {}", found.join("\n  "));
    settle(pool).await;
}

/// Everything that is wrong after a test, a sentence each; empty is well.
///
/// First waits until [`left_behind`] finds nothing, because a connection may be
/// on its way back, then asks for [`weaknesses`]. It waits for two seconds, and
/// on a machine that is slow at everything longer.
pub async fn problems<DB: Backend>(db: &TestDb<DB>, pool: &Pool<DB>) -> Vec<String> {
    let deadline = Instant::now() + PROMPTLY;
    let mut found = left_behind(db).await;
    let mut looks = 1;
    while !found.is_empty() && (Instant::now() < deadline || looks < LOOKS) {
        sleep(Duration::from_millis(10)).await;
        found = left_behind(db).await;
        looks += 1;
    }
    found.extend(weaknesses(db, pool).await);
    found
}

/// What sessions of this database hold on to at this moment, in the server's
/// own view, those of the observer left out: open transactions, locks, prepared
/// transactions; on `SQLite` whatever keeps a second connection from writing.
///
/// `MySQL` and `MariaDB` show a transaction only after its first statement;
/// [`weaknesses`] sees it before that.
pub async fn left_behind<DB: Backend>(db: &TestDb<DB>) -> Vec<String> {
    let asked = async { DB::left_behind(&mut *db.observer.acquire().await?).await };
    in_time("the observer", asked)
        .await
        .unwrap_or_else(|problem| vec![problem])
}

/// How many sessions the server has for this database, those of the observer
/// left out; always 0 on `SQLite`.
///
/// # Panics
///
/// When the observer cannot ask.
pub async fn sessions<DB: Backend>(db: &TestDb<DB>) -> usize {
    let asked = async { DB::sessions(&mut *db.observer.acquire().await?).await };
    in_time("the observer", asked)
        .await
        .unwrap_or_else(|problem| panic!("{problem}"))
}

/// Why the pool is not as strong as it should be: it cannot hand out all its
/// connections at once within two seconds, one of them is inside a transaction
/// in the server's view or in sqlx's, or its next autocommit write is not
/// stored as the observer sees it.
///
/// Writes to `probes`, and so to the log of the wire: take the log before.
pub async fn weaknesses<DB: Backend>(db: &TestDb<DB>, pool: &Pool<DB>) -> Vec<String> {
    let mut found = Vec::new();
    let wanted = pool.options().get_max_connections();
    let mut held = Vec::new();
    let deadline = Instant::now() + PROMPTLY;
    for number in 1..=wanted {
        match tokio::time::timeout_at(deadline, pool.acquire()).await {
            Ok(Ok(connection)) => held.push(connection),
            Ok(Err(error)) => found.push(format!("connection {number} of {wanted}: {error}")),
            Err(_) => found.push(format!(
                "connection {number} of {wanted}: none within {PROMPTLY:?}"
            )),
        }
    }
    for (index, connection) in held.iter_mut().enumerate() {
        let name = format!("connection {} of {wanted}", index + 1);
        if connection.is_in_transaction() {
            found.push(format!(
                "{name}: sqlx believes it to be inside a transaction"
            ));
        }
        match in_time(&name, in_transaction(db, connection)).await {
            Ok(false) => {}
            Ok(true) => found.push(format!("{name}: it is inside a transaction")),
            Err(problem) => found.push(problem),
        }
        match in_time(&name, stores(db, connection)).await {
            Ok(true) => {}
            Ok(false) => found.push(format!(
                "{name}: its write was answered Ok and is not stored"
            )),
            Err(problem) => found.push(problem),
        }
    }
    found
}

async fn in_transaction<DB: Backend>(
    db: &TestDb<DB>,
    connection: &mut DB::Connection,
) -> Result<bool, Error> {
    let mut observer = db.observer.acquire().await?;
    DB::in_transaction(connection, &mut observer).await
}

/// Whether a write on this connection is stored at once.
async fn stores<DB: Backend>(
    db: &TestDb<DB>,
    connection: &mut DB::Connection,
) -> Result<bool, Error> {
    // Never the same number twice, so that a probe that is still locked by a
    // poisoned connection stands in nobody's way.
    static NEXT: AtomicI64 = AtomicI64::new(1);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    DB::execute(
        connection,
        &format!("insert into probes (id) values ({id})"),
    )
    .await?;
    let mut observer = db.observer.acquire().await?;
    let sql = format!("select id from probes where id = {id}");
    Ok(DB::numbers(&mut observer, &sql).await? == [id])
}

/// The answer, or a sentence about why there is none.
async fn in_time<T>(who: &str, work: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    match timeout(PROMPTLY, work).await {
        Ok(answer) => answer.map_err(|error| format!("{who}: {error}")),
        Err(_) => Err(format!("{who}: no answer within {PROMPTLY:?}")),
    }
}
