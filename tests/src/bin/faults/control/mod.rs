//! The same sweeps over transactions that this project does not make: by hand on
//! plain sqlx, where what is known to go wrong has to be seen, and by its peers,
//! of which nothing is expected and everything is counted.

#[cfg(feature = "peers")]
mod axum_sqlx_tx;
mod known;
mod on_sqlx;
#[cfg(feature = "peers")]
mod sea_orm;
mod work;

pub(crate) use known::verdict;
pub(crate) use work::Work;

use crate::calls::{Calls, answering};
use crate::form::Form;
use crate::ledger::Run;
use crate::notes::Notes;
use crate::subject::Answer;
use sqlx::{MySql, Pool, Postgres, Sqlite};
use std::fmt;

/// Who makes the transactions of a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// The handler itself, as sqlx's documentation writes it.
    Plain,
    /// The extractor and the layer of axum-sqlx-tx, one for each request.
    #[cfg(feature = "peers")]
    AxumSqlxTx,
    /// `DatabaseConnection::transaction` of sea-orm.
    #[cfg(feature = "peers")]
    SeaOrm,
}

/// An engine that every control knows.
pub(crate) trait Controlled: Notes {
    /// The pool as sea-orm takes it.
    #[cfg(feature = "peers")]
    fn sea_orm(pool: Pool<Self>) -> ::sea_orm::DatabaseConnection;
}

macro_rules! controlled {
    ($($database:ty)*) => {
        $(impl Controlled for $database {
            #[cfg(feature = "peers")]
            fn sea_orm(pool: Pool<Self>) -> ::sea_orm::DatabaseConnection {
                pool.into()
            }
        })*
    };
}

controlled!(Sqlite Postgres MySql);

impl Control {
    /// All that were built.
    pub(crate) const ALL: &[Self] = &[
        Self::Plain,
        #[cfg(feature = "peers")]
        Self::AxumSqlxTx,
        #[cfg(feature = "peers")]
        Self::SeaOrm,
    ];

    /// Its name on the command line and in the text of a case.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            #[cfg(feature = "peers")]
            Self::AxumSqlxTx => "axum-sqlx-tx",
            #[cfg(feature = "peers")]
            Self::SeaOrm => "sea-orm",
        }
    }

    /// What it is called in a report.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Plain => "plain sqlx",
            #[cfg(feature = "peers")]
            Self::AxumSqlxTx | Self::SeaOrm => self.name(),
        }
    }

    /// Does the work in a transaction. The answer is what the user would see.
    pub(crate) async fn run<DB: Controlled>(self, pool: &Pool<DB>, work: Work<DB>) -> Answer {
        match self {
            Self::Plain => on_sqlx::run(pool, &work).await,
            #[cfg(feature = "peers")]
            Self::AxumSqlxTx => axum_sqlx_tx::run(pool, work).await,
            #[cfg(feature = "peers")]
            Self::SeaOrm => sea_orm::run(pool, work).await,
        }
    }

    /// Its forms.
    pub(crate) fn forms<DB: Controlled>(self) -> Vec<Form<DB>> {
        vec![
            Form::commits(
                self.name(),
                &[1, 2],
                self.calls(|run| Work::Two(run.clone(), 1)),
            ),
            Form::commits(
                format!("{self}-nested"),
                &[1, 2, 3],
                self.calls(|run| Work::Nested(run.clone())),
            ),
        ]
    }

    /// None of them knows a deadline.
    fn calls<DB: Controlled>(self, work: fn(&Run) -> Work<DB>) -> Calls<DB> {
        Calls {
            free: Box::new(move |pool, run, _| answering(self.run(pool, work(run)))),
            within: Box::new(move |place, run, _| answering(self.run(&place.0, work(run)))),
        }
    }
}

impl fmt::Display for Control {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
