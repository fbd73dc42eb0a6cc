//! The forms of one handler, and which of them are compared.

use std::fmt;

use serde::{Serialize, Serializer};

/// A way to write the handler: unless it says otherwise, an insert and an
/// update that returns a value, in one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `pool.begin()`, two statements, `commit()`.
    ByHand,
    /// `sqlx::Connection::transaction`.
    Closure,
    /// `#[transactional]`.
    Attribute,
    /// The block form, `sqlx_transactional::transaction`.
    Block,
    /// `#[transactional]`, the second statement in a function that joins.
    Joined,
    /// `pool.begin()`, the second statement between SAVEPOINT and RELEASE.
    SavepointByHand,
    /// `#[transactional]`, the second statement in a function that is marked
    /// `#[transactional(savepoint)]`.
    Savepoint,
    /// `pool.begin()`, then a return before the first statement.
    EarlyByHand,
    /// `#[transactional]`, a return before the first statement.
    Early,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByHand => "by hand",
            Self::Closure => "Connection::transaction",
            Self::Attribute => "attribute",
            Self::Block => "block",
            Self::Joined => "joined",
            Self::SavepointByHand => "savepoint by hand",
            Self::Savepoint => "savepoint",
            Self::EarlyByHand => "early return by hand",
            Self::Early => "early return",
        })
    }
}

/// Whose settings a pool has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settings {
    /// sqlx's defaults.
    Default,
    /// Those of `sqlx_transactional::pool`.
    Recommended,
}

/// What is measured: a form of the handler on a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The form.
    pub case: Case,
    /// The pool.
    pub settings: Settings,
}

impl Subject {
    /// Everything that is measured.
    pub const ALL: [Self; 11] = [
        default(Case::ByHand),
        default(Case::Attribute),
        recommended(Case::ByHand),
        recommended(Case::Closure),
        recommended(Case::Attribute),
        recommended(Case::Block),
        recommended(Case::Joined),
        recommended(Case::SavepointByHand),
        recommended(Case::Savepoint),
        recommended(Case::EarlyByHand),
        recommended(Case::Early),
    ];
}

const fn default(case: Case) -> Subject {
    Subject {
        case,
        settings: Settings::Default,
    }
}

const fn recommended(case: Case) -> Subject {
    Subject {
        case,
        settings: Settings::Recommended,
    }
}

/// The pool is named where it is not the recommended one.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.settings {
            Settings::Default => write!(f, "{}, default pool", self.case),
            Settings::Recommended => write!(f, "{}", self.case),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Two subjects that are compared.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    /// What is measured.
    pub subject: Subject,
    /// What it is measured against.
    pub base: Subject,
    /// The ratio of their times that must not be exceeded, in percent.
    pub limit: Option<u32>,
    /// How many round trips more the subject may make, where that is fixed.
    pub round_trips: Option<i64>,
}

impl Comparison {
    /// All of them. The first compares a subject with itself: what it shows is
    /// the noise.
    pub const ALL: [Self; 9] = [
        Self::new(recommended(Case::ByHand), recommended(Case::ByHand)).same_round_trips(),
        Self::new(recommended(Case::Closure), recommended(Case::ByHand)),
        Self::new(recommended(Case::Attribute), recommended(Case::ByHand))
            .same_round_trips()
            .at_most(102),
        Self::new(default(Case::Attribute), default(Case::ByHand))
            .same_round_trips()
            .at_most(102),
        Self::POOLS,
        Self::new(recommended(Case::Block), recommended(Case::Attribute)).same_round_trips(),
        Self::new(recommended(Case::Joined), recommended(Case::Attribute)).same_round_trips(),
        Self::new(
            recommended(Case::Savepoint),
            recommended(Case::SavepointByHand),
        )
        .same_round_trips(),
        Self::new(recommended(Case::Early), recommended(Case::EarlyByHand)),
    ];

    /// The attribute on the recommended pool, beside code by hand on sqlx's.
    pub const POOLS: Self = Self::new(recommended(Case::Attribute), default(Case::ByHand))
        .one_round_trip_less()
        .at_most(100);

    const fn new(subject: Subject, base: Subject) -> Self {
        Self {
            subject,
            base,
            limit: None,
            round_trips: None,
        }
    }

    const fn at_most(self, percent: u32) -> Self {
        Self {
            limit: Some(percent),
            ..self
        }
    }

    const fn same_round_trips(self) -> Self {
        Self {
            round_trips: Some(0),
            ..self
        }
    }

    const fn one_round_trip_less(self) -> Self {
        Self {
            round_trips: Some(-1),
            ..self
        }
    }
}

/// Who writes a transaction of many statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `pool.begin()` and `commit()`.
    ByHand,
    /// `#[transactional]`.
    Attribute,
}

/// How a statement is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `query(..).execute(..)`
    Execute,
    /// `query_scalar(..).fetch_one(..)`
    FetchOne,
    /// `query_scalar(..).fetch_all(..)`
    FetchAll,
    /// `query_scalar(..).fetch(..)`, read to its end.
    Fetch,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Execute, Self::FetchOne, Self::FetchAll, Self::Fetch];
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Execute => "execute",
            Self::FetchOne => "fetch_one",
            Self::FetchAll => "fetch_all",
            Self::Fetch => "fetch",
        })
    }
}
