//! What is done to a call, and where.

use crate::notes::Notes;
use crate::pauses::with_pauses;
use crate::subject::Answer;
use sqlx::Pool;
use sqlx_transactional_tests::campaign::Goal;
use sqlx_transactional_tests::{Action, Direction, Point, TestDb, poll_k_then_drop};
use std::fmt;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long a call may take, less than a wait on the wire does.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long a connection may take on its way back before a case goes on.
const BRIEFLY: Duration = Duration::from_millis(500);

/// How long a message is late.
const LATE: Duration = Duration::from_millis(5);

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The future is dropped at its n-th await.
    Drop,
    /// The future is dropped while its n-th message is held.
    Hold(Direction),
    /// The connection is closed in place of the n-th message.
    Cut(Direction),
    /// The connection is closed in the middle of the n-th message.
    Truncate(Direction),
    /// The n-th message is late.
    Delay(Direction),
    /// The n-th message vanishes, and all after it, the connection staying open.
    /// Without a deadline a call that meets it has no end to judge, so it has one.
    BlackHole(Direction),
}

/// How a call ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Answered(Answer),
    Dropped,
    Hung,
}

impl Fault {
    pub(crate) const ALL: [Self; 11] = [
        Self::Drop,
        Self::Hold(Direction::FromClient),
        Self::Hold(Direction::FromServer),
        Self::Cut(Direction::FromClient),
        Self::Cut(Direction::FromServer),
        Self::Truncate(Direction::FromClient),
        Self::Truncate(Direction::FromServer),
        Self::Delay(Direction::FromClient),
        Self::Delay(Direction::FromServer),
        Self::BlackHole(Direction::FromClient),
        Self::BlackHole(Direction::FromServer),
    ];

    /// What is asked of a call that meets it; the first is the fault's own.
    pub(crate) fn goals(self) -> &'static [Goal] {
        match self {
            Self::Drop | Self::Hold(_) => &[Goal::R3, Goal::R9, Goal::R12],
            Self::Cut(_) | Self::Truncate(_) | Self::Delay(_) => {
                &[Goal::R4, Goal::R5, Goal::R9, Goal::R12]
            }
            Self::BlackHole(_) => &[Goal::R8, Goal::R4, Goal::R5, Goal::R9, Goal::R12],
        }
    }

    /// Whether it needs messages.
    pub(crate) fn needs_wire(self) -> bool {
        self != Self::Drop
    }

    /// Whether the call is to end as if nothing had happened.
    pub(crate) fn is_harmless(self) -> bool {
        matches!(self, Self::Delay(_))
    }

    /// Whether an answer of the server's can be lost with it.
    pub(crate) fn loses(self) -> bool {
        matches!(self, Self::Cut(_) | Self::Truncate(_) | Self::BlackHole(_))
    }

    fn from(self) -> Option<Direction> {
        match self {
            Self::Drop => None,
            Self::Hold(from)
            | Self::Cut(from)
            | Self::Truncate(from)
            | Self::Delay(from)
            | Self::BlackHole(from) => Some(from),
        }
    }

    /// Makes the call on `pool` and lets it meet the fault at `position`. Says
    /// how it ended, and whether the fault was met.
    ///
    /// The ping with which a connection goes back to its pool belongs to the call,
    /// although nobody waits for it: otherwise chance would decide whether it is
    /// one more position.
    pub(crate) async fn inflict<DB: Notes>(
        self,
        db: &TestDb<DB>,
        pool: &Pool<DB>,
        position: usize,
        call: impl Future<Output = Answer>,
    ) -> (Ended, bool) {
        let action = match self {
            Self::Drop => {
                let dropped = poll_k_then_drop(with_pauses(call), position);
                return match timeout(PATIENCE, dropped).await {
                    Ok(Some(answer)) => (Ended::Answered(answer), false),
                    Ok(None) => (Ended::Dropped, true),
                    Err(_) => (Ended::Hung, true),
                };
            }
            Self::Hold(_) => Action::Hold,
            Self::Cut(_) => Action::Cut,
            Self::Truncate(_) => Action::Truncate,
            Self::Delay(_) => Action::Delay(LATE),
            Self::BlackHole(_) => Action::BlackHole,
        };
        let wire = db.wire();
        let before = wire.fired();
        let from = self.from().expect("a fault of a message");
        wire.arm(Point::nth(from, position), action);
        let ended = timeout(PATIENCE, async {
            tokio::select! {
                biased;
                answer = call => Ended::Answered(answer),
                () = wire.wait_until_held(), if action == Action::Hold => Ended::Dropped,
            }
        });
        let ended = ended.await.unwrap_or(Ended::Hung);
        if action != Action::Hold {
            at_rest(pool).await;
        }
        wire.disarm();
        wire.release();
        let met = match ended {
            // The message that was held is one of the background.
            Ended::Answered(_) if action == Action::Hold => false,
            _ => wire.fired() > before,
        };
        (ended, met)
    }
}

/// Waits until the connections are back in the pool, a bounded time: what keeps
/// one from it is found by those who look for that.
async fn at_rest<DB: Notes>(pool: &Pool<DB>) {
    let waited = timeout(BRIEFLY, async {
        while pool.num_idle() != pool.size() as usize {
            sleep(Duration::from_millis(1)).await;
        }
    });
    let _ = waited.await;
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Drop => "drop",
            Self::Hold(_) => "hold",
            Self::Cut(_) => "cut",
            Self::Truncate(_) => "truncate",
            Self::Delay(_) => "delay",
            Self::BlackHole(_) => "black-hole",
        };
        let whose = match self.from() {
            None => "poll",
            Some(Direction::FromClient) => "client",
            Some(Direction::FromServer) => "server",
        };
        write!(formatter, "{what}/{whose}")
    }
}
