//! Random trees of transactions inside transactions, against a model.

#[path = "mod.rs"]
mod nesting;

use nesting::sweep::sweep;
use sqlx_transactional_tests::campaign::Campaign;
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine};
use std::io::Write;
use std::time::Duration;

/// How many trees a test grows; a campaign grows more.
fn trees(engine: Engine) -> usize {
    let own = if engine == Engine::Sqlite { 1_000 } else { 300 };
    std::env::var("TREES").map_or(own, |number| number.parse().expect("TREES is a number"))
}

for_each_engine! {
    #[test(Setup::default().limit(Duration::from_mins(5)))]
    async fn trees_do_what_the_model_says(db: &TestDb<DB>) {
        let mut campaign = Campaign::default();
        let seed = fastrand::u64(..);
        let began = std::time::Instant::now();
        let ends = sweep(&mut campaign, db, trees(db.engine()), seed, |_| true).await;
        let _ = writeln!(
            std::io::stderr(),
            "nesting on {}: {ends:?} in {:?} (seed {seed})",
            db.engine(),
            began.elapsed()
        );
        assert!(campaign.violations().is_empty());
        // Trees that all end alike would ask nothing.
        assert!(ends.is_varied(), "seed {seed}: {ends:?}");
    }
}
