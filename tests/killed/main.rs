//! The server is killed, or our own process is.

mod client;
mod load;
mod server;
mod verdict;

use sqlx::{MySql, Postgres};
use sqlx_transactional_tests::campaign::Campaign;
use std::io::Write;
use std::path::Path;

/// How often the server is killed in a test; a campaign does it more often.
const KILLS: usize = 3;

async fn kills<DB: load::Pairs>() {
    let mut campaign = Campaign::default();
    let kills =
        std::env::var("KILLS").map_or(KILLS, |kills| kills.parse().expect("KILLS is a number"));
    let seed = fastrand::u64(..);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let began = std::time::Instant::now();
    let done = server::kills::<DB>(&mut campaign, directory, kills, seed).await;
    let done = done.unwrap_or_else(|problem| panic!("seed {seed}: {problem}"));
    let Some(counts) = done else {
        return;
    };
    let _ = writeln!(
        std::io::stderr(),
        "killed: {} {kills} times in {:?}: {counts} (seed {seed})",
        DB::ENGINE,
        began.elapsed(),
    );
    assert!(
        counts.acknowledged > 0 && counts.failed > 0,
        "seed {seed}: {counts}"
    );
    let violations = campaign.violations();
    assert!(violations.is_empty(), "{} violations", violations.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_keeps_what_it_acknowledged() {
    kills::<Postgres>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_keeps_what_it_acknowledged() {
    kills::<MySql>().await;
}
