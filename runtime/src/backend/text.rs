//! What a statement's first words say about the transaction it is sent in.
//!
//! This is no SQL parser and need not be one: a text it cannot place is
//! [`Text::Opaque`], and the engine is asked at the end instead.

/// The kinds of statement text that matter to a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// Cannot end the transaction.
    Plain,
    /// Begins or ends a transaction: never sent.
    Control,
    /// May end the transaction without saying so: checked at the end.
    Opaque,
}

/// How an engine reads comments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comments {
    /// Whether a `/* */` may hold others.
    pub(super) nest: bool,
    /// What ends a `--`.
    pub(super) line_ends: &'static [char],
}

/// The words `sql` begins with, behind blanks and comments. Where something else
/// than a word stands, the word is empty.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<'a> {
    first: &'a str,
    rest: &'a str,
    comments: Comments,
}

impl<'a> Words<'a> {
    pub(super) fn of(sql: &'a str, comments: Comments) -> Self {
        let (first, rest) = next_word(sql, comments);
        Self {
            first,
            rest,
            comments,
        }
    }

    #[cfg(feature = "mysql")]
    /// Whether the first word is one of `words`, in whatever case.
    pub(super) fn first_is(self, words: &[&str]) -> bool {
        is_one_of(self.first, words)
    }

    /// Whether the words begin or end a transaction in any of the engines.
    /// `ROLLBACK TO` only goes back to a savepoint.
    fn are_control(self) -> bool {
        if is_one_of(self.first, &["COMMIT", "BEGIN", "END", "ABORT"]) {
            return true;
        }
        if is_one_of(self.first, &["ROLLBACK"]) {
            let (mut target, rest) = next_word(self.rest, self.comments);
            if is_one_of(target, &["WORK", "TRANSACTION"]) {
                target = next_word(rest, self.comments).0;
            }
            return !is_one_of(target, &["TO"]);
        }
        is_one_of(self.first, &["START", "PREPARE"])
            && is_one_of(next_word(self.rest, self.comments).0, &["TRANSACTION"])
    }
}

/// Whether `sql` begins or ends a transaction in any of the engines.
#[inline]
pub(super) fn is_control(sql: &str, comments: Comments) -> bool {
    may_be_control(sql) && Words::of(sql, comments).are_control()
}

/// Whether the first two letters leave that open: most statements need no second
/// look.
#[inline]
fn may_be_control(sql: &str) -> bool {
    let [first, second, ..] = sql.as_bytes() else {
        return true;
    };
    if !first.is_ascii_alphabetic() || !second.is_ascii_alphabetic() {
        return true;
    }
    matches!(
        &[first.to_ascii_uppercase(), second.to_ascii_uppercase()],
        b"CO" | b"BE" | b"EN" | b"AB" | b"RO" | b"ST" | b"PR"
    )
}

/// The next word of `sql`, and what stands behind it.
fn next_word(sql: &str, comments: Comments) -> (&str, &str) {
    let sql = skip_blank(sql, comments);
    let end = sql
        .bytes()
        .position(|byte| !byte.is_ascii_alphanumeric() && byte != b'_');
    sql.split_at(end.unwrap_or(sql.len()))
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// Whether `sql` may hold more than one statement. A `;` in a literal counts:
/// that costs a check at the end, nothing else.
#[inline]
pub(super) fn may_be_several(sql: &str, comments: Comments) -> bool {
    // To the end in any case, so that it takes many bytes at a time.
    let ends = sql
        .bytes()
        .fold(0, |ends, byte| ends | u8::from(byte == b';'));
    ends != 0 && is_several(sql, comments)
}

#[cold]
fn is_several(sql: &str, comments: Comments) -> bool {
    sql.split_once(';')
        .is_some_and(|(_, rest)| !skip_blank(rest, comments).is_empty())
}

/// SQLite also takes a byte order mark for a blank.
fn skip_blank(mut sql: &str, comments: Comments) -> &str {
    loop {
        sql = sql
            .trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ';' | '\u{feff}'));
        if let Some(tail) = sql.strip_prefix("--").or_else(|| sql.strip_prefix('#')) {
            let line_end = tail.split_once(comments.line_ends);
            sql = line_end.map_or("", |(_, next)| next);
        } else if let Some(tail) = sql.strip_prefix("/*") {
            sql = behind_comment(tail, comments);
        } else {
            return sql;
        }
    }
}

/// What stands behind the comment that `sql` is inside of.
fn behind_comment(mut sql: &str, comments: Comments) -> &str {
    let mut depth = 1;
    while depth > 0 {
        let Some(end) = sql.find("*/") else {
            return "";
        };
        let inner = sql.find("/*").filter(|inner| *inner < end);
        let (at, deeper) = match inner {
            Some(inner) if comments.nest => (inner, 1),
            _ => (end, -1),
        };
        depth += deeper;
        sql = &sql[at + 2..];
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::{Comments, is_control, may_be_several};

    const FLAT: Comments = Comments {
        nest: false,
        line_ends: &['\n'],
    };
    const NESTED: Comments = Comments {
        nest: true,
        line_ends: &['\n', '\r'],
    };
    const BOTH: [Comments; 2] = [FLAT, NESTED];

    #[test]
    fn control_is_found_behind_blanks_comments_and_in_any_case() {
        for sql in [
            "commit",
            "  /* a */ -- b\n Commit and chain",
            "begin immediate",
            "START /* x */ TRANSACTION",
            "end",
            "abort",
            "rollback",
            "rollback work;",
            "ROLLBACK TRANSACTION",
            "rollback and no chain",
            "prepare transaction 'x'",
            "# note\ncommit",
            ";commit",
        ] {
            for comments in BOTH {
                assert!(is_control(sql, comments), "{sql}");
            }
        }
    }

    #[test]
    fn savepoints_and_look_alikes_are_no_control() {
        for sql in [
            "rollback to a",
            "ROLLBACK WORK TO SAVEPOINT a",
            "rollback transaction to a",
            "savepoint a",
            "prepare p as select 1",
            "select 'commit'",
            "commits",
            "start_it()",
            "",
            "--",
            "/* open",
        ] {
            for comments in BOTH {
                assert!(!is_control(sql, comments), "{sql}");
            }
        }
    }

    #[test]
    fn comments_are_read_as_the_engine_reads_them() {
        let control = |sql, comments| is_control(sql, comments);
        for nested in [
            "/* a /* b */ c */ commit",
            "/*/* */*/commit",
            "-- a\rcommit",
        ] {
            assert!(control(nested, NESTED), "{nested}");
            assert!(!control(nested, FLAT), "{nested}");
        }
        let flat = "/* a /* b */ commit";
        assert!(control(flat, FLAT));
        assert!(!control(flat, NESTED));
        assert!(control("\u{feff}commit", FLAT));
        assert!(control("/**/commit", NESTED));
    }

    #[test]
    fn a_trailing_semicolon_is_still_one_statement() {
        for comments in BOTH {
            assert!(!may_be_several("select 1", comments));
            assert!(!may_be_several("select 1; -- done\n ;", comments));
            assert!(may_be_several("select 1; commit", comments));
        }
    }
}
