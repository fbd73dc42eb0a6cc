//! The `PostgreSQL` protocol, version 3.

use super::dialect::{Answer, Dialect, Said, line};
use super::fault::Direction;
use std::collections::HashMap;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SSL_REQUEST: u32 = 80_877_103;
const GSSENC_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

/// Answers every wish for encryption with a refusal, because the proxy must be
/// able to read along. Gives the bytes that were read beyond that, which are
/// the beginning of the startup message.
pub(super) async fn refuse_encryption(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    loop {
        let mut head = [0; 8];
        client.read_exact(&mut head).await?;
        match number(&head[4..]) {
            Some(SSL_REQUEST | GSSENC_REQUEST) => client.write_all(b"N").await?,
            _ => return Ok(head.to_vec()),
        }
    }
}

/// One connection of a `PostgreSQL` client.
#[derive(Debug, Default)]
pub(super) struct Postgres {
    started: bool,
    welcomed: bool,
    /// Whether anything was said since the last request ended: a Sync on its
    /// own is a ping.
    in_request: bool,
    statements: HashMap<String, String>,
    portals: HashMap<String, String>,
}

impl Dialect for Postgres {
    fn length(&self, from: Direction, buffer: &[u8]) -> Option<usize> {
        // The startup message alone has no type byte.
        let tag = usize::from(self.started || from == Direction::FromServer);
        let length = number(buffer.get(tag..)?)?;
        Some(tag + usize::try_from(length).ok()?)
    }

    fn client_says(&mut self, message: &[u8]) -> Said {
        if !self.started {
            self.started = true;
            let cancel = number(&message[4..]) == Some(CANCEL_REQUEST);
            return Said {
                line: cancel.then(|| "CANCEL".to_owned()),
                asks: false,
            };
        }
        if !self.welcomed {
            return Said::default();
        }
        let (tag, body) = (message[0], &message[5..]);
        let said = match tag {
            b'Q' => said(line(text(body).0), true),
            b'P' => {
                let (name, rest) = text(body);
                let sql = line(text(rest).0);
                self.statements.insert(owned(name), sql.clone());
                said(format!("PREPARE {sql}"), false)
            }
            b'B' => {
                let (portal, rest) = text(body);
                let statement = owned(text(rest).0);
                let sql = self.statements.get(&statement).cloned();
                self.portals.insert(owned(portal), sql.unwrap_or_default());
                Said::default()
            }
            b'E' => {
                let sql = self.portals.get(&owned(text(body).0));
                said(format!("EXECUTE {}", sql.map_or("", String::as_str)), false)
            }
            b'C' if body.first() == Some(&b'S') => said("CLOSE STATEMENT".to_owned(), false),
            b'S' if self.in_request => Said {
                line: None,
                asks: true,
            },
            b'S' => said("PING".to_owned(), true),
            b'X' => said("QUIT".to_owned(), false),
            _ => Said::default(),
        };
        self.in_request = !said.asks;
        said
    }

    fn server_says(&mut self, message: &[u8]) -> Answer {
        let ready = message[0] == b'Z';
        let welcomes = ready && !self.welcomed;
        self.welcomed |= ready;
        Answer {
            welcomes,
            answers: ready && !welcomes,
        }
    }
}

fn said(line: String, asks: bool) -> Said {
    Said {
        line: Some(line),
        asks,
    }
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.first_chunk()?))
}

/// The string at the front, which ends with a zero byte, and what follows it.
fn text(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

fn owned(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
