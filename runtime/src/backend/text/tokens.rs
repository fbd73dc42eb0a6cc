//! The tokens of a text, as far as they matter to where its statements end.
//!
//! The rules are those of the engines' own scanners: PostgreSQL's `scan.l` (manual,
//! 4.1), MySQL's and MariaDB's `sql_lex.cc` (MySQL manual, 11.1 and 11.7), and
//! SQLite's `tokenize.c`.

/// Whose rules a text is read by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backend) enum Dialect {
    Postgres,
    MySql,
    Sqlite,
}

/// What depends on the session that reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// Whether a backslash escapes what follows it in an ordinary literal.
    in_literals: bool,
    /// The same between double quotes.
    in_double_quotes: bool,
    /// Whether MySQL's executable comments are executed.
    executes: bool,
}

impl Reading {
    const fn escaping(in_literals: bool, in_double_quotes: bool) -> Self {
        Self {
            in_literals,
            in_double_quotes,
            executes: true,
        }
    }

    /// The same by a server that MySQL's executable comments are not meant for.
    pub(super) const fn skipping(mut self) -> Self {
        self.executes = false;
        self
    }

    /// The reading under the engine's usual settings, and the others.
    pub(super) const fn under_settings(dialect: Dialect) -> (Self, &'static [Self]) {
        const NEVER: Reading = Reading::escaping(false, false);
        const IN_LITERALS: Reading = Reading::escaping(true, false);
        match dialect {
            // `standard_conforming_strings = off`.
            Dialect::Postgres => (NEVER, &[IN_LITERALS]),
            // `NO_BACKSLASH_ESCAPES`, and `ANSI_QUOTES`.
            Dialect::MySql => (Self::escaping(true, true), &[NEVER, IN_LITERALS]),
            Dialect::Sqlite => (NEVER, &[]),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword, or a name without quotes.
    Word(&'a [u8]),
    /// A literal, a quoted name, a number, or a parameter.
    Value,
    Symbol(u8),
}

impl Token<'_> {
    /// Whether it is one of `words`, in whatever case.
    pub(super) fn is(self, words: &[&str]) -> bool {
        matches!(self, Token::Word(word) if is_one_of(word, words))
    }
}

pub(super) fn is_one_of(word: &[u8], words: &[&str]) -> bool {
    words
        .iter()
        .any(|known| known.as_bytes().eq_ignore_ascii_case(word))
}

/// Whether a name without quotes may go on with `byte`, in each of the engines.
pub(super) fn is_in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

/// The text ends before something in it does, or this crate cannot tell where that
/// ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct NeverEnds;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads token by token. A copy looks ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens<'a> {
    rest: &'a [u8],
    dialect: Dialect,
    reading: Reading,
    /// Whether this is inside a comment that is executed.
    executing: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(sql: &'a str, dialect: Dialect, reading: Reading) -> Self {
        Self {
            rest: sql.as_bytes(),
            dialect,
            reading,
            executing: false,
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<Token<'a>>, NeverEnds> {
        self.skip_blanks()?;
        let Some((&first, behind)) = self.rest.split_first() else {
            return Ok(None);
        };
        let (is_postgres, is_sqlite) = (self.is(Dialect::Postgres), self.is(Dialect::Sqlite));
        match first {
            b'\'' => self.skip_literal(self.reading.in_literals)?,
            b'"' => self.skip_quoted(b'"', self.reading.in_double_quotes)?,
            b'`' if !is_postgres => self.skip_quoted(b'`', false)?,
            b'[' if is_sqlite => self.skip_behind(b"]")?,
            b'$' | b'@' | b':' | b'#' if is_sqlite => self.skip_variable(),
            b'$' if is_postgres => self.skip_dollar()?,
            b'0'..=b'9' => self.skip_while(|byte| byte.is_ascii_digit()),
            _ if is_in_word(first) => return self.word().map(Some),
            _ => {
                self.rest = behind;
                return Ok(Some(Token::Symbol(first)));
            }
        }
        Ok(Some(Token::Value))
    }

    /// Takes the next token if it is one of `words`.
    pub(super) fn take(&mut self, words: &[&str]) -> Result<bool, NeverEnds> {
        let mut ahead = *self;
        let is_next = ahead.next()?.is_some_and(|token| token.is(words));
        if is_next {
            *self = ahead;
        }
        Ok(is_next)
    }

    fn is(&self, dialect: Dialect) -> bool {
        self.dialect == dialect
    }

    fn word(&mut self) -> Result<Token<'a>, NeverEnds> {
        let before = self.rest;
        self.skip_while(is_in_word);
        let word = &before[..before.len() - self.rest.len()];
        let is_prefix = self.is(Dialect::Postgres) && is_one_of(word, &["E"]);
        if !is_prefix || !self.rest.starts_with(b"'") {
            return Ok(Token::Word(word));
        }
        self.skip_literal(true)?;
        Ok(Token::Value)
    }

    fn skip(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    fn skip_while(&mut self, belongs: impl Fn(u8) -> bool) {
        let end = self.rest.iter().position(|byte| !belongs(*byte));
        self.skip(end.unwrap_or(self.rest.len()));
    }

    /// Skips everything up to `end`, and that.
    fn skip_behind(&mut self, end: &[u8]) -> Result<(), NeverEnds> {
        let found = self.rest.windows(end.len()).position(|part| part == end);
        self.skip(found.ok_or(NeverEnds)? + end.len());
        Ok(())
    }

    /// Skips a literal. One on the next line belongs to it on PostgreSQL, and is
    /// read as its beginning is (manual, 4.1.2.1).
    fn skip_literal(&mut self, escapes: bool) -> Result<(), NeverEnds> {
        loop {
            self.skip_quoted(b'\'', escapes)?;
            if !self.is(Dialect::Postgres) {
                return Ok(());
            }
            self.skip_blanks()?;
            if !self.rest.starts_with(b"'") {
                return Ok(());
            }
        }
    }

    /// Skips what stands between two marks, of which two mean one.
    fn skip_quoted(&mut self, mark: u8, escapes: bool) -> Result<(), NeverEnds> {
        self.skip(1);
        loop {
            self.skip_while(|byte| byte != mark && !(escapes && byte == b'\\'));
            match self.rest {
                [] => return Err(NeverEnds),
                [b'\\', ..] if escapes => self.skip(2),
                [_, second, ..] if *second == mark => self.skip(2),
                _ => {
                    self.skip(1);
                    return Ok(());
                }
            }
        }
    }

    /// PostgreSQL: a parameter, or a literal between dollars.
    fn skip_dollar(&mut self) -> Result<(), NeverEnds> {
        let text = self.rest;
        self.skip(1);
        if self.rest.first().is_some_and(u8::is_ascii_digit) {
            self.skip_while(|byte| byte.is_ascii_digit());
            return Ok(());
        }
        let mut ahead = *self;
        ahead.skip_while(|byte| byte != b'$' && is_in_word(byte));
        if ahead.rest.first() != Some(&b'$') {
            return Ok(());
        }
        ahead.skip(1);
        let mark = &text[..text.len() - ahead.rest.len()];
        ahead.skip_behind(mark)?;
        *self = ahead;
        Ok(())
    }

    /// SQLite: a parameter, whose name may go on in parentheses in which nothing
    /// has a meaning (<https://sqlite.org/lang_expr.html>, "Parameters").
    fn skip_variable(&mut self) {
        self.skip(1);
        let before = self.rest;
        loop {
            self.skip_while(is_in_word);
            match self.rest {
                [b':', b':', ..] => self.skip(2),
                [b'(', ..] if self.rest.len() < before.len() => {
                    self.skip_while(|byte| byte != b')' && !is_blank(byte));
                    if self.rest.first() == Some(&b')') {
                        self.skip(1);
                    }
                    return;
                }
                _ => return,
            }
        }
    }

    fn skip_blanks(&mut self) -> Result<(), NeverEnds> {
        loop {
            match self.rest {
                [blank, ..] if is_blank(*blank) => self.skip_while(is_blank),
                [b'-', b'-', behind @ ..] if self.is_line_comment(behind) => self.skip_line(),
                [b'#', ..] if self.is(Dialect::MySql) => self.skip_line(),
                [b'/', b'*', ..] => self.skip_comment()?,
                [b'*', b'/', ..] if self.executing => {
                    self.skip(2);
                    self.executing = false;
                }
                rest if self.is(Dialect::Sqlite) && rest.starts_with(BYTE_ORDER_MARK) => {
                    self.skip(BYTE_ORDER_MARK.len());
                }
                _ => return Ok(()),
            }
        }
    }

    fn is_line_comment(&self, behind: &[u8]) -> bool {
        let is_mark = |byte: &u8| is_blank(*byte) || byte.is_ascii_control();
        !self.is(Dialect::MySql) || behind.first().is_none_or(is_mark)
    }

    fn skip_line(&mut self) {
        let returns = self.is(Dialect::Postgres);
        self.skip_while(|byte| byte != b'\n' && !(returns && byte == b'\r'));
    }

    fn skip_comment(&mut self) -> Result<(), NeverEnds> {
        let levels = match self.dialect {
            Dialect::Postgres => usize::MAX,
            Dialect::Sqlite => 1,
            Dialect::MySql => {
                let executable = [&b"/*!"[..], b"/*M!"];
                let mark = executable.iter().find(|mark| self.rest.starts_with(mark));
                if let Some(mark) = mark
                    && self.reading.executes
                {
                    self.skip(mark.len());
                    self.skip_while(|byte| byte.is_ascii_digit());
                    self.executing = true;
                    return Ok(());
                }
                if self.rest.starts_with(b"/*+") {
                    return self.skip_hint();
                }
                // One that is not executed may hold another.
                1 + usize::from(mark.is_some())
            }
        };
        self.skip(2);
        let mut depth = 1;
        while depth > 0 {
            match self.rest {
                [] => return Err(NeverEnds),
                [b'/', b'*', ..] if depth < levels => {
                    depth += 1;
                    self.skip(2);
                }
                [b'*', b'/', ..] => {
                    depth -= 1;
                    self.skip(2);
                }
                _ => self.skip(1),
            }
        }
        Ok(())
    }

    /// MySQL reads a hint by a scanner of its own, in which quotes may hide the end.
    fn skip_hint(&mut self) -> Result<(), NeverEnds> {
        let hint = self.rest;
        self.skip_behind(b"*/")?;
        let hint = &hint[..hint.len() - self.rest.len()];
        let is_quoted = hint.iter().any(|byte| matches!(byte, b'\'' | b'"' | b'`'));
        if is_quoted { Err(NeverEnds) } else { Ok(()) }
    }
}

fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'\x0b'
}
