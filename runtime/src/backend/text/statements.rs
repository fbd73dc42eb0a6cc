//! The statements of a text: where each one ends, and what it begins with.

use super::{
    Effect, Text,
    tokens::{Dialect, NeverEnds, Reading, Token, Tokens, is_one_of},
};

/// MySQL and MariaDB: statements that neither end a transaction nor can hide one
/// that does. The manual's list of those that commit implicitly (15.3.3) grows with
/// each release, so whatever is not here is checked. A stored function or a trigger
/// may not commit (27.8).
const HARMLESS: [&str; 19] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "REPLACE",
    "WITH",
    "VALUES",
    "TABLE",
    "SHOW",
    "EXPLAIN",
    "DESCRIBE",
    "DESC",
    "DO",
    "USE",
    "SAVEPOINT",
    "RELEASE",
    "ROLLBACK",
    "SIGNAL",
    "RESIGNAL",
];

#[inline]
pub(super) fn is_harmless(word: &[u8]) -> bool {
    is_one_of(word, &HARMLESS)
}

/// MariaDB: what holds statements without being created first.
const COMPOUND: [&str; 7] = ["IF", "WHILE", "LOOP", "FOR", "REPEAT", "CASE", "DECLARE"];

/// MySQL and MariaDB: what is created with statements in it.
const STORED: [&str; 5] = ["PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE"];

/// MySQL and MariaDB: what may be created with a definer, or anything else that
/// stands before its kind, and holds no statements.
const NOT_STORED: [&str; 7] = [
    "TABLE", "VIEW", "INDEX", "DATABASE", "SCHEMA", "SEQUENCE", "USER",
];

/// What a statement may hold in which a `;` does not end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    None,
    /// PostgreSQL: a routine whose body may stand between BEGIN ATOMIC and END.
    Routine,
    /// SQLite: a trigger, which ends with `; END;` (`sqlite3_complete`).
    Trigger,
    /// MySQL and MariaDB: a program, whose end is not looked for.
    Program,
}

/// Reads the text in one way.
pub(super) fn read(sql: &str, dialect: Dialect, reading: Reading) -> Text {
    let mut statements = Statements {
        tokens: Tokens::of(sql, dialect, reading),
        dialect,
        text: Text::PLAIN,
    };
    if statements.read().is_err() {
        // What stands in it cannot be told, so there may be more than one.
        statements.text.raise(Effect::Opaque);
        statements.text.several = true;
    }
    statements.text
}

#[derive(Debug)]
struct Statements<'a> {
    tokens: Tokens<'a>,
    dialect: Dialect,
    text: Text,
}

impl<'a> Statements<'a> {
    fn read(&mut self) -> Result<(), NeverEnds> {
        let mut before = Body::None;
        let mut is_first = true;
        while let Some(first) = self.first()? {
            self.text.several |= !is_first;
            if before == Body::Program {
                return Ok(());
            }
            is_first = false;
            let effect = self.effect(first)?;
            self.text.raise(effect);
            self.text.sets_savepoint |= first.is(&["SAVEPOINT"]);
            before = self.body(first)?;
            match before {
                Body::None | Body::Program => self.skip_statement()?,
                Body::Routine => self.skip_routine()?,
                Body::Trigger => self.skip_trigger()?,
            }
        }
        Ok(())
    }

