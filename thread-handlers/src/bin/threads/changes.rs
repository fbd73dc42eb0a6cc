//! What has become of a row, in words.

use crate::{
    observe::{Change, Column, Kind},
    text::{WIDTH, short, value, width},
};

impl Change {
    /// One line, or as many as it takes.
    pub(crate) fn lines(&self) -> Vec<String> {
        let sign = match self.kind {
            Kind::Added { .. } => '+',
            Kind::Changed { .. } => '~',
            Kind::Removed => '-',
        };
        let head = format!("   {sign} {} {} ", self.table, short(&self.id));
        let (indent, room) = (width(&head), WIDTH - width(&head));
        let parts: Vec<String> = match &self.kind {
            Kind::Added { row } => ["seq", "role", "status", "version", "title", "content"]
                .iter()
                .filter_map(|name| Some(format!("{name} {}", value(row.get(*name)?, room - 10))))
                .collect(),
            Kind::Changed { columns } => {
                let mut columns: Vec<&Column> = columns.iter().collect();
                columns.sort_by_key(|column| place(&column.name));
                columns.iter().map(|column| column.words(room)).collect()
            }
            Kind::Removed => Vec::new(),
        };
        let (mut lines, mut line) = (Vec::new(), head);
        for part in parts {
            if width(&line) > indent && width(&line) + 2 + width(&part) > WIDTH {
                lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            }
            let comma = if width(&line) > indent { ", " } else { "" };
            line = format!("{line}{comma}{part}");
        }
        lines.push(line);
        lines
    }
}

impl Column {
    /// A point in time only says that it is later.
    fn words(&self, room: usize) -> String {
        if self.name.ends_with("_at") {
            return match self.before {
                serde_json::Value::Null => format!("{} set", self.name),
                _ => format!("{} later", self.name),
            };
        }
        let half = (room - width(&self.name) - 4) / 2;
        let (before, after) = (value(&self.before, half), value(&self.after, half));
        format!("{} {before} → {after}", self.name)
    }
}

/// Where a changed column is shown: what a person would ask for first.
fn place(name: &str) -> usize {
    let order = ["title", "status", "metadata", "archived_at", "updated_at"];
    let known = order.iter().position(|known| *known == name);
    known.unwrap_or(order.len())
}
