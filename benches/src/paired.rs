//! Times of two forms that take turns.
//!
//! On a machine with other work a time says little, and so does the ratio of
//! two times taken one after the other. Two short batches that follow each
//! other meet about the same machine; the median of many such ratios moves
//! little, and how far it may be off can be said.

use std::time::{Duration, Instant};

use serde::Serialize;
use sqlx::Error;

use crate::{
    case::{Comparison, Subject},
    engine::{Engine, Pools, settle},
};

/// How long each form runs before it is measured.
const WARM_UP: Duration = Duration::from_millis(300);

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many pairs of batches, at least one.
    pub pairs: usize,
    /// How long a batch should take.
    pub batch: Duration,
}

/// What a comparison showed.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Paired {
    /// How many pairs of batches there were.
    pub pairs: usize,
    /// How many transactions each batch had.
    pub batch: u64,
    /// The ratio of the subject's time to the base's, over the pairs.
    pub ratio: Spread,
    /// The subject's median time for a transaction, in microseconds.
    pub subject_us: f64,
    /// The base's.
    pub base_us: f64,
}

/// The middle of a sample, and how sure it is.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The median of all such samples is between these two, with 95 %.
    pub sure: (f64, f64),
    /// Half of the sample is between these two.
    pub half: (f64, f64),
}

impl Spread {
    /// Of a sample that is not empty.
    fn of(mut sample: Vec<f64>) -> Self {
        sample.sort_by(f64::total_cmp);
        let last = sample.len() - 1;
        // The ranks of the median's confidence interval: n/2 ± 0.98 √n.
        let reach = (9_604 * sample.len()).isqrt().div_ceil(100);
        Self {
            median: sample[last / 2],
            sure: (
                sample[(last / 2).saturating_sub(reach)],
                sample[(last / 2 + reach).min(last)],
            ),
            half: (sample[last / 4], sample[last - last / 4]),
        }
    }
}

/// Lets the two subjects of `comparison` take turns.
///
/// # Errors
///
/// The database's.
pub async fn measure<DB: Engine>(
    pools: &Pools<DB>,
    comparison: Comparison,
    plan: Plan,
) -> Result<Paired, Error> {
    let Comparison { subject, base, .. } = comparison;
    pools.clear().await?;
    warm_up(pools, subject).await?;
    let one = warm_up(pools, base).await?;
    let batch = (plan.batch.as_nanos() / one.as_nanos().max(1)).clamp(1, 1_000_000);
    let batch = u64::try_from(batch).unwrap_or(1);

    let (mut ratios, mut times) = (Vec::new(), (Vec::new(), Vec::new()));
    for pair in 0..plan.pairs {
        // Whatever favours the second of two favours each as often.
        let (subject, base) = if pair % 2 == 0 {
            let subject = time(pools, subject, batch).await?;
            (subject, time(pools, base, batch).await?)
        } else {
            let base = time(pools, base, batch).await?;
            (time(pools, subject, batch).await?, base)
        };
        ratios.push(subject / base);
        times.0.push(subject);
        times.1.push(base);
    }
    Ok(Paired {
        pairs: plan.pairs,
        batch,
        ratio: Spread::of(ratios),
        subject_us: Spread::of(times.0).median,
        base_us: Spread::of(times.1).median,
    })
}

/// Prepares statements and fills caches; about how long one transaction took.
async fn warm_up<DB: Engine>(pools: &Pools<DB>, subject: Subject) -> Result<Duration, Error> {
    let started = Instant::now();
    let mut transactions = 0;
    while started.elapsed() < WARM_UP {
        DB::repeat(subject.case, pools.of(subject), 20).await?;
        transactions += 20;
    }
    Ok(started.elapsed() / transactions)
}

/// The time of one transaction in a batch, in microseconds.
async fn time<DB: Engine>(pools: &Pools<DB>, subject: Subject, batch: u64) -> Result<f64, Error> {
    let pool = pools.of(subject);
    settle(pool).await;
    let started = Instant::now();
    DB::repeat(subject.case, pool, batch).await?;
    let taken = started.elapsed();
    settle(pool).await;
    Ok(taken.div_duration_f64(Duration::from_micros(batch)))
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_middle_of_a_sample_is_found() {
        let sample = (0..=100).rev().map(f64::from).collect();
        let spread = Spread::of(sample);
        assert!((spread.median - 50.0).abs() < f64::EPSILON);
        assert_eq!(spread.half, (25.0, 75.0));
        assert_eq!(spread.sure, (40.0, 60.0));
    }

    #[test]
    fn one_value_is_its_own_spread() {
        let spread = Spread::of(vec![2.0]);
        assert_eq!((spread.sure, spread.half), ((2.0, 2.0), (2.0, 2.0)));
    }
}
