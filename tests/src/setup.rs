//! What a test wants around it.

use std::time::Duration;

/// The surroundings of a test.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    pub(crate) connections: u32,
    pub(crate) wired: bool,
    pub(crate) limit: Duration,
}

impl Default for Setup {
    /// A pool of one connection, without a proxy, for a minute at most.
    fn default() -> Self {
        Self {
            connections: 1,
            wired: false,
            limit: Duration::from_mins(1),
        }
    }
}

impl Setup {
    /// The default, with the pool behind a [`Wire`](crate::Wire) where there is one.
    #[must_use]
    pub fn wired() -> Self {
        Self {
            wired: true,
            ..Self::default()
        }
    }

    /// Lets the pool have this many connections.
    #[must_use]
    pub fn connections(self, connections: u32) -> Self {
        Self {
            connections,
            ..self
        }
    }

    /// Lets the test take this long before it has failed.
    #[must_use]
    pub fn limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }
}
