//! Round trips, counted by a proxy before the server.

use serde::Serialize;
use sqlx::Postgres;
use sqlx_transactional_tests::Wire;

use crate::{
    case::Subject,
    engine::{Engine, Handlers, settle},
};

/// What one transaction says on the wire once its statements are prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RoundTrips {
    /// How often somebody waited for the server: the transaction itself or,
    /// where sqlx tests a connection on its way back, the pool.
    pub total: usize,
    /// How many of these carried nothing but a ping.
    pub pings: usize,
}

/// How many transactions are counted.
const TIMES: usize = 20;

/// Counts the round trips of each subject against the server at `url`, by TCP.
///
/// # Errors
///
/// The database's, and when transactions of one subject differ.
pub async fn count(url: &str) -> anyhow::Result<Vec<(Subject, RoundTrips)>> {
    let wire = Wire::postgres(url).await;
    let pools = Postgres::open(wire.url()).await?;
    let mut counted = Vec::new();
    for subject in Subject::ALL {
        let pool = pools.of(subject);
        Postgres::repeat(subject.case, pool, 1).await?;
        settle(pool).await;
        let _ = wire.take_counts();
        for _ in 0..TIMES {
            Postgres::repeat(subject.case, pool, 1).await?;
            settle(pool).await;
        }
        let counts = wire.take_counts();
        anyhow::ensure!(
            counts.round_trips.is_multiple_of(TIMES) && counts.pings.is_multiple_of(TIMES),
            "{TIMES} transactions, {subject}, are not alike: {counts:?}"
        );
        let round_trips = RoundTrips {
            total: counts.round_trips / TIMES,
            pings: counts.pings / TIMES,
        };
        counted.push((subject, round_trips));
    }
    pools.close().await?;
    Ok(counted)
}

/// What was counted for `subject`.
#[must_use]
pub fn of(counted: &[(Subject, RoundTrips)], subject: Subject) -> Option<RoundTrips> {
    let mut found = counted.iter().filter(|(counted, _)| *counted == subject);
    found.next().map(|(_, round_trips)| *round_trips)
}
