//! Every writing operation, disturbed in every way at every place.

use std::{sync::Arc, time::Duration};

use sqlx_transactional::transaction;
use thread_handlers::{
    AppError, Caller,
    events::{Collected, Event},
    faults::{Fault, Faults, Panicked},
};

use crate::{
    answer::{Gets, caught},
    disturb::Uncommittable,
    engine::Engine,
    observe::Dump,
    report::{Disturbance, Tally, Trial},
    screen::Screen,
    setup::Place,
    subject::{Subject, Target},
};

/// How long anything may take that is left to the background.
const PATIENCE: Duration = Duration::from_secs(5);

/// Disturbs operations and looks at what is left.
pub(crate) struct Trials<'p, DB: Engine> {
    pub(crate) place: &'p Place<DB>,
    events: Arc<Collected>,
    pub(crate) caller: Caller,
    pub(crate) screen: &'p mut Screen,
    /// How many writes the pool has been asked to prove itself with.
    probes: i64,
}

impl<'p, DB: Engine> Trials<'p, DB> {
    pub(crate) fn new(
        place: &'p Place<DB>,
        events: &Arc<Collected>,
        screen: &'p mut Screen,
    ) -> Self {
        Self {
            place,
            events: events.clone(),
            caller: Caller::new("noam", events.clone()),
            screen,
            probes: 0,
        }
    }

