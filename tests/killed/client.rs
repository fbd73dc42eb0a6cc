//! Our own process is killed, inside a transaction and after its COMMIT.

use sqlx::Connection;
use sqlx_transactional::pool::Recommended;
use sqlx_transactional_tests::campaign::{Campaign, Goal, Try};
use sqlx_transactional_tests::server::name;
use sqlx_transactional_tests::{Backend, TestDb};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How long the process may take to get to its place.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a server may take to notice that its client is gone.
const NOTICED: Duration = Duration::from_secs(5);

/// The process; dropping it kills it and waits for it.
struct Committer(Child);

impl Drop for Committer {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// Kills a process between its COMMIT and its hook, and one before its COMMIT.
pub(crate) async fn kills<DB: Backend + Recommended>(
    campaign: &mut Campaign,
    committer: &Path,
    db: &TestDb<DB>,
) {
    for (goal, place, id) in [(Goal::R1, "after", 1), (Goal::R2, "before", 2)] {
        let began = Instant::now();
        let outcome = match killed(committer, db, id, place).await {
            Err(problem) => Err(problem),
            Ok(()) if goal == Goal::R1 => is_kept(db, id).await,
            Ok(()) => is_gone(db, id).await,
        };
        campaign.note(Try {
            goal,
            engine: name(DB::ENGINE),
            case: format!("client-killed/{place}-commit/sigkill/1"),
            seed: 0,
            took: began.elapsed(),
            outcome,
        });
    }
}

/// Starts the process, waits until it is at its place, and kills it there.
async fn killed<DB: Backend>(
    committer: &Path,
    db: &TestDb<DB>,
    id: i64,
    place: &str,
) -> Result<(), String> {
    let mut command = Command::new(committer);
    command
        .args([db.direct_url(), &id.to_string(), place])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let child = command.spawn();
    let mut child = child.map_err(|error| format!("it does not start: {error}"))?;
    let stdout = child.stdout.take().ok_or("it has no output")?;
    let committer = Committer(child);
    let line = tokio::task::spawn_blocking(move || BufReader::new(stdout).lines().next());
    let line = timeout(PATIENCE, line).await;
    // Whatever it said; the line's reader ends with it.
    drop(committer);
    match line {
        Ok(Ok(Some(Ok(line)))) if line == "here" => Ok(()),
        said => Err(format!("it did not come to its place: {said:?}")),
    }
}

async fn is_kept<DB: Backend>(db: &TestDb<DB>, id: i64) -> Result<(), String> {
    if db.rows().await.contains(&id) {
        Ok(())
    } else {
        Err("it was committed, and is not there".to_owned())
    }
}

/// The note is not there, and nothing of the process keeps it from being stored.
async fn is_gone<DB: Backend>(db: &TestDb<DB>, id: i64) -> Result<(), String> {
    if db.rows().await.contains(&id) {
        return Err("it was not committed, and is there".to_owned());
    }
    let store = async {
        let mut connection = DB::Connection::connect(db.direct_url()).await?;
        let sql = format!("insert into notes (id, body) values ({id}, 'again')");
        DB::execute(&mut connection, &sql).await?;
        connection.close().await
    };
    match timeout(NOTICED, store).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(format!("it is in the way: {error}")),
        Err(_) => return Err("its locks are still held".to_owned()),
    }
    let until = Instant::now() + NOTICED;
    loop {
        let left = sqlx_transactional_tests::inspect::left_behind(db).await;
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(left.join("; "));
        }
        sleep(Duration::from_millis(10)).await;
    }
}
