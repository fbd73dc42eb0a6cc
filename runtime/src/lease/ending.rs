//! How a lease ends its transaction.

use sqlx::Database;
use sqlx_core::transaction::TransactionManager;
use tokio::time::{Instant, timeout};

use crate::{
    backend::{self, Damage, Refusal},
    conclude::{Concluded, End, answer},
    detached::Work,
    error::Error,
    finish::{FinishOnDrop, Patience},
    hooks::{Hooks, When},
    keys,
    lean::rarely,
    limits::DEFAULT_TIMEOUT,
    observe::{self, Account, Outcome, spawn},
    recorded::record,
    resolve::{Resolution, Ticket},
    state::{Mark, Proof},
};

use super::Lease;

impl<DB: Database> Lease<DB> {
    /// Ends the transaction and gives the connection back. Goes on when the
    /// caller goes away, and then runs the hooks, which are otherwise due.
    #[inline]
    pub(crate) fn conclude(
        mut self,
        end: End,
        damage: Damage,
        hooks: Hooks,
        account: Account,
    ) -> FinishOnDrop<Concluded> {
        let runtime = self.held.about.runtime.clone();
        match end {
            End::Commit(ticket) => {
                let patience = Patience::Until(self.held.about.deadline);
                self.held.about.ends();
                FinishOnDrop::new(runtime, Work::Commit, patience, || async move {
                    let (sets_back, timer) = (self.held.about.sets_back, observe::Timer::start());
                    let connection = self.connection();
                    let committed = if backend::commits_in_place::<DB>(connection, sets_back) {
                        DB::TransactionManager::commit(connection).await
                    } else {
                        backend::of::<DB>().commit(connection, sets_back).await
                    };
                    if let Err(error) = committed {
                        rarely();
                        let (outcome, answer) = Box::pin(self.not_committed(error, ticket)).await;
                        return Concluded::new(outcome, answer, hooks, &account);
                    }
                    timer.event("commit");
                    self.give_back();
                    Concluded::new(Outcome::Committed, Ok(()), hooks, &account)
                })
            }
            End::RollBack(told) => {
                // Each of its steps has a bound, and behind them are the hooks.
                FinishOnDrop::new(runtime, Work::RollBack, Patience::Endless, || async move {
                    self.roll_back(damage).await;
                    Concluded::new(Outcome::RolledBack, answer(told), hooks, &account)
                })
            }
            End::Leave(outcome, told) => {
                FinishOnDrop::new(runtime, Work::RollBack, Patience::Endless, || async move {
                    self.leave(damage, None).await;
                    Concluded::new(outcome, answer(told), hooks, &account)
                })
            }
            End::Aborted(aborted) => {
                FinishOnDrop::new(runtime, Work::RollBack, Patience::Endless, || async move {
                    let kept = self.leave(damage, aborted.mark).await;
                    let (outcome, answer) = aborted.ended(kept);
                    Concluded::new(outcome, answer, hooks, &account)
                })
            }
        }
    }

    async fn not_committed(
        self,
        error: sqlx::Error,
        ticket: Ticket,
    ) -> (Outcome, Result<(), sqlx::Error>) {
        match backend::of::<DB>().refusal(&error) {
            Refusal::Definite => {
                observe::commit_refused(&error);
                let damage = backend::of::<DB>().damage(&error);
                if damage >= Damage::Connection {
                    self.close("its end came before COMMIT", damage);
                } else {
                    self.restore(None).await;
                }
                (Outcome::RolledBack, Err(error))
            }
            Refusal::Unknown => {
                let (pool, late) = (self.held.about.pool.clone(), self.held.about.deadline);
                let damage = backend::of::<DB>().damage(&error);
                self.close("COMMIT was not answered", damage);
                let resolution = match ticket.claim.clone() {
                    Some(claim) => {
                        let late = late.unwrap_or_else(|| Instant::now() + DEFAULT_TIMEOUT);
                        keys::ask(pool, claim, late).await
                    }
                    None => Resolution::Unknown,
                };
                match resolution {
                    Resolution::Committed => {
                        observe::not_answered(&error, Outcome::Committed);
                        (Outcome::Committed, Ok(()))
                    }
                    Resolution::RolledBack => {
                        observe::not_answered(&error, Outcome::RolledBack);
                        (Outcome::RolledBack, Err(error))
                    }
                    Resolution::Unknown => {
                        observe::outcome_unknown(&error);
                        let unknown = Error::unknown(record(&error), ticket);
                        (Outcome::Unknown, Err(unknown.into()))
                    }
                }
            }
        }
    }

