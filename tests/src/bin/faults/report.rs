//! What a run came to: for a person, for a page, for a program.

use crate::control::Control;
use serde::Serialize;
use sqlx_transactional_tests::campaign::{Campaign, Goal, Tally, Try};
use std::fmt::Write;
use std::time::Duration;

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) what: &'static str,
    pub(crate) control: Option<Control>,
    pub(crate) campaign: Campaign,
    pub(crate) cases: u64,
    pub(crate) seed: u64,
    pub(crate) elapsed: Duration,
    /// What the sweeps said of themselves.
    pub(crate) remarks: Vec<String>,
}

/// The engines of a table for readers: how they are counted, and their names.
const ENGINES: [(&str, &str); 3] = [
    ("sqlite", "SQLite"),
    ("postgres", "PostgreSQL"),
    ("mysql", "MariaDB"),
];

#[derive(Serialize)]
struct Json<'a> {
    what: &'a str,
    seed: u64,
    cases: u64,
    tries: u64,
    seconds: f64,
    tallies: Vec<Row>,
    violations: Vec<Violation<'a>>,
    remarks: &'a [String],
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
        let names = ENGINES.map(|(_, name)| name).join(" | ");
        let _ = writeln!(
            page,
            "| goal | what is promised | {names} | tried | held | violated | slowest |"
        );
        page.push_str("|---|---|--:|--:|--:|--:|--:|--:|--:|\n");
        for goal in Goal::ALL {
            if let Some(line) = self.line(goal) {
                let _ = writeln!(page, "{line}");
            }
        }
        if !self.remarks.is_empty() {
            page.push('\n');
        }
        for remark in &self.remarks {
            let _ = writeln!(page, "- {remark}");
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
                self.repeat(one)
            );
        }
        page
    }

    /// The command that repeats a violation.
    fn repeat(&self, one: &Try) -> String {
        match self.control {
            Some(control) => format!("{} --control {control}", one.command()),
            None => one.command(),
        }
    }

    /// One goal on all engines; `None` if nothing was asked for it.
    fn line(&self, goal: Goal) -> Option<String> {
        let of = |engine| self.campaign.tallies().get(&(goal, engine)).copied();
        let tallies = ENGINES.map(|(engine, _)| of(engine));
        let mut sum = Tally::default();
        for tally in tallies.into_iter().flatten() {
            sum.tried += tally.tried;
            sum.held += tally.held;
            sum.slowest = sum.slowest.max(tally.slowest);
        }
        let cells =
            tallies.map(|tally| tally.map_or("–".to_owned(), |tally| tally.tried.to_string()));
        (sum.tried > 0).then(|| {
            format!(
                "| {goal} | {} | {} | {} | {} | {} | {:.1} ms |",
                goal.promise(),
                cells.join(" | "),
                sum.tried,
                sum.held,
                sum.violated(),
                sum.slowest.as_secs_f64() * 1e3
            )
        })
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
            repeat: self.repeat(one),
        });
        let json = Json {
            what: self.what,
            seed: self.seed,
            cases: self.cases,
            tries: self.campaign.tried(),
            seconds: self.elapsed.as_secs_f64(),
            tallies: self.rows().collect(),
            violations: violations.collect(),
            remarks: &self.remarks,
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
            control: None,
            campaign,
            cases: 2,
            seed: 7,
            elapsed: Duration::from_secs(2),
            remarks: vec!["a sweep ended".to_owned()],
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
        let line = "nothing behind | – | – | 2 | 2 | 1 | 1 | 1.5 ms |";
        assert!(page.contains(line), "{page}");
        assert!(page.contains("- a sweep ended"), "{page}");
        assert!(page.contains("`block/hold/client/3`: half of it"), "{page}");
        let json: serde_json::Value = serde_json::from_str(&report().json().unwrap()).unwrap();
        assert_eq!(json["tallies"][0]["violated"], 1);
        assert_eq!(json["violations"][0]["problem"], "half of it");
        let repeat = json["violations"][0]["repeat"].as_str().unwrap();
        assert!(repeat.ends_with("--engine mysql --case block/hold/client/3 --seed 7"));
    }

    #[test]
    fn a_violation_of_a_control_is_repeated_there() {
        let report = Report {
            control: Some(Control::Plain),
            ..report()
        };
        let page = report.markdown();
        assert!(page.contains("--seed 7 --control plain`"), "{page}");
    }
}
