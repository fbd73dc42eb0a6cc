//! Dropping an operation at each of its awaits.

use thread_handlers::AppError;

use crate::{
    answer::Gets,
    disturb::drop_after,
    engine::Engine,
    report::{Disturbance, Trial},
    subject::Subject,
    trials::Trials,
};

/// How often an operation is dropped at each of its awaits, at most.
const SWEEPS: usize = 20;

impl<DB: Engine> Trials<'_, DB> {
    /// Drops the operation at each of its awaits.
    ///
    /// An await whose answer is there at once is none to be dropped at. On a
    /// busy machine that happens, and the sweep is repeated until in one of
    /// them BEGIN, each statement and COMMIT were waited for, and COMMIT was
    /// dropped.
    pub(crate) async fn dropped(
        &mut self,
        subject: Subject,
        kind: Disturbance,
        statements: usize,
    ) -> anyhow::Result<Vec<Trial>> {
        let mut trials: Vec<Trial> = Vec::new();
        for _ in 0..SWEEPS {
            let sweep = self.sweep(subject, kind).await?;
            let commit = sweep.iter().any(|trial| trial.data == "whole");
            let waited = commit && sweep.len() > statements + 2;
            let failed = sweep.iter().any(|trial| !trial.held);
            trials.extend(sweep);
            if waited || failed {
                break;
            }
        }
        let mut left = trials.clone();
        while let Some(first) = left.first().cloned() {
            let (alike, others) = left.into_iter().partition(|trial| trial.is_like(&first));
            let alike: Vec<Trial> = alike;
            self.screen.alike(&alike);
            left = others;
        }
        Ok(trials)
    }

    /// Drops it after no poll, after one, and so on until it was done before
    /// there was anything left to drop.
    async fn sweep(&mut self, subject: Subject, kind: Disturbance) -> anyhow::Result<Vec<Trial>> {
        let late = kind == Disturbance::DroppedLate;
        let mut trials: Vec<Trial> = Vec::new();
        loop {
            let polls = trials.len();
            let mut completed = false;
            let trial = self
                .trial(subject, kind, Some(polls), async |these, target| {
                    if let Err(error) = these.slow(true).await {
                        return Gets::wrong(&error);
                    }
                    let pool = &these.place.pool;
                    let run = subject.run::<DB, _>(pool, &these.caller, target);
                    let answer = drop_after(polls, late, Box::pin(run)).await;
                    completed = answer.is_some();
                    match answer {
                        None => Gets::right("nothing, it is gone"),
                        Some(Ok(())) => Gets::right("its result"),
                        Some(Err(error)) => Gets::wrong(&error),
                    }
                })
                .await?;
            if completed && trial.held {
                return Ok(trials);
            }
            trials.push(trial);
            if completed {
                return Ok(trials);
            }
        }
    }

    /// Slows the pool's connection down, or stops that.
    pub(crate) async fn slow(&self, slow: bool) -> Result<(), AppError> {
        let mut connection = self.place.pool.acquire().await?;
        Ok(DB::slow(&mut connection, slow).await?)
    }
}
