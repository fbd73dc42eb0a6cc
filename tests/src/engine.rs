//! The engines, and which of them this run can reach.

use crate::pooler;
use std::env;
use std::fmt;
use std::io::Write;
use std::sync::Once;

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// In the test process, in a file of its own.
    Sqlite,
    /// The server of `TEST_POSTGRES_URL`.
    Postgres,
    /// The `MySQL` or `MariaDB` server of `TEST_MYSQL_URL`.
    MySql,
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::MySql];

    /// The name of the variable with the server's URL, if the engine has one.
    /// Its user must be allowed to create databases and to end sessions.
    #[must_use]
    pub const fn variable(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("TEST_POSTGRES_URL"),
            Self::MySql => Some("TEST_MYSQL_URL"),
        }
    }

    /// The URL of the server, if the engine has one and it is set.
    #[must_use]
    pub fn server(self) -> Option<String> {
        env::var(self.variable()?)
            .ok()
            .filter(|url| !url.is_empty())
    }

    /// Whether tests can run on this engine. When they cannot, says so once on
    /// stderr, past the capture of the test harness.
    ///
    /// # Panics
    ///
    /// When they cannot although `TEST_ENGINES`, a list with commas, names the
    /// engine, and when that list names something that is no engine.
    #[must_use]
    pub fn is_reachable(self) -> bool {
        static SAID: [Once; 3] = [const { Once::new() }; 3];
        let demanded = env::var("TEST_ENGINES").unwrap_or_default();
        let reachable = self.reach(self.server().as_deref(), &demanded);
        let reachable = reachable.unwrap_or_else(|problem| panic!("{problem}"));
        let (false, Some(variable)) = (reachable, self.variable()) else {
            return true;
        };
        SAID[self as usize].call_once(|| {
            let name = self.to_string().to_uppercase();
            let _ = writeln!(
                std::io::stderr(),
                "\n==== {name} LEFT OUT: set {variable} or run `cargo xtask test` ====\n"
            );
        });
        false
    }

    /// Whether tests can run, given the server's URL and the engines demanded.
    fn reach(self, server: Option<&str>, demanded: &str) -> Result<bool, String> {
        let mut wanted = false;
        for name in demanded
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            if name == pooler::NAME {
                // It is no engine, and is looked for by those who need it.
                continue;
            }
            let known = Self::ALL
                .into_iter()
                .find(|engine| engine.to_string() == name);
            let engine =
                known.ok_or_else(|| format!("TEST_ENGINES names {name}: no such engine"))?;
            wanted |= engine == self;
        }
        match self.variable() {
            Some(variable) if server.is_none() && wanted => Err(format!(
                "TEST_ENGINES names {self}, and {variable} is not set"
            )),
            variable => Ok(variable.is_none() || server.is_some()),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Engine;

    #[test]
    fn an_engine_without_a_server_is_left_out_unless_demanded() {
        let url = Some("postgres://host/db");
        assert_eq!(Engine::Postgres.reach(url, ""), Ok(true));
        assert_eq!(Engine::Postgres.reach(url, "sqlite, postgres"), Ok(true));
        assert_eq!(Engine::Postgres.reach(None, "sqlite,mysql"), Ok(false));
        assert_eq!(
            Engine::Postgres
                .reach(None, "sqlite, postgres")
                .unwrap_err(),
            "TEST_ENGINES names postgres, and TEST_POSTGRES_URL is not set"
        );
        assert_eq!(Engine::Sqlite.reach(None, "sqlite"), Ok(true));
        assert_eq!(
            Engine::Sqlite.reach(None, "mariadb").unwrap_err(),
            "TEST_ENGINES names mariadb: no such engine"
        );
    }
}
