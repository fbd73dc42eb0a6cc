//! Whether the transaction that is open is still the one that was begun here.
//!
//! Whoever is given the connection can end the transaction and begin another, and so can
//! a statement whose text does not tell what it does. So the transaction is marked before
//! it leaves our sight, with something that ends when it ends, and the mark is looked for
//! before COMMIT. Until it was found nothing is known: neither that COMMIT would commit the
//! function's work, nor that ROLLBACK would undo it.

use std::sync::atomic::{AtomicU32, Ordering};

/// What is known of the transaction's identity.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Proof {
    mark: Option<Mark>,
    /// The number of the last savepoint of ours that was set before the mark.
    behind: u32,
    /// Whether it may have gone with a savepoint, and nobody took the answer to that.
    is_in_doubt: bool,
    /// Whether there has to be a mark before the next statement. There may be one that
    /// goes before that with a savepoint.
    is_wanted: bool,
    /// Out of whose hands it has to be taken before the next statement.
    unverified: Option<Sight>,
    is_unproven: bool,
    /// Whether a statement that may commit implicitly was sent since it was last proven.
    is_opaque: bool,
    /// Whether the connection itself was out since it was last proven.
    is_exposed: bool,
    is_aborted: bool,
    is_ended_early: bool,
}

/// What is not seen here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// What a statement did whose text does not tell.
    Text,
    /// What was done with the connection itself.
    Connection,
}

/// What tells the transaction from another on the same connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// How many transactions and savepoints of sqlx's it is inside of.
    pub(crate) level: usize,
    pub(crate) number: u32,
    /// How often the numbers had begun anew by then.
    pub(crate) round: u32,
    /// Whether it was looked for before, and nobody waited for the answer. What is taken
    /// off by that is set twice.
    pub(crate) again: bool,
}

/// A number that the answer before this one did not have, and how often the numbers have
/// begun anew. There are few of them, so that the texts that have them do not fill the
/// server's statistics of statements.
pub(crate) fn fresh_number() -> (u32, u32) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    (next % 1_000, next / 1_000 % 1_000)
}

impl Proof {
    /// Whether the next statement may be sent without asking for or setting anything.
    #[inline]
    pub(crate) fn is_clear(self) -> bool {
        self.unverified.is_none() && !(self.is_wanted && self.mark.is_none())
    }

    /// Asks for a mark before the next statement.
    pub(crate) fn want_mark(&mut self) {
        self.is_wanted = true;
    }

    /// What wanted it is not sent.
    pub(crate) fn want_no_mark(&mut self) {
        self.is_wanted = false;
    }

    /// The mark to be set now, if one is wanted.
    #[inline]
    pub(crate) fn wanted(self, level: usize) -> Option<Mark> {
        (self.is_wanted && self.mark.is_none()).then(|| {
            let (number, round) = fresh_number();
            Mark {
                level,
                number,
                round,
                again: false,
            }
        })
    }

    /// `mark` has been set behind our savepoint `behind`.
    pub(crate) fn marked(&mut self, mark: Mark, behind: u32) {
        self.mark = Some(mark);
        self.is_in_doubt = false;
        self.behind = behind;
        self.is_wanted = false;
    }

    /// The mark, if it is still there.
    pub(crate) fn mark(self) -> Option<Mark> {
        self.mark
    }

    /// The mark is looked for from now on. Whoever does not wait for the answer has to
    /// look for it again.
    pub(crate) fn asked(&mut self) {
        if let Some(mark) = &mut self.mark {
            mark.again = true;
        }
    }

    /// The mark has been taken off, or went with something else.
    pub(crate) fn unmarked(&mut self) {
        self.mark = None;
        self.is_in_doubt = false;
    }

    /// Our savepoint `number` is gone back to from now on.
    pub(crate) fn savepoint_going(&mut self, number: u32) {
        self.is_in_doubt |= self.mark.is_some() && number <= self.behind;
    }

    /// Whether a mark that is not there tells nothing.
    pub(crate) fn is_in_doubt(self) -> bool {
        self.is_in_doubt
    }

    /// Our savepoint `number` is gone, and with it whatever was set behind it. That it
    /// was there proves whose transaction it is, so that no mark is missed.
    pub(crate) fn savepoint_gone(&mut self, number: u32) {
        if number <= self.behind {
            self.unmarked();
        }
    }

    /// From now on something may be done that is not seen.
    pub(crate) fn lose_sight(&mut self, of: Sight) {
        self.is_wanted = false;
        self.unverified = Some(of);
        self.is_unproven = true;
        self.is_exposed |= of == Sight::Connection;
        self.is_opaque |= of == Sight::Text;
    }

    /// Whoever had the connection gets it again: nothing of ours is sent in between.
    pub(crate) fn hand_out_again(&mut self) {
        if self.unverified == Some(Sight::Connection) {
            self.unverified = None;
        }
    }

    #[inline]
    pub(crate) fn is_unverified(self) -> bool {
        self.unverified.is_some()
    }

    /// Some transaction is open, or nothing more is sent before it is proven.
    pub(crate) fn verified(&mut self) {
        self.unverified = None;
    }

    /// The transaction that is open is ours, and the answers are in step.
    pub(crate) fn proven(&mut self) {
        self.unverified = None;
        self.is_unproven = false;
        self.is_exposed = false;
        self.is_opaque = false;
    }

    /// The transaction is aborted, and so it is whole. Whether the answers are in step
    /// cannot be asked before it has ended.
    pub(crate) fn aborted(&mut self) {
        self.proven();
        self.is_aborted = true;
    }

    /// Whether its end has to ask for what could not be asked before.
    pub(crate) fn is_aborted(self) -> bool {
        self.is_aborted
    }

    /// Whether others had the connection since then.
    pub(crate) fn is_exposed(self) -> bool {
        self.is_exposed
    }

    /// Whether that is not known.
    #[inline]
    pub(crate) fn is_missing(self) -> bool {
        self.is_unproven
    }

    /// Something else has ended it.
    pub(crate) fn ended_early(&mut self) {
        self.unverified = None;
        self.is_unproven = false;
        self.is_ended_early = true;
    }

    #[inline]
    pub(crate) fn is_ended_early(self) -> bool {
        self.is_ended_early
    }

    /// Whether the transaction is known to be whole, so that a rollback undoes all of it.
    pub(crate) fn is_whole(self) -> bool {
        !self.is_unproven && !self.is_ended_early
    }

    /// Whether work may be durable that all attempts would do again: where something else is
    /// known to have ended the transaction, or where nobody can be asked any more behind
    /// a statement that may have.
    #[inline]
    pub(crate) fn may_be_durable(self) -> bool {
        self.is_ended_early || (self.is_unproven && self.is_opaque)
    }
}
