//! One connection through the proxy: two sockets and what happens between them.

use super::dialect::Dialect;
use super::fault::{Action, Direction};
use super::record::Flight;
use super::shared::{Shared, locked};
use super::{Protocol, mysql, postgres};
use std::io;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Relays between `client` and the server until both have ended or a fault
/// closes them. Both sockets are closed when this ends or is dropped.
pub(super) async fn relay(
    protocol: Protocol,
    mut client: TcpStream,
    upstream: &str,
    shared: &Shared,
) -> io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (heard, dialect): (Vec<u8>, Box<dyn Dialect>) = match protocol {
        Protocol::Postgres => (
            postgres::refuse_encryption(&mut client).await?,
            Box::new(postgres::Postgres::default()),
        ),
        Protocol::MySql => (Vec::new(), Box::new(mysql::MySql::default())),
    };
    let relay = Relay {
        shared,
        connection: locked(&shared.state).record.open(),
        session: Mutex::new(Session {
            dialect,
            flight: Flight::default(),
            welcomed: false,
            swallowed: false,
        }),
    };
    let (client_reader, client_writer) = client.into_split();
    let (server_reader, server_writer) = server.into_split();
    tokio::try_join!(
        relay.pump(Direction::FromClient, client_reader, server_writer, heard),
        relay.pump(
            Direction::FromServer,
            server_reader,
            client_writer,
            Vec::new()
        ),
    )?;
    Ok(())
}

#[derive(Debug)]
struct Relay<'a> {
    shared: &'a Shared,
    connection: usize,
    session: Mutex<Session>,
}

/// What both directions of a connection know together.
#[derive(Debug)]
struct Session {
    dialect: Box<dyn Dialect>,
    flight: Flight,
    welcomed: bool,
    /// Whether the connection has become a black hole.
    swallowed: bool,
}

/// A message on its way.
#[derive(Debug)]
struct Parcel {
    message: Vec<u8>,
    /// The fault it meets.
    action: Option<Action>,
    /// How many releases there had been by then.
    releases: usize,
}

impl Relay<'_> {
    /// Forwards one direction until its sender has ended. An error means that
    /// the whole connection is to be closed.
    async fn pump(
        &self,
        from: Direction,
        mut reader: OwnedReadHalf,
        mut writer: OwnedWriteHalf,
        mut buffer: Vec<u8>,
    ) -> io::Result<()> {
        loop {
            while let Some(parcels) = self.take(from, &mut buffer) {
                for parcel in parcels {
                    self.deliver(parcel, &mut writer).await?;
                }
            }
            if reader.read_buf(&mut buffer).await? == 0 {
                break;
            }
        }
        if locked(&self.session).swallowed {
            // The end of one side is swallowed like everything else.
            return std::future::pending().await;
        }
        writer.shutdown().await
    }

    /// The messages to forward next. What the client has written in one go is
    /// noted in one go, so that it is one round trip however fast the server
    /// answers its first part.
    fn take(&self, from: Direction, buffer: &mut Vec<u8>) -> Option<Vec<Parcel>> {
        let mut parcels = Vec::new();
        let mut session = locked(&self.session);
        while let Some(length) = session.dialect.length(from, buffer)
            && buffer.len() >= length
        {
            let message: Vec<u8> = buffer.drain(..length).collect();
            let releases = self.shared.releases();
            let action = self.note(from, &mut session, &message);
            parcels.push(Parcel {
                message,
                action,
                releases,
            });
            if from == Direction::FromServer {
                // An answer counts when its turn to be forwarded has come.
                break;
            }
        }
        (!parcels.is_empty()).then_some(parcels)
    }

    fn note(&self, from: Direction, session: &mut Session, message: &[u8]) -> Option<Action> {
        let state = &mut *locked(&self.shared.state);
        match from {
            Direction::FromClient => {
                let said = session.dialect.client_says(message);
                if let Some(line) = &said.line {
                    state.record.write(self.connection, line);
                    self.shared.heard.send_replace(());
                }
                let counted = session.welcomed && said.line.as_deref() != Some("QUIT");
                let action = counted
                    .then(|| {
                        state
                            .faults
                            .meet(self.connection, from, said.line.as_slice())
                    })
                    .flatten();
                session.flight.say(said.line, said.asks);
                action
            }
            Direction::FromServer => {
                let answer = session.dialect.server_says(message);
                // The message that ends the login belongs to the login.
                let action = session
                    .welcomed
                    .then(|| {
                        state
                            .faults
                            .meet(self.connection, from, session.flight.answering())
                    })
                    .flatten();
                if answer.welcomes {
                    session.welcomed = true;
                    state.record.counts.connections += 1;
                }
                if answer.answers {
                    session.flight.answer(&mut state.record.counts);
                }
                action
            }
        }
    }

    async fn deliver(
        &self,
        Parcel {
            message,
            action,
            releases,
        }: Parcel,
        writer: &mut OwnedWriteHalf,
    ) -> io::Result<()> {
        let latency = locked(&self.shared.state).latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match action {
            None => {}
            Some(Action::Hold) => self.shared.hold(releases).await,
            Some(Action::Delay(time)) => tokio::time::sleep(time).await,
            Some(Action::BlackHole) => locked(&self.session).swallowed = true,
            Some(Action::Cut) => return Err(io::ErrorKind::ConnectionAborted.into()),
            Some(Action::Truncate) => {
                writer.write_all(&message[..message.len() / 2]).await?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
        if locked(&self.session).swallowed {
            return Ok(());
        }
        writer.write_all(&message).await
    }
}
