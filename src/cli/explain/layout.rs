//! A topic as text for a terminal, or as Markdown.

use crate::cli::wrapping::wrapped;

/// One thing to know of a product: a few words, and a table.
pub(super) struct Topic {
    pub(super) title: String,
    pub(super) words: String,
    /// The names of the columns; those of the last one stand below their row in a terminal, where `wide_last` says so.
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
    pub(super) wide_last: bool,
}

/// Where it is read.
#[derive(Clone, Copy)]
pub(super) enum Layout {
    Text,
    Markdown,
}

impl Layout {
    pub(super) fn heading(self, title: &str, words: &str) -> String {
        match self {
            Self::Text => format!("{title}\n{}\n\n", wrapped(&format!("  {words}"), 2)),
            Self::Markdown => format!("## {title}\n\n{words}\n\n"),
        }
    }

    pub(super) fn topic(self, topic: &Topic) -> String {
        match self {
            Self::Text => text(topic),
            Self::Markdown => markdown(topic),
        }
    }
}

fn text(topic: &Topic) -> String {
    let mut lines = vec![topic.title.clone()];
    if !topic.words.is_empty() {
        lines.push(wrapped(&format!("  {}", topic.words), 2));
    }
    let columns = topic.columns.iter().map(|&name| name.to_owned()).collect();
    let table: Vec<&Vec<String>> =
        if topic.rows.is_empty() { Vec::new() } else { std::iter::once(&columns).chain(&topic.rows).collect() };
    let in_row = topic.columns.len() - usize::from(topic.wide_last);
    let width = |at: usize| table.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..in_row).filter_map(width).collect();
    for row in table {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("  {cell:<width$}"));
        lines.push(cells.collect::<String>().trim_end().to_owned());
        lines.extend(row.get(in_row).map(|below| wrapped(&format!("      {below}"), 6)));
    }
    lines.push("\n".to_owned());
    lines.join("\n")
}

fn markdown(topic: &Topic) -> String {
    let mut text = format!("### {}\n\n", topic.title);
    if !topic.words.is_empty() {
        text = format!("{text}{}\n\n", topic.words);
    }
    if topic.rows.is_empty() {
        return text;
    }
    let rule = "---|".repeat(topic.columns.len());
    let mut lines = vec![format!("| {} |", topic.columns.join(" | ")), format!("|{rule}")];
    // A bar would end its cell.
    let escaped = |row: &Vec<String>| row.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>().join(" | ");
    lines.extend(topic.rows.iter().map(|row| format!("| {} |", escaped(row))));
    format!("{text}{}\n\n", lines.join("\n"))
}
