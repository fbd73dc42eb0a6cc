//! What a statement's text says about the transaction it is sent in.
//!
//! This is no SQL parser and need not be one: it knows where a statement ends,
//! what a statement begins with, and what is a literal or a comment. A text whose
//! reading depends on what this crate cannot see is [`Effect::Opaque`], and the
//! engine is asked afterwards instead.

mod statements;
#[cfg(test)]
mod tests;
mod tokens;

pub(super) use self::tokens::Dialect;
use self::{statements::is_harmless, tokens::Reading};

/// What is known of a statement's text before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    /// What it may do to the transaction.
    pub(crate) effect: Effect,
    /// Whether it holds more than one statement.
    pub(crate) several: bool,
    /// Whether one of its statements sets a savepoint.
    pub(crate) sets_savepoint: bool,
    /// Whether it does not wait for the locks that it takes.
    pub(crate) no_wait: bool,
}

/// What a text may do to the transaction it is sent in. The greater says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    /// Cannot end the transaction.
    Plain,
    /// May end the transaction without saying so: the engine is asked.
    Opaque,
    /// Begins or ends a transaction: never sent.
    Control,
}

impl Text {
    /// One statement that cannot end the transaction.
    const PLAIN: Self = Self {
        effect: Effect::Plain,
        several: false,
        sets_savepoint: false,
        no_wait: false,
    };

    /// A statement whose text nobody tells.
    pub(crate) const UNKNOWN: Self = Self {
        effect: Effect::Opaque,
        ..Self::PLAIN
    };

    fn raise(&mut self, effect: Effect) {
        self.effect = self.effect.max(effect);
    }

    /// The same text read in another way that the engine may choose as well.
    fn or(mut self, other: Self) -> Self {
        self.raise(other.effect);
        self.several |= other.several;
        self.sets_savepoint |= other.sets_savepoint;
        self
    }

    /// The same text as sessions with other settings than the usual ones read it.
    /// Control is refused only where the usual settings make it control.
    fn unless(self, unusual: Self) -> Self {
        if self == unusual {
            return self;
        }
        let effect = self.effect.max(Effect::Opaque);
        Self {
            effect,
            ..self.or(unusual)
        }
    }
}

/// Reads `sql` as a session of this engine does.
#[inline]
pub(super) fn read(sql: &str, dialect: Dialect) -> Text {
    if is_ordinary(sql, dialect) {
        Text::PLAIN
    } else {
        read_whole(sql, dialect)
    }
}

/// Whether `sql` is one statement that begins with a word of no consequence, as
/// far as that can be told without reading it: most statements need no more.
#[inline]
fn is_ordinary(sql: &str, dialect: Dialect) -> bool {
    let text = sql.as_bytes();
    if may_matter(text) {
        return false;
    }
    // To the end in any case, so that the loop takes many bytes at a time.
    let is_mysql = dialect == Dialect::MySql;
    let marks = text.iter().fold(0, |marks, byte| {
        marks | u8::from(*byte == b';') | u8::from(*byte == b'!' && is_mysql)
    });
    marks == 0 && (!is_mysql || is_harmless(first_word(text)))
}

/// Whether the first two letters leave open what the statement is.
#[inline]
fn may_matter(text: &[u8]) -> bool {
    let [first, second, ..] = text else {
        return true;
    };
    if !first.is_ascii_alphabetic() || !second.is_ascii_alphabetic() {
        return true;
    }
    // COMMIT, BEGIN, END, ABORT, ROLLBACK, START, PREPARE, SAVEPOINT, EXECUTE.
    matches!(
        &[first.to_ascii_uppercase(), second.to_ascii_uppercase()],
        b"CO" | b"BE" | b"EN" | b"AB" | b"RO" | b"ST" | b"PR" | b"SA" | b"EX"
    )
}

fn first_word(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !tokens::is_in_word(*byte));
    &text[..end.unwrap_or(text.len())]
}

/// Reads `sql` in every way in which the engine may read it.
#[cold]
fn read_whole(sql: &str, dialect: Dialect) -> Text {
    let hides_words = dialect == Dialect::MySql && (sql.contains("/*!") || sql.contains("/*M!"));
    let under = |reading: Reading| {
        let text = statements::read(sql, dialect, reading);
        if !hides_words {
            return text;
        }
        // The version in an executable comment decides whether it is one.
        let skipped = statements::read(sql, dialect, reading.skipping());
        let mut text = text.or(skipped);
        text.raise(Effect::Opaque);
        text
    };
    let (usual, unusual) = Reading::under_settings(dialect);
    let text = under(usual);
    if !sql.contains('\\') {
        return text;
    }
    unusual
        .iter()
        .fold(text, |text, reading| text.unless(under(*reading)))
}
