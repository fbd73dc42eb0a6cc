//! Isolation, asked of real servers: what the engine's level forbids does not
//! happen to transactions of this crate, and what it allows is seen to happen.

#[path = "mod.rs"]
mod isolation;

use isolation::{by_hand, load};
use sqlx_transactional_tests::campaign::Campaign;
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine};
use std::io::Write;
use std::time::Duration;

/// How many transactions a test runs on each level; a campaign runs more.
const TRANSACTIONS: usize = 1_200;

fn transactions() -> usize {
    std::env::var("TRANSACTIONS").map_or(TRANSACTIONS, |number| {
        number.parse().expect("TRANSACTIONS is a number")
    })
}

for_each_engine! {
    #[test(Setup::default().limit(Duration::from_mins(10)))]
    async fn what_is_forbidden_does_not_happen(db: &TestDb<DB>) {
        let mut campaign = Campaign::default();
        let seed = fastrand::u64(..);
        let began = std::time::Instant::now();
        let ends = load::sweep(&mut campaign, db, transactions(), seed, |_| true).await;
        let _ = writeln!(
            std::io::stderr(),
            "isolation on {}: {ends} in {:?} (seed {seed})",
            db.engine(),
            began.elapsed()
        );
        assert!(ends.committed > 0, "seed {seed}: nothing was committed");
        assert!(campaign.violations().is_empty());
    }

    /// A level that is asked for and not given would be noticed: what only a
    /// stronger one forbids does happen to the same load.
    #[test(Setup::default().limit(Duration::from_mins(5)))]
    async fn a_weaker_level_is_told_from_a_stronger(db: &TestDb<DB>) {
        let mut campaign = Campaign::default();
        let seed = fastrand::u64(..);
        let weaker = |case: &str| case.contains("/read-committed/");
        let ends = load::sweep(&mut campaign, db, transactions() / 2, seed, weaker).await;
        // SQLite has no weaker one.
        let has_one = db.engine() != Engine::Sqlite;
        assert_eq!(ends.allowed > 0, has_one, "seed {seed}: {ends}");
        assert!(campaign.violations().is_empty());
    }

    #[test]
    async fn what_is_allowed_is_seen(db: &TestDb<DB>) {
        let mut campaign = Campaign::default();
        by_hand::sweep(&mut campaign, db, |_| true).await;
        assert!(campaign.tried() > 0);
        assert!(campaign.violations().is_empty());
    }
}
