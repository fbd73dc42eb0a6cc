//! Running operations where somebody watches.

use std::sync::Arc;

use thread_handlers::{
    AppError, Caller,
    events::{Collected, Event},
};

use crate::{
    engine::Engine, observe::Dump, report::Act, screen::Screen, setup::Place, timeline::Recorder,
};

/// Shows operations one after another.
pub(crate) struct Tour<'p, DB: Engine> {
    pub(crate) place: &'p Place<DB>,
    recorder: Recorder,
    events: Arc<Collected>,
    pub(crate) screen: &'p mut Screen,
    acts: usize,
}

impl<'p, DB: Engine> Tour<'p, DB> {
    pub(crate) fn new(
        place: &'p Place<DB>,
        recorder: &Recorder,
        events: &Arc<Collected>,
        screen: &'p mut Screen,
    ) -> Self {
        Self {
            place,
            recorder: recorder.clone(),
            events: events.clone(),
            screen,
            acts: 0,
        }
    }

    /// Runs one operation that must fail, with this code.
    pub(crate) async fn refused<T>(
        &mut self,
        operation: &'static str,
        about: &str,
        code: &str,
        run: impl Future<Output = Result<T, AppError>>,
    ) -> anyhow::Result<()> {
        match self.act(operation, about, run, |_| String::new()).await? {
            Err(error) if error.code() == code => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => anyhow::bail!("{operation} was not refused"),
        }
    }

    /// Runs one operation and shows what it did.
    pub(crate) async fn act<T>(
        &mut self,
        operation: &'static str,
        about: &str,
        run: impl Future<Output = Result<T, AppError>>,
        words: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<Result<T, AppError>> {
        let before = Dump::take(&self.place.observer).await?;
        let (result, steps) = self.recorder.record(run).await;
        let after = Dump::take(&self.place.observer).await?;
        let (answer, error) = match &result {
            Ok(value) => (words(value), None),
            Err(error) => (error.to_string(), Some(error.code())),
        };
        self.acts += 1;
        self.screen.act(
            self.acts,
            &Act {
                operation,
                about: about.to_owned(),
                steps,
                answer,
                error,
                events: self.events.take().iter().map(Event::name).collect(),
                changes: before.changes(&after),
            },
        );
        Ok(result)
    }

    /// A user whose events are collected.
    pub(crate) fn caller(&self, user: &str) -> Caller {
        Caller::new(user, self.events.clone())
    }
}
