//! What can be wrong with a transaction.

use std::borrow::Cow;

use sqlx::error::DatabaseError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A statement was not sent, because of an earlier failure.
    Refused,
    /// The body ended in `Ok`, but an earlier failure forbids the COMMIT.
    Doomed,
    /// A statement's future was dropped before its answer came.
    Interrupted,
    /// A joined function returned `Err`.
    JoinedFailed(&'static str),
    /// A joined function's future was dropped.
    JoinedDropped(&'static str),
    /// A savepoint's own SQL was interrupted.
    SavepointInterrupted,
    /// COMMIT was sent and no answer came.
    OutcomeUnknown,
    /// Somebody else ended the transaction.
    EndedEarly,
    /// The text of a statement begins or ends a transaction.
    Control,
    /// Asked for something the place the transaction was begun on cannot give.
    Unsupported(&'static str),
    /// The call took longer than its `timeout`.
    TimedOut,
    /// The same, where others had the connection, or a statement may have committed.
    TimedOutUnseen,
    /// A statement took longer than `statement_timeout`.
    StatementTimedOut,
    /// BEGIN waited for a lock longer than `lock_timeout`.
    LockTimedOut,
    /// The idempotency key is there already.
    AlreadyDone,
    /// A second transaction of the same task found no connection.
    PoolExhausted,
    /// A second transaction of the same task, where tests forbid it.
    SecondTransaction,
    /// The failure of an attempt after which there is no other.
    Transient,
    /// A hook refused the commit.
    Vetoed,
    /// A setting that PostgreSQL cannot be told.
    SettingUnfit,
}

impl Kind {
    /// Its SQLSTATE. `inner` is the database's own error, where this one only adds
    /// to it.
    pub(super) fn sqlstate(self, inner: Option<&dyn DatabaseError>) -> &'static str {
        match self {
            Self::Refused
            | Self::Doomed
            | Self::Interrupted
            | Self::JoinedFailed(_)
            | Self::JoinedDropped(_)
            | Self::SavepointInterrupted => "25P02",
            Self::OutcomeUnknown => "08007",
            Self::EndedEarly => "25P01",
            Self::Control => "2D000",
            Self::Unsupported(_) => "0A000",
            Self::TimedOut | Self::TimedOutUnseen | Self::StatementTimedOut => "57014",
            Self::LockTimedOut => "55P03",
            Self::AlreadyDone => "23505",
            Self::PoolExhausted => "53300",
            Self::SecondTransaction => "25001",
            Self::Vetoed => "40000",
            Self::SettingUnfit => "22021",
            Self::Transient => match inner.map(DatabaseError::code) {
                Some(Some(code)) if code == "40P01" => "40P01",
                Some(Some(code)) if code.starts_with("57P") || code.starts_with("08") => "08006",
                Some(_) => "40001",
                None => "08006",
            },
        }
    }

    /// What happened, in words.
    pub(super) fn text(self, attempts: Option<u32>) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Refused => "statement not sent: the transaction is doomed by an earlier failure",
            Self::Doomed => {
                "transaction rolled back: an earlier failure inside it was not returned"
            }
            Self::Interrupted => "a statement was dropped before its answer came",
            Self::JoinedFailed(name) => {
                return Cow::Owned(format!("the joined function `{name}` returned an error"));
            }
            Self::JoinedDropped(name) => {
                return Cow::Owned(format!(
                    "the joined function `{name}` was dropped before its end"
                ));
            }
            Self::SavepointInterrupted => "a savepoint was dropped while it was set or released",
            Self::OutcomeUnknown => {
                "COMMIT was sent but not answered: the transaction may or may not have committed"
            }
            Self::EndedEarly => "something else ended the transaction before its end",
            Self::Control => {
                "statement not sent: it would begin or end a transaction, which only the \
                 outermost transactional function does"
            }
            Self::Unsupported(what) => what,
            Self::TimedOut => "the call took longer than its timeout and was rolled back",
            Self::TimedOutUnseen => {
                "the call took longer than its timeout and was rolled back, but for what \
                 may have been committed out of sight"
            }
            Self::StatementTimedOut => "a statement took longer than the statement timeout",
            Self::LockTimedOut => "the database was locked for longer than the lock timeout",
            Self::AlreadyDone => "nothing was done: a call with the same key has committed before",
            Self::PoolExhausted => {
                "a second transaction of the same task found no connection in the pool that the \
                 first one holds one of: join with `&mut *tx`, or use another pool"
            }
            Self::Transient => {
                return Cow::Owned(format!("given up after attempt {}", attempts.unwrap_or(1)));
            }
            Self::Vetoed => "transaction rolled back: a hook before its COMMIT refused",
            Self::SettingUnfit => {
                "a setting's name cannot be empty, and neither it nor its value can have a NUL"
            }
            Self::SecondTransaction => {
                "a second transaction was begun on the pool of one that is open in the same task: \
                 join with `&mut *tx`, or use another pool"
            }
        })
    }
}
