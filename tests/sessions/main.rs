//! No session is ended but a call's own, and a server never has more of a pool's
//! sessions than it was told.

#[path = "mod.rs"]
mod sessions;

use sessions::{bound, standby, strangers};
use sqlx_transactional_tests::campaign::Campaign;
use sqlx_transactional_tests::{Setup, TestDb, for_engines};
use std::path::Path;
use std::time::Duration;

/// How often each way is tried in a test; a campaign tries more.
const TRIES: usize = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn session_of_another_server_is_not_ended() {
    let mut campaign = Campaign::default();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let tried = strangers::sweep(&mut campaign, directory, TRIES, 0).await;
    let tried = tried.unwrap_or_else(|problem| panic!("{problem}"));
    assert!(tried.is_none_or(|tried| tried == 3 * TRIES));
    let violations = campaign.violations();
    assert!(violations.is_empty(), "{} violations", violations.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn session_that_waits_for_a_standby_is_not_ended() {
    let mut campaign = Campaign::default();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let tried = standby::waits(&mut campaign, directory, 0).await;
    tried.unwrap_or_else(|problem| panic!("{problem}"));
    let violations = campaign.violations();
    assert!(violations.is_empty(), "{} violations", violations.len());
}

for_engines! {
    [postgres, mysql]

    #[test(Setup::default().limit(Duration::from_mins(2)))]
    async fn pool_has_at_most_twice_its_connections_on_the_server(db: &TestDb<DB>) {
        let mut campaign = Campaign::default();
        bound::dropped(&mut campaign, db, 0).await;
        assert_eq!(campaign.tried(), 1);
        let violations = campaign.violations();
        assert!(violations.is_empty(), "{} violations", violations.len());
        db.assert_whole().await;
    }
}
