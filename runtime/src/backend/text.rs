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

/// The first three words of `sql`, behind blanks and comments. A word is empty
/// where something else than a word stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<'a>([&'a str; 3]);

impl<'a> Words<'a> {
    pub(super) fn of(sql: &'a str) -> Self {
        let mut rest = sql;
        Self([(); 3].map(|()| {
            rest = skip_blank(rest);
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            let (word, tail) = rest.split_at(end);
            rest = tail;
            word
        }))
    }

    #[cfg(feature = "mysql")]
    /// Whether the first word is one of `words`, in whatever case.
    pub(super) fn first_is(self, words: &[&str]) -> bool {
        is_one_of(self.0[0], words)
    }

    /// Whether the words begin or end a transaction in any of the engines.
    /// `ROLLBACK TO` only goes back to a savepoint.
    pub(super) fn are_control(self) -> bool {
        let [first, second, third] = self.0;
        if is_one_of(first, &["COMMIT", "BEGIN", "END", "ABORT"]) {
            return true;
        }
        if is_one_of(first, &["ROLLBACK"]) {
            let target = if is_one_of(second, &["WORK", "TRANSACTION"]) {
                third
            } else {
                second
            };
            return !is_one_of(target, &["TO"]);
        }
        is_one_of(first, &["START", "PREPARE"]) && is_one_of(second, &["TRANSACTION"])
    }
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// Whether `sql` may hold more than one statement. A `;` in a literal counts:
/// that costs a check at the end, nothing else.
pub(super) fn may_be_several(sql: &str) -> bool {
    sql.find(';')
        .is_some_and(|at| !skip_blank(&sql[at + 1..]).is_empty())
}

fn skip_blank(mut sql: &str) -> &str {
    loop {
        sql = sql.trim_start_matches(|c: char| c.is_whitespace() || c == '(' || c == ';');
        if let Some(tail) = sql.strip_prefix("--").or_else(|| sql.strip_prefix('#')) {
            sql = tail.split_once('\n').map_or("", |(_, next)| next);
        } else if let Some(tail) = sql.strip_prefix("/*") {
            sql = tail.split_once("*/").map_or("", |(_, next)| next);
        } else {
            return sql;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Words, may_be_several};

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
            assert!(Words::of(sql).are_control(), "{sql}");
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
            assert!(!Words::of(sql).are_control(), "{sql}");
        }
    }

    #[test]
    fn a_trailing_semicolon_is_still_one_statement() {
        assert!(!may_be_several("select 1"));
        assert!(!may_be_several("select 1; -- done\n ;"));
        assert!(may_be_several("select 1; commit"));
    }
}