    /// Everything, with everything.
    pub(crate) async fn all(&mut self) -> anyhow::Result<Tally> {
        self.screen.chapter(
            "Disturbances",
            "After each, a second connection compares every row of both tables with\n\
             what was there before, the events that left are counted, and the pool of\n\
             one connection makes a durable write. Where COMMIT had been sent before a\n\
             drop, it is finished: the data are `whole` then, and the event is `sent`.",
        );
        let mut tally = Tally::default();
        for subject in Subject::ALL {
            tally.add(self.subject(subject).await?);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.nothing_late()?;
        Ok(tally)
    }

    async fn subject(&mut self, subject: Subject) -> anyhow::Result<Vec<Trial>> {
        let statements = self.statements(subject).await?;
        self.screen.trials(subject.name(), statements);
        let mut trials = Vec::new();
        for kind in Disturbance::ALL {
            let places = match kind {
                Disturbance::Refused | Disturbance::Panic | Disturbance::Swallowed => {
                    (1..=statements).map(Some).collect()
                }
                Disturbance::Dropped | Disturbance::DroppedLate => {
                    trials.extend(self.dropped(subject, kind, statements).await?);
                    continue;
                }
                _ => vec![None],
            };
            for at in places {
                let trial = self
                    .trial(subject, kind, at, async |these, target| {
                        these
                            .disturb(subject, kind, at.unwrap_or_default(), target)
                            .await
                    })
                    .await?;
                self.screen.alike(std::slice::from_ref(&trial));
                trials.push(trial);
            }
        }
        Ok(trials)
    }

    /// Counts the statements of an undisturbed run.
    async fn statements(&self, subject: Subject) -> anyhow::Result<usize> {
        let pool = &self.place.pool;
        let target = subject.target::<DB, _>(pool, &self.caller).await?;
        let faults = Faults::none();
        faults
            .run(subject.run::<DB, _>(pool, &self.caller, &target))
            .await?;
        self.events.take();
        Ok(faults.seen())
    }

    /// Disturbs one run and looks at what is left.
    pub(crate) async fn trial(
        &mut self,
        subject: Subject,
        kind: Disturbance,
        at: Option<usize>,
        disturb: impl AsyncFnOnce(&Self, &Target) -> Gets,
    ) -> anyhow::Result<Trial> {
        self.nothing_late()?;
        let target = subject
            .target::<DB, _>(&self.place.pool, &self.caller)
            .await?;
        self.events.take();
        let before = Dump::take(&self.place.observer).await?;
        let gets = disturb(self, &target).await;
        // A pool that cannot give its connection is what the next line finds.
        let _ = self.slow(false).await;
        let (pool, why) = self.pool().await;
        let after = Dump::take(&self.place.observer).await?;
        let changes = before.changes(&after);
        let data = if changes.is_empty() {
            "same"
        } else if subject.is_whole(&target, &changes) {
            "whole"
        } else {
            "TORN"
        };
        let events = self.heard(subject, data == "whole").await;
        let drops = matches!(kind, Disturbance::Dropped | Disturbance::DroppedLate);
        let committed = drops && (data, events) == ("whole", "sent");
        let untouched = (data, events) == ("same", "none");
        Ok(Trial {
            operation: subject.name(),
            kind,
            at,
            held: gets.right && pool == "clean" && (untouched || committed),
            gets: gets.text,
            data,
            events,
            pool,
            why,
        })
    }

    /// Every event has been counted by the trial that it belongs to.
    fn nothing_late(&self) -> anyhow::Result<()> {
        let late = self.events.take();
        if let Some(event) = late.first() {
            anyhow::bail!("a {} left when nobody expected it any more", event.name());
        }
        Ok(())
    }

    /// Runs the operation under a disturbance other than a drop.
    async fn disturb(
        &self,
        subject: Subject,
        kind: Disturbance,
        at: usize,
        target: &Target,
    ) -> Gets {
        let (pool, user) = (&self.place.pool, &self.caller);
        let refused = Faults::at(at, Fault::Refused);
        let answer = match kind {
            Disturbance::Refused => caught(refused.run(subject.run(pool, user, target))).await,
            Disturbance::Panic => {
                let panics = Faults::at(at, Fault::Panic);
                caught(panics.run(subject.run(pool, user, target))).await
            }
            Disturbance::Swallowed => {
                let caller = transaction(pool, async |tx| {
                    let _ = refused.run(subject.run(&mut *tx, user, target)).await;
                    Ok(())
                });
                caught(caller).await
            }
            Disturbance::CommitRefused => {
                caught(subject.run(&Uncommittable(pool), user, target)).await
            }
            Disturbance::CallerFails => {
                let caller = transaction(pool, async |tx| {
                    subject.run(&mut *tx, user, target).await?;
                    Err(AppError::NothingToName)
                });
                caught(caller).await
            }
            Disturbance::CallerPanics => {
                let caller = transaction(pool, async |tx| {
                    subject.run(&mut *tx, user, target).await?;
                    std::panic::resume_unwind(Box::new(Panicked))
                });
                caught(caller).await
            }
            Disturbance::Dropped | Disturbance::DroppedLate => {
                unreachable!("a drop has its own sweep")
            }
        };
        Gets::of::<DB>(kind, &answer)
    }

    /// Whether the pool has its one connection, clean, and can still write.
    async fn pool(&mut self) -> (&'static str, Option<String>) {
        let Place { pool, observer, .. } = self.place;
        self.probes += 1;
        let probe = async {
            let mut connection = pool.acquire().await?;
            DB::run(&mut connection, "update demo_probe set writes = writes + 1").await?;
            drop(connection);
            let mut connection = observer.acquire().await?;
            let writes = DB::number(&mut connection, "select writes from demo_probe").await?;
            let free = DB::nothing_is_open(&mut connection).await?;
            Ok::<_, sqlx::Error>((writes, free))
        };
        let probed = match tokio::time::timeout(PATIENCE, probe).await {
            Err(_) => return ("EMPTY", None),
            Ok(Err(error)) => return ("FAILS", Some(error.to_string())),
            Ok(Ok(probed)) => probed,
        };
        let state = match probed {
            (writes, _) if writes != self.probes => "LOST",
            (_, false) => "OPEN",
            _ if pool.size() > 1 => "MANY",
            _ => "clean",
        };
        self.probes = probed.0;
        (state, None)
    }

    /// The events that left. The hook of a commit whose caller is gone runs in
    /// the background, so it is waited for.
    async fn heard(&self, subject: Subject, expected: bool) -> &'static str {
        let mut heard = self.events.take();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while expected && heard.is_empty() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(1)).await;
            heard = self.events.take();
        }
        match heard.iter().map(Event::name).collect::<Vec<_>>().as_slice() {
            [] => "none",
            [name] if *name == subject.event() => "sent",
            _ => "WRONG",
        }
    }
}
