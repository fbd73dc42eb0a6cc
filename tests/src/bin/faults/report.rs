//! What a run came to: for a person, for a page, for a program.

use serde::Serialize;
use sqlx_transactional_tests::campaign::{Campaign, Goal, Tally};
use std::fmt::Write;
use std::time::Duration;

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) what: &'static str,
    pub(crate) campaign: Campaign,
    pub(crate) cases: u64,
    pub(crate) seed: u64,
    pub(crate) elapsed: Duration,
}

#[derive(Serialize)]
struct Json<'a> {
    what: &'a str,
    seed: u64,
    cases: u64,
    tries: u64,
    seconds: f64,
    tallies: Vec<Row>,
    violations: Vec<Violation<'a>>,
}

#[derive(Serialize)]
struct Row {
    goal: String,
    promise: &'static str,
    engine: &'static str,
    tried: u64,
    held: u64,
    violated: u64,
    slowest_ms: f64,
}

#[derive(Serialize)]
struct Violation<'a> {
    goal: String,
    engine: &'a str,
    case: &'a str,
    seed: u64,
    problem: &'a str,
    repeat: String,
}

impl Report {
    /// Columns for a terminal.
    pub(crate) fn table(&self) -> String {
        let mut table = format!(
            "{:<5} {:<9} {:>7} {:>7} {:>9} {:>13}  promise\n",
            "goal", "engine", "tried", "held", "violated", "slowest (ms)"
        );
        for row in self.rows() {
            let _ = writeln!(
                table,
                "{:<5} {:<9} {:>7} {:>7} {:>9} {:>13.1}  {}",
                row.goal,
                row.engine,
                row.tried,
                row.held,
                row.violated,
                row.slowest_ms,
                row.promise
            );
        }
        let _ = writeln!(table, "{}", self.sum());
        table
    }

    pub(crate) fn markdown(&self) -> String {
        let mut page = format!("# Faults: {}\n\n{}\n\n", self.what, self.sum());
        page.push_str("| goal | promise | engine | tried | held | violated | slowest (ms) |\n");
        page.push_str("|---|---|---|--:|--:|--:|--:|\n");
        for row in self.rows() {
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} | {} | {} | {:.1} |",
                row.goal,
                row.promise,
                row.engine,
                row.tried,
                row.held,
                row.violated,
                row.slowest_ms
            );
        }
        let violations = self.campaign.violations();
        if !violations.is_empty() {
            page.push_str("\n## Violations\n\n");
        }
        for one in violations {
            let problem = one.outcome.as_ref().err().map_or("", String::as_str);
            let _ = writeln!(
                page,
                "- {} on {}: `{}`: {problem}  \n  `{}`",
                one.goal,
                one.engine,
                one.case,
                one.command()
            );
        }
        page
    }

    /// # Errors
    ///
    /// None that is known: everything in it is a text or a number.
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        let violations = self.campaign.violations().iter().map(|one| Violation {
            goal: one.goal.to_string(),
            engine: one.engine,
            case: &one.case,
            seed: one.seed,
            problem: one.outcome.as_ref().err().map_or("", String::as_str),
            repeat: one.command(),
        });
        let json = Json {
            what: self.what,
            seed: self.seed,
            cases: self.cases,
            tries: self.campaign.tried(),
            seconds: self.elapsed.as_secs_f64(),
            tallies: self.rows().collect(),
            violations: violations.collect(),
        };
        Ok(serde_json::to_string_pretty(&json)? + "\n")
    }

    fn rows(&self) -> impl Iterator<Item = Row> {
        let row = |(&(goal, engine), tally): (&(Goal, &'static str), &Tally)| Row {
            goal: goal.to_string(),
            promise: goal.promise(),
            engine,
            tried: tally.tried,
            held: tally.held,
            violated: tally.violated(),
            slowest_ms: tally.slowest.as_secs_f64() * 1e3,
        };
        self.campaign.tallies().iter().map(row)
    }

    fn sum(&self) -> String {
        format!(
            "{} cases, {} tries, {} violated, seed {}, {:.1} s",
            self.cases,
            self.campaign.tried(),
            self.campaign.violations().len(),
            self.seed,
            self.elapsed.as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx_transactional_tests::campaign::Try;

    fn report() -> Report {
        let mut campaign = Campaign::quiet();
        for outcome in [Ok(()), Err("half of it".to_owned())] {
            campaign.note(Try {
                goal: Goal::R3,
                engine: "mysql",
                case: "block/hold/client/3".to_owned(),
                seed: 7,
                took: Duration::from_micros(1_500),
                outcome,
            });
        }
        Report {
            what: "quick",
            campaign,
            cases: 2,
            seed: 7,
            elapsed: Duration::from_secs(2),
        }
    }

    #[test]
    fn the_table_has_a_line_for_each_goal_and_engine() {
        let table = report().table();
        let lines: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split_whitespace().take(6).collect())
            .collect();
        assert_eq!(lines[1], ["R3", "mysql", "2", "1", "1", "1.5"]);
        assert_eq!(lines[2], ["2", "cases,", "2", "tries,", "1", "violated,"]);
    }

    #[test]
    fn a_violation_is_in_the_page_and_in_the_json() {
        let page = report().markdown();
        assert!(page.contains("| R3 | a future dropped"), "{page}");
        assert!(page.contains("`block/hold/client/3`: half of it"), "{page}");
        let json: serde_json::Value = serde_json::from_str(&report().json().unwrap()).unwrap();
        assert_eq!(json["tallies"][0]["violated"], 1);
        assert_eq!(json["violations"][0]["problem"], "half of it");
        let repeat = json["violations"][0]["repeat"].as_str().unwrap();
        assert!(repeat.ends_with("--engine mysql --case block/hold/client/3 --seed 7"));
    }
}
