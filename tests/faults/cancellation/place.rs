//! The places at which a call is dropped whose caller goes on.

use crate::notes::Notes;
use crate::pauses::with_pauses;
use sqlx_transactional_tests::{Action, Direction, Point, TestDb, poll_k_then_drop};

/// Where the call is dropped.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Poll(usize),
    Message(Direction, usize),
}

impl Place {
    /// Where a sweep begins: at the polls, and on a wire at the messages.
    pub(super) fn all<DB: Notes>(db: &TestDb<DB>) -> Vec<Self> {
        let mut first = vec![Self::Poll(0)];
        if db.wire.is_some() {
            first.push(Self::Message(Direction::FromClient, 1));
            first.push(Self::Message(Direction::FromServer, 1));
        }
        first
    }

    /// Whether the call is never begun.
    pub(super) fn is_before_the_first_poll(self) -> bool {
        matches!(self, Self::Poll(0))
    }

    pub(super) fn next(self) -> Self {
        match self {
            Self::Poll(k) => Self::Poll(k + 1),
            Self::Message(from, nth) => Self::Message(from, nth + 1),
        }
    }

    /// Makes the call and drops it here; gives its output if it gets past.
    pub(super) async fn drop_here<DB: Notes, T>(
        self,
        db: &TestDb<DB>,
        call: impl Future<Output = T>,
    ) -> Option<T> {
        let (from, nth) = match self {
            Self::Poll(k) => return poll_k_then_drop(with_pauses(call), k).await,
            Self::Message(from, nth) => (from, nth),
        };
        let wire = db.wire();
        wire.arm(Point::nth(from, nth), Action::Hold);
        let output = tokio::select! {
            biased;
            output = call => Some(output),
            () = wire.wait_until_held() => None,
        };
        wire.disarm();
        wire.release();
        output
    }
}