    /// What the next statement begins with, where there is one.
    fn first(&mut self) -> Result<Option<Token<'a>>, NeverEnds> {
        loop {
            match self.tokens.next()? {
                Some(Token::Symbol(b';' | b'(')) => {}
                first => return Ok(first),
            }
        }
    }

    /// What the statement that begins with `first` does to the transaction.
    ///
    /// On PostgreSQL and SQLite nothing but the control statements ends one that is
    /// open. PostgreSQL: CALL and DO may commit only outside a transaction block
    /// (2D000 inside one; manual, 43.8), what cannot run in a block is refused there
    /// (25001), and an EXECUTE of SQL's own runs what PREPARE takes, but also what
    /// was prepared by the protocol, COMMIT for one. SQLite: what rolls back of
    /// itself (`OR ROLLBACK`, `RAISE(ROLLBACK)`, a full disk) is an error, after
    /// which the engine is asked.
    fn effect(&self, first: Token<'_>) -> Result<Effect, NeverEnds> {
        if self.is_control(first)? {
            return Ok(Effect::Control);
        }
        let is_opaque = match self.dialect {
            Dialect::Postgres => first.is(&["EXECUTE"]),
            Dialect::Sqlite => false,
            Dialect::MySql => !first.is(&HARMLESS),
        };
        Ok(if is_opaque {
            Effect::Opaque
        } else {
            Effect::Plain
        })
    }

    /// Whether it begins or ends a transaction in any of the engines. `ROLLBACK TO`
    /// only goes back to a savepoint.
    fn is_control(&self, first: Token<'_>) -> Result<bool, NeverEnds> {
        let mut ahead = self.tokens;
        if first.is(&["START", "PREPARE"]) {
            return ahead.take(&["TRANSACTION"]);
        }
        if first.is(&["ROLLBACK"]) {
            ahead.take(&["WORK", "TRANSACTION"])?;
            return Ok(!ahead.take(&["TO"])?);
        }
        if first.is(&["SET"]) && self.dialect == Dialect::MySql {
            return self.sets_how_it_ends();
        }
        // It commits, and what it locks outlives the transaction (MariaDB, BACKUP STAGE).
        if first.is(&["BACKUP"]) && self.dialect == Dialect::MySql {
            return Ok(true);
        }
        Ok(first.is(&["COMMIT", "BEGIN", "END", "ABORT"]))
    }

    /// Whether a SET changes how the transactions of the session begin and end. It may end
    /// this one, and it would outlive it (MySQL manual, 15.3.1 and 15.3.3). A variable of
    /// the user's has one `@` before its name, the session's has two or none.
    fn sets_how_it_ends(&self) -> Result<bool, NeverEnds> {
        let (mut ahead, mut ats) = (self.tokens, 0);
        while let Some(token) = ahead.next()? {
            if token == Token::Symbol(b';') {
                break;
            }
            if token.is(&["AUTOCOMMIT", "COMPLETION_TYPE"]) && ats != 1 {
                let mut behind = ahead;
                if let Some(Token::Symbol(b'=' | b':')) = behind.next()? {
                    return Ok(true);
                }
            }
            ats = if token == Token::Symbol(b'@') {
                ats + 1
            } else {
                0
            };
        }
        Ok(false)
    }

    /// What the statement that begins with `first` may hold.
    fn body(&self, first: Token<'_>) -> Result<Body, NeverEnds> {
        let (holds, body) = match self.dialect {
            Dialect::Postgres => (self.creates_routine(first)?, Body::Routine),
            Dialect::Sqlite => (self.creates_trigger(first)?, Body::Trigger),
            Dialect::MySql => (self.holds_program(first)?, Body::Program),
        };
        Ok(if holds { body } else { Body::None })
    }

    fn creates_routine(&self, first: Token<'_>) -> Result<bool, NeverEnds> {
        let mut ahead = self.tokens;
        if !first.is(&["CREATE"]) {
            return Ok(false);
        }
        if ahead.take(&["OR"])? {
            ahead.take(&["REPLACE"])?;
        }
        ahead.take(&["FUNCTION", "PROCEDURE"])
    }

    fn creates_trigger(&self, first: Token<'_>) -> Result<bool, NeverEnds> {
        let mut ahead = self.tokens;
        let mut creates = first.is(&["CREATE"]);
        if first.is(&["EXPLAIN"]) {
            if ahead.take(&["QUERY"])? {
                ahead.take(&["PLAN"])?;
            }
            creates = ahead.take(&["CREATE"])?;
        }
        if !creates {
            return Ok(false);
        }
        ahead.take(&["TEMP", "TEMPORARY"])?;
        ahead.take(&["TRIGGER"])
    }

    fn holds_program(&self, first: Token<'_>) -> Result<bool, NeverEnds> {
        let mut ahead = self.tokens;
        let is_labelled = ahead.next()? == Some(Token::Symbol(b':'));
        Ok(is_labelled || first.is(&COMPOUND) || self.creates_program(first)?)
    }

    fn creates_program(&self, first: Token<'_>) -> Result<bool, NeverEnds> {
        if !first.is(&["CREATE", "ALTER"]) {
            return Ok(false);
        }
        let mut ahead = self.tokens;
        while let Some(token) = ahead.next()? {
            if token.is(&STORED) {
                return Ok(true);
            }
            if token.is(&NOT_STORED) || token == Token::Symbol(b';') {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Skips a statement. On PostgreSQL those of a rule stand in parentheses; a `;`
    /// in any others makes the whole text one that is refused.
    fn skip_statement(&mut self) -> Result<(), NeverEnds> {
        let mut parentheses = 0_usize;
        while let Some(token) = self.tokens.next()? {
            match token {
                Token::Symbol(b';') if parentheses == 0 => break,
                Token::Symbol(b'(') if self.dialect == Dialect::Postgres => parentheses += 1,
                Token::Symbol(b')') => parentheses = parentheses.saturating_sub(1),
                _ => {}
            }
        }
        Ok(())
    }

    /// Skips a routine of PostgreSQL's with its body, as psql finds its end. A column
    /// may be named CASE or END there, so that the end is not certain.
    fn skip_routine(&mut self) -> Result<(), NeverEnds> {
        let (mut parentheses, mut blocks) = (0_usize, 0_usize);
        while let Some(token) = self.tokens.next()? {
            match token {
                Token::Symbol(b'(') => parentheses += 1,
                Token::Symbol(b')') => parentheses = parentheses.saturating_sub(1),
                _ if parentheses > 0 => {}
                Token::Symbol(b';') if blocks == 0 => break,
                _ if blocks > 0 && token.is(&["CASE"]) => blocks += 1,
                _ if token.is(&["END"]) => blocks = blocks.saturating_sub(1),
                _ if blocks == 0 && token.is(&["BEGIN"]) => {
                    blocks = usize::from(self.tokens.take(&["ATOMIC"])?);
                    if blocks > 0 {
                        self.text.raise(Effect::Opaque);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn skip_trigger(&mut self) -> Result<(), NeverEnds> {
        let (mut ended_one, mut ended_all) = (false, false);
        while let Some(token) = self.tokens.next()? {
            let ends = token == Token::Symbol(b';');
            if ends && ended_all {
                break;
            }
            ended_all = ended_one && token.is(&["END"]);
            ended_one = ends;
        }
        Ok(())
    }
}
