//! The `MySQL` protocol, as `MySQL` and `MariaDB` speak it.

use super::dialect::{Answer, Dialect, Said, line};
use super::fault::Direction;
use std::collections::{HashMap, VecDeque};

/// One connection of a `MySQL` client.
#[derive(Debug, Default)]
pub(super) struct MySql {
    welcomed: bool,
    /// The commands without an answer yet; of a PREPARE its SQL.
    open: VecDeque<Option<String>>,
    statements: HashMap<[u8; 4], String>,
}

/// The line without what is said or asked of `completion_type` beside something else.
fn unchained(line: &str) -> String {
    const ASKED: &str = "SET @sqlx_transactional_completion = \
         IF(@@SESSION.completion_type = 'NO_CHAIN', NULL, (SELECT 1 UNION SELECT 2)); ";
    line.replace(" AND NO CHAIN NO RELEASE", "")
        .replace(ASKED, "")
}

impl Dialect for MySql {
    fn length(&self, _: Direction, buffer: &[u8]) -> Option<usize> {
        let [low, middle, high, _] = *buffer.first_chunk()?;
        Some(4 + usize::from(low) + (usize::from(middle) << 8) + (usize::from(high) << 16))
    }

    fn client_says(&mut self, message: &[u8]) -> Said {
        // Only a command begins with sequence number 0: the rest is the login
        // or the continuation of a long packet.
        let (0, Some((command, body)), true) =
            (message[3], message[4..].split_first(), self.welcomed)
        else {
            return Said::default();
        };
        let mut prepared = None;
        let (line, asks) = match command {
            0x01 => ("QUIT".to_owned(), false),
            0x02 => (format!("USE {}", line(body)), true),
            0x03 => (unchained(&line(body)), true),
            0x0e => ("PING".to_owned(), true),
            0x16 => {
                prepared = Some(line(body));
                (format!("PREPARE {}", line(body)), true)
            }
            0x17 => (format!("EXECUTE {}", self.statement(body)), true),
            // Long data belongs to the EXECUTE that follows.
            0x18 => return Said::default(),
            0x19 => ("CLOSE STATEMENT".to_owned(), false),
            0x1a => ("RESET STATEMENT".to_owned(), true),
            0x1f => ("RESET CONNECTION".to_owned(), true),
            other => (format!("COMMAND {other:#04x}"), true),
        };
        if asks {
            self.open.push_back(prepared);
        }
        Said {
            line: Some(line),
            asks,
        }
    }

    fn server_says(&mut self, message: &[u8]) -> Answer {
        let (sequence, body) = (message[3], &message[4..]);
        if !self.welcomed {
            // The greeting begins with 10, requests for more with 1 or 254, an
            // error with 255.
            self.welcomed = body.first() == Some(&0);
            return Answer {
                welcomes: self.welcomed,
                answers: false,
            };
        }
        // A reply begins with 1. The numbers of a long one wrap around, but
        // then nothing is open, because the next command waits for its end.
        let Some(prepared) = (sequence == 1).then(|| self.open.pop_front()).flatten() else {
            return Answer::default();
        };
        if let (Some(sql), Some((0, rest))) = (prepared, body.split_first())
            && let Some(id) = rest.first_chunk()
        {
            self.statements.insert(*id, sql);
        }
        Answer {
            welcomes: false,
            answers: true,
        }
    }
}

impl MySql {
    fn statement(&self, body: &[u8]) -> &str {
        body.first_chunk()
            .and_then(|id| self.statements.get(id))
            .map_or("", String::as_str)
    }
}
