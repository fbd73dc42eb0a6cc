//! Faults: what to do to which message.

use std::time::Duration;

/// Which way a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    FromClient,
    /// From the server to the client.
    FromServer,
}

/// What happens to a message, and to its connection, when a fault fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Stop this direction at this message until [`Wire::release`](super::Wire::release).
    /// The other direction goes on, and nothing behind the message overtakes it.
    Hold,
    /// Close both sockets; the message is not forwarded.
    Cut,
    /// Forward the first half of the message, then close both sockets.
    Truncate,
    /// Swallow this message and everything after it, both ways, and keep both
    /// sockets open: neither side learns that the other one is gone. New
    /// connections are not affected.
    BlackHole,
    /// Forward the message after this long.
    Delay(Duration),
}

/// The message at which a fault fires. The messages of a login are not counted,
/// and neither is QUIT, which a closed connection sends at a moment of its own.
#[derive(Debug, Clone)]
pub struct Point {
    from: Direction,
    at: At,
    of: Of,
}

/// Whose messages count.
#[derive(Debug, Clone, Copy)]
enum Of {
    AllConnections,
    /// Those of the connection with this number; it is the one that speaks first.
    One(Option<usize>),
}

impl Of {
    fn counts(&mut self, connection: usize) -> bool {
        match self {
            Self::AllConnections => true,
            Self::One(chosen) => *chosen.get_or_insert(connection) == connection,
        }
    }
}

#[derive(Debug, Clone)]
enum At {
    /// How many messages of this direction are still to come, this one included.
    Nth(usize),
    /// The message's command, or the command it answers, contains this text.
    Text(String),
}

impl Point {
    /// The `nth` message of the client from now on, over all connections; 1 is the next.
    ///
    /// # Panics
    ///
    /// When `nth` is 0.
    #[must_use]
    pub fn client(nth: usize) -> Self {
        Self::nth(Direction::FromClient, nth)
    }

    /// The `nth` message of the server from now on, over all connections; 1 is the next.
    /// On `MySQL` a message is a packet, and one reply consists of several.
    ///
    /// # Panics
    ///
    /// When `nth` is 0.
    #[must_use]
    pub fn server(nth: usize) -> Self {
        Self::nth(Direction::FromServer, nth)
    }

    /// The next message of the client whose line in the log contains `text`.
    #[must_use]
    pub fn command(text: &str) -> Self {
        Self {
            from: Direction::FromClient,
            at: At::Text(text.to_owned()),
            of: Of::AllConnections,
        }
    }

    /// The first message of the server's reply to a request of which one line
    /// in the log contains `text`.
    #[must_use]
    pub fn reply_to(text: &str) -> Self {
        Self {
            from: Direction::FromServer,
            at: At::Text(text.to_owned()),
            of: Of::AllConnections,
        }
    }

    /// [`Point::client`] or [`Point::server`].
    ///
    /// # Panics
    ///
    /// When `nth` is 0.
    #[must_use]
    pub fn nth(from: Direction, nth: usize) -> Self {
        assert!(nth > 0, "messages are counted from 1");
        Self {
            from,
            at: At::Nth(nth),
            of: Of::AllConnections,
        }
    }

    /// Counts only the messages of one connection: that whose message counts
    /// first from now on. A connection that is opened to look after another is
    /// then left alone.
    #[must_use]
    pub fn of_one_connection(mut self) -> Self {
        self.of = Of::One(None);
        self
    }
}

/// The faults that are armed, and how many have fired.
#[derive(Debug, Default)]
pub(super) struct Faults {
    armed: Vec<(Point, Action)>,
    pub(super) fired: usize,
}

impl Faults {
    pub(super) fn arm(&mut self, point: Point, action: Action) {
        self.armed.push((point, action));
    }

    pub(super) fn disarm(&mut self) {
        self.armed.clear();
    }

    /// Counts one message of a connection and gives the action it meets, if any.
    /// `texts` are the lines of the log that it carries or answers.
    pub(super) fn meet(
        &mut self,
        connection: usize,
        from: Direction,
        texts: &[String],
    ) -> Option<Action> {
        let mut met = None;
        for (index, (point, _)) in self.armed.iter_mut().enumerate() {
            if point.from != from || !point.of.counts(connection) {
                continue;
            }
            // Every counter goes down at every message, so that two faults
            // armed together count the same messages.
            let here = match &mut point.at {
                At::Nth(left) => {
                    *left = left.saturating_sub(1);
                    *left == 0
                }
                At::Text(wanted) => texts.iter().any(|text| text.contains(wanted.as_str())),
            };
            if here && met.is_none() {
                met = Some(index);
            }
        }
        let (_, action) = self.armed.remove(met?);
        self.fired += 1;
        Some(action)
    }
}
