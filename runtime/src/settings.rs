//! Settings of PostgreSQL's that last as long as the transaction.

use sqlx::Database;

use crate::error::Kind;

/// The settings of one transaction, in the order they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given(Vec<Setting>);

/// A name and its value; neither has a NUL.
pub(crate) type Setting = (&'static str, String);

impl Given {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn push(&mut self, name: &'static str, value: String) -> Result<(), Kind> {
        if name.is_empty() || name.contains('\0') || value.contains('\0') {
            return Err(Kind::SettingUnfit);
        }
        self.0.push((name, value));
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.iter()
    }

    /// Whether `name` has this value in the end. PostgreSQL takes no notice of the
    /// case of ASCII letters in names (`guc_name_compare`).
    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        let is_it = |(known, _): &&Setting| known.eq_ignore_ascii_case(name);
        let last = self.0.iter().rfind(is_it);
        last.is_some_and(|(_, known)| known == value)
    }

    /// SQL that gives them their values until the transaction ends, each
    /// statement after a semicolon (PostgreSQL manual, 9.28.1).
    pub(crate) fn to_sql(&self) -> String {
        let set = |(name, value): &Setting| {
            let (name, value) = (literal(name), literal(value));
            format!("; SELECT set_config({name}, {value}, true)")
        };
        self.0.iter().map(set).collect()
    }

    /// SQL that takes them back before the transaction ends.
    pub(crate) fn to_reset_sql(&self) -> String {
        let reset = |(name, _): &Setting| {
            let parts = name.split('.');
            let quoted = parts.map(|part| format!("\"{}\"", part.replace('"', "\"\"")));
            let name = quoted.collect::<Vec<_>>().join(".");
            format!("; SET LOCAL {name} TO DEFAULT")
        };
        self.0.iter().map(reset).collect()
    }
}

/// `text`, which has no NUL, as SQL. The form with escapes means the same
/// whatever `standard_conforming_strings` is set to (PostgreSQL manual,
/// 4.1.2.2), and sqlx speaks UTF-8, in which no other character has these bytes.
pub(crate) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A database with settings that end with the transaction: PostgreSQL. Sealed.
#[diagnostic::on_unimplemented(
    message = "`settings` is an option for PostgreSQL, and this transaction is on `{Self}`",
    label = "has no settings that end with a transaction",
    note = "pass the value as an argument, and bind it where it is needed"
)]
pub trait Settings: Database + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

#[cfg(feature = "postgres")]
impl sealed::Sealed for sqlx::Postgres {}

#[cfg(feature = "postgres")]
impl Settings for sqlx::Postgres {}

#[cfg(test)]
mod tests {
    use super::{Given, Kind, literal};

    /// Reads a literal as PostgreSQL does; `None` if it ends early or late.
    fn read(sql: &str) -> Option<String> {
        let mut rest = sql.strip_prefix("E'")?.chars();
        let mut text = String::new();
        loop {
            match rest.next()? {
                '\\' => text.push(rest.next().filter(|next| *next == '\\')?),
                '\'' if rest.as_str().starts_with('\'') => {
                    rest.next();
                    text.push('\'');
                }
                '\'' => return rest.as_str().is_empty().then_some(text),
                other => text.push(other),
            }
        }
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let letters = [
            '\'',
            '\\',
            'E',
            'n',
            '0',
            ';',
            '$',
            '"',
            '\n',
            'ß',
            '\u{10ffff}',
        ];
        let mut random = 7_usize;
        for length in 0..400 {
            let text: String = (0..length % 12)
                .map(|_| {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    letters[(random >> 33) % letters.len()]
                })
                .collect();
            assert_eq!(read(&literal(&text)), Some(text));
        }
    }

    #[test]
    fn a_value_with_a_nul_cannot_be_sent() {
        let mut settings = Given::new();
        assert_eq!(
            settings.push("app.user", "a\0b".to_owned()),
            Err(Kind::SettingUnfit)
        );
        assert_eq!(settings.push("", String::new()), Err(Kind::SettingUnfit));
        assert!(settings.is_empty());
    }

    #[test]
    fn the_last_value_counts() {
        let mut settings = Given::new();
        settings.push("a.b", "1".to_owned()).unwrap();
        settings.push("a.b", "2".to_owned()).unwrap();
        assert!(settings.has("a.b", "2") && !settings.has("a.b", "1"));
        assert!(settings.has("A.b", "2") && !settings.has("a.c", "2"));
        assert_eq!(
            settings.to_sql(),
            "; SELECT set_config(E'a.b', E'1', true); SELECT set_config(E'a.b', E'2', true)"
        );
        assert_eq!(
            settings.to_reset_sql(),
            "; SET LOCAL \"a\".\"b\" TO DEFAULT; SET LOCAL \"a\".\"b\" TO DEFAULT"
        );
    }
}
