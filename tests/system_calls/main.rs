//! `SQLite`'s system calls fail one by one, and no commit is lost.

use sqlx_transactional_tests::campaign::Campaign;
use sqlx_transactional_tests::strace;
use std::io::Write;
use std::path::Path;

/// The worker that the calls are those of.
const WORKER: &str = env!("CARGO_BIN_EXE_sqlite_worker");

/// Every so many calls one fails; the whole sweep is a campaign's.
const EVERY: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_failing_call_loses_nothing() {
    let mut campaign = Campaign::default();
    let every = std::env::var("SYSTEM_CALLS_EVERY").map_or(EVERY, |every| {
        every.parse().expect("SYSTEM_CALLS_EVERY is a number")
    });
    let began = std::time::Instant::now();
    let runs = strace::sweep(&mut campaign, Path::new(WORKER), every, |_| true).await;
    let Some(runs) = runs else {
        return;
    };
    let _ = writeln!(
        std::io::stderr(),
        "system calls: {runs} faults in {:?}, {} checks",
        began.elapsed(),
        campaign.tried()
    );
    assert!(runs > 20, "only {runs} faults");
    let violations = campaign.violations();
    assert!(violations.is_empty(), "{} violations", violations.len());
}
