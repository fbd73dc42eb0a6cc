//! Pages of a list.

use serde::Serialize;

use super::{Invalid, Message, Thread};

/// The largest page, in rows.
pub const LIMIT_MAX: i64 = 100;
/// The page of a thread list when the client names none, in rows.
pub const THREADS_LIMIT: i64 = 20;
/// The page of a message list when the client names none, in rows.
pub const MESSAGES_LIMIT: i64 = 50;

/// Which rows of a list to return.
///
/// It holds what the client sent; the operation refuses a limit outside 1 to
/// [`LIMIT_MAX`] and a negative offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// How many rows at most; none is the list's default.
    pub limit: Option<i64>,
    /// How many rows to pass over first.
    pub offset: i64,
}

/// Which of an owner's threads to return.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadPage {
    /// The rows.
    pub page: Page,
    /// Whether archived threads are listed and counted too.
    pub include_archived: bool,
}

/// A page of threads, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ThreadList {
    /// The threads of this page.
    pub threads: Vec<Thread>,
    /// How many there are on all pages, in the same snapshot.
    pub total: i64,
}

/// A page of messages, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MessageList {
    /// The messages of this page.
    pub messages: Vec<Message>,
    /// How many there are on all pages, in the same snapshot.
    pub total: i64,
}

/// A page whose numbers have been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many rows at most, 1 to [`LIMIT_MAX`].
    pub limit: i64,
    /// How many rows to pass over first, 0 or more.
    pub offset: i64,
}

impl Page {
    /// Checks the numbers.
    pub(crate) fn window(self, default: i64) -> Result<Window, Invalid> {
        let limit = self.limit.unwrap_or(default);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Invalid::Limit { found: limit });
        }
        if self.offset < 0 {
            return Err(Invalid::Offset { found: self.offset });
        }
        Ok(Window {
            limit,
            offset: self.offset,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(limit: impl Into<Option<i64>>, offset: i64) -> Page {
        Page {
            limit: limit.into(),
            offset,
        }
    }

    #[test]
    fn limits_from_1_to_100_are_taken() {
        for limit in [1, 2, 99, 100] {
            let window = page(limit, 7).window(THREADS_LIMIT).unwrap();
            assert_eq!(window, Window { limit, offset: 7 });
        }
        assert_eq!(page(None, 0).window(50).unwrap().limit, 50);
    }

    #[test]
    fn other_limits_are_refused() {
        for limit in [i64::MIN, -1, 0, 101, i64::MAX] {
            assert_eq!(
                page(limit, 0).window(THREADS_LIMIT),
                Err(Invalid::Limit { found: limit })
            );
        }
        assert_eq!(
            page(1, -1).window(THREADS_LIMIT),
            Err(Invalid::Offset { found: -1 })
        );
    }
}
