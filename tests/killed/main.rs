//! The server is killed, or our own process is, and nothing is lost.

#[path = "mod.rs"]
mod killed;

use killed::load::Pairs;
use killed::server::Size;
use killed::{client, server};
use sqlx::{MySql, Postgres};
use sqlx_transactional_tests::campaign::Campaign;
use sqlx_transactional_tests::{TestDb, for_each_engine};
use std::io::Write;
use std::path::Path;

/// How often the server is killed in a test; a campaign does it more often.
const KILLS: usize = 3;

async fn kills<DB: Pairs>() {
    let mut campaign = Campaign::default();
    let kills =
        std::env::var("KILLS").map_or(KILLS, |kills| kills.parse().expect("KILLS is a number"));
    let size = Size { kills, between: 20 };
    let seed = fastrand::u64(..);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let began = std::time::Instant::now();
    let done = server::kills::<DB>(&mut campaign, directory, size, seed).await;
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

for_each_engine! {
    #[test]
    async fn our_own_death_loses_nothing(db: &TestDb<DB>) {
        let mut campaign = Campaign::default();
        let committer = Path::new(env!("CARGO_BIN_EXE_committer"));
        client::kills(&mut campaign, committer, db).await;
        assert_eq!(campaign.tried(), 2);
        assert!(campaign.violations().is_empty());
    }
}