    async fn roll_back(mut self, damage: Damage) {
        let (backend, sets_back) = (backend::of::<DB>(), self.held.about.sets_back);
        if damage >= Damage::Connection {
            return self.close("it was lost inside the transaction", damage);
        }
        // sqlx's own ROLLBACK would only end what was nested and left open, and wait for what
        // was dropped and runs.
        if self.stops() || backend::depth::<DB>(self.connection()) > 1 {
            Box::pin(self.restore(None)).await;
            return;
        }
        self.held.about.ends();
        let timer = observe::Timer::start();
        let patience = self.held.about.patience();
        match timeout(patience, backend.rollback(self.connection(), sets_back)).await {
            Ok(Ok(())) => {
                timer.event("rollback");
                self.give_back();
            }
            Ok(Err(_)) => {
                Box::pin(self.restore(None)).await;
            }
            Err(_) => self.close("ROLLBACK took too long", damage),
        }
    }

    /// Ends whatever is open, where that may not be the transaction that began. Whether
    /// the one with `mark` was committed before, where that is known.
    async fn leave(self, damage: Damage, mark: Option<Mark>) -> Option<bool> {
        if damage >= Damage::Connection {
            self.close("it was lost inside the transaction", damage);
            return None;
        }
        self.stops();
        self.restore(mark).await
    }

    /// Ends what may run still, where that can be done. Whether it can.
    fn stops(&self) -> bool {
        let interrupt = &self.held.about.interrupt;
        interrupt.raise();
        interrupt.is_prepared()
    }

    /// Whether the transaction that is open is known to be the one that began. Nothing
    /// where it is aborted.
    async fn is_proven(&mut self, mark: Option<Mark>) -> Option<bool> {
        let (backend, patience) = (backend::of::<DB>(), self.held.about.patience());
        let proven = backend.prove(self.connection(), mark);
        match timeout(patience, proven).await {
            Ok(Ok(found)) => {
                if found.is_spoiled {
                    self.spoil();
                }
                Some(found.is_ours)
            }
            Ok(Err(error)) if backend.damage(&error) == Damage::Scope => None,
            _ => Some(false),
        }
    }

    /// Rolls back in the background, then runs the hooks. `damage` says what is
    /// known of the connection, and `proof` of the transaction.
    pub(crate) fn abandon(mut self, damage: Damage, proof: Proof, hooks: Hooks) {
        let runtime = self.held.about.runtime.clone();
        self.interrupt().raise();
        let mut lease = Self::of(self.held.connection.take(), self.held.about.clone(), true);
        let rest = async move {
            let (mut is_whole, mut mark) = (proof.is_whole(), None);
            if proof.is_ended_early() {
                lease.suspect();
            }
            if damage >= Damage::Connection {
                lease.close("a statement was cut off", damage);
            } else {
                if proof.is_missing() {
                    let proven = lease.is_proven(proof.mark()).await;
                    mark = proof.mark().filter(|_| proven.is_none());
                    is_whole = proven.unwrap_or(true);
                }
                if proof.is_exposed() && !backend::of::<DB>().survives_interruption() {
                    if mark.is_some() {
                        is_whole = matches!(lease.restored(mark).await, Ok(false));
                    }
                    lease.close("what was under way on it was not seen", damage);
                } else {
                    let kept = lease.restore(mark).await;
                    is_whole &= mark.is_none() || kept == Some(false);
                }
            }
            if is_whole {
                hooks.run_in_background(When::RolledBack);
            }
        };
        spawn(&runtime, Work::RollBack, rest);
    }
}
