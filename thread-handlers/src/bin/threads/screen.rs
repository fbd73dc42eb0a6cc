//! What the program prints.

use std::{
    fmt::Arguments,
    io::{Stdout, Write},
};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::{
    report::{Act, Tally, Trial},
    text::{WIDTH, count, fill, fit, millis, statement, width},
    timeline::Step,
};

const HEAD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const TRANSACTION: Style = AnsiColor::Cyan.on_default();

/// How much is printed, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manner {
    pub(crate) quiet: bool,
    pub(crate) json: bool,
}

/// Standard output, in colour only where somebody sees it.
#[derive(Debug)]
pub(crate) struct Screen {
    out: AutoStream<Stdout>,
    manner: Manner,
    /// Nobody reads any more. The work goes on for the sake of its exit code.
    gone: bool,
}

impl Screen {
    pub(crate) fn new(manner: Manner) -> Self {
        Self {
            out: anstream::stdout(),
            manner,
            gone: false,
        }
    }

    fn line(&mut self, line: Arguments<'_>) {
        if !self.gone {
            self.gone = writeln!(self.out, "{line}").is_err();
        }
    }

    fn json(&mut self, value: &impl Serialize) {
        if let Ok(json) = serde_json::to_string(value) {
            self.line(format_args!("{json}"));
        }
    }

    fn talks(&self) -> bool {
        !self.manner.quiet && !self.manner.json
    }

    /// A chapter.
    pub(crate) fn chapter(&mut self, title: &str, about: &str) {
        if self.talks() {
            let rule = "─".repeat(WIDTH.saturating_sub(width(title) + 4));
            self.line(format_args!("\n{HEAD}── {title} {rule}{HEAD:#}"));
            for line in about.lines() {
                self.line(format_args!("{DIM}   {}{DIM:#}", line.trim()));
            }
        }
    }

    /// A remark.
    pub(crate) fn say(&mut self, text: &str) {
        if self.talks() {
            self.line(format_args!("{}", fit(text, WIDTH)));
        }
    }

    /// One operation and its timeline.
    pub(crate) fn act(&mut self, number: usize, act: &Act) {
        if self.manner.json && !self.manner.quiet {
            return self.json(act);
        }
        if !self.talks() {
            return;
        }
        let name = act.operation;
        let about = fit(&act.about, WIDTH - 6 - width(name));
        self.line(format_args!("\n{number:2} {HEAD}{name}{HEAD:#}  {about}"));
        if act.sent_anything() {
            for step in &act.steps {
                self.step(step);
            }
        } else {
            self.line(format_args!("   {DIM}nothing was sent{DIM:#}"));
        }
        for event in &act.events {
            self.line(format_args!("   event {event}"));
        }
        let (style, word) = if act.error.is_none() {
            (GOOD, "Ok")
        } else {
            (BAD, "Err")
        };
        let answer = fit(&act.answer, WIDTH - 4 - word.len());
        self.line(format_args!("   {style}{word}{style:#} {answer}"));
        if act.changes.is_empty() {
            self.line(format_args!(
                "   {DIM}a second connection sees no change{DIM:#}"
            ));
        } else {
            self.line(format_args!("   {DIM}a second connection sees{DIM:#}"));
        }
        for change in &act.changes {
            for line in change.lines() {
                self.line(format_args!("{line}"));
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Begin { micros } => self.transaction("BEGIN", *micros),
            Step::Commit { micros } => self.transaction("COMMIT", *micros),
            Step::Rollback { micros } => self.transaction("ROLLBACK", *micros),
            Step::Statement {
                sql,
                rows,
                micros,
                depth,
            } => {
                let indent = 3 + 2 * (1 + depth);
                let room = WIDTH - indent - 21;
                let sql = fill(&statement(sql, room), room);
                let rows = match rows {
                    1 => "1 row ".to_owned(),
                    rows => format!("{rows} rows"),
                };
                let time = millis(*micros);
                self.line(format_args!(
                    "{:indent$}{sql} {rows:>8} {DIM}{time:>11}{DIM:#}",
                    ""
                ));
            }
            Step::Joined { name, depth } => {
                let indent = 3 + 2 * depth;
                self.line(format_args!("{:indent$}{DIM}{name} joins{DIM:#}", ""));
            }
            Step::Because { text } | Step::Note { text } => {
                self.line(format_args!("   {DIM}{}{DIM:#}", fit(text, WIDTH - 3)));
            }
        }
    }

    fn transaction(&mut self, word: &str, micros: u64) {
        let time = millis(micros);
        let room = WIDTH - 3 - 11;
        self.line(format_args!(
            "   {TRANSACTION}{word:room$}{TRANSACTION:#}{DIM}{time:>11}{DIM:#}"
        ));
    }

    /// The heading of one operation's trials.
    pub(crate) fn trials(&mut self, operation: &str, statements: usize) {
        if self.talks() {
            let head = fill(
                &format!("{operation}, {}", count(statements, "statement")),
                33,
            );
            self.line(format_args!(
                "\n{HEAD}{head}{HEAD:#} {DIM}the caller gets      data  events  pool{DIM:#}"
            ));
        }
    }

    /// Trials of one kind that ended alike.
    pub(crate) fn alike(&mut self, trials: &[Trial]) {
        if self.manner.json && !self.manner.quiet {
            for trial in trials {
                self.json(trial);
            }
        }
        let Some(first) = trials.first().filter(|_| self.talks()) else {
            return;
        };
        let places = trials.iter().filter_map(|trial| trial.at);
        let what = match (places.clone().min(), places.max()) {
            (Some(from), Some(to)) if from != to => format!("{} {from} to {to}", first.kind.at()),
            _ => first.what(),
        };
        let (style, mark) = if first.held {
            (GOOD, "held")
        } else {
            (BAD, "NOT")
        };
        self.line(format_args!(
            "  {} {} {:5} {:6}  {:5} {style}{mark}{style:#}",
            fill(&what, 31),
            fill(&first.gets, 20),
            first.data,
            first.events,
            first.pool,
        ));
    }

    /// The table of all trials, and the verdict.
    pub(crate) fn close(&mut self, tally: &Tally) {
        if self.manner.json {
            return self.json(&tally.summary());
        }
        let names = tally.operations();
        if !self.manner.quiet {
            self.chapter("What was tried and held", "");
        }
        let heads = columns(&names);
        self.line(format_args!("{:32}{DIM}{heads}{:>8}{DIM:#}", "", "all"));
        for (label, cells, all) in tally.rows() {
            let cells = columns(&cells);
            self.line(format_args!("{label:32}{cells}{all:>8}"));
        }
        for trial in tally.failed() {
            let found = format!(
                "{}, {}: {}; data {}, events {}, pool {} {}",
                trial.operation,
                trial.what(),
                trial.gets,
                trial.data,
                trial.events,
                trial.pool,
                trial.why.as_deref().unwrap_or_default(),
            );
            self.line(format_args!("{BAD}{}{BAD:#}", fit(&found, 4 * WIDTH)));
        }
        let (tried, held) = tally.total();
        let (style, verdict) = if tried == held {
            (
                GOOD,
                format!("All {tried} held: the data, the events and the pool were as promised."),
            )
        } else {
            (BAD, format!("{} of {tried} did not hold.", tried - held))
        };
        self.line(format_args!("\n{style}{verdict}{style:#}"));
    }
}

/// Cells of the table, one after another.
fn columns(cells: &[impl std::fmt::Display]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>8}")).collect();
    cells.concat()
}
