//! Log lines for people. A line is a line here too, whatever it has to say: `grep` finds all of it, with its time.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// What stands where an event has a line end in it.
const LINE_END: &str = " | ";

/// Writes events as the library does, each on one line.
#[derive(Debug)]
pub(super) struct HumanLines(Format<Full>);

impl HumanLines {
    pub(super) fn new(colours: bool) -> Self {
        Self(Format::default().with_ansi(colours).with_target(false))
    }
}

impl<S, N> FormatEvent<S, N> for HumanLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let text = line.trim_end_matches('\n');
        for (number, part) in text.lines().map(str::trim_end).filter(|part| !part.is_empty()).enumerate() {
            if number > 0 {
                writer.write_str(LINE_END)?;
            }
            writer.write_str(if number > 0 { part.trim_start() } else { part })?;
        }
        writer.write_char('\n')
    }
}

#[cfg(test)]
mod tests {
    use crate::telemetry::json::testing::Kept;
    use crate::telemetry::{Format, dispatch};

    fn line(colours: bool, happen: impl FnOnce()) -> String {
        let kept = Kept::default();
        tracing::dispatcher::with_default(&dispatch(Format::Human, "info", colours, kept.clone()).unwrap(), happen);
        let lines = kept.texts();
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.into_iter().next().unwrap()
    }

    #[test]
    fn what_takes_several_lines_to_say_is_one_line_of_the_log() {
        let line = line(false, || {
            tracing::error!(event = "refused", "it stays:\nfile.toml:3: no such setting\n\n  To do: take it out.");
        });
        assert!(
            line.contains("it stays: | file.toml:3: no such setting | To do: take it out. event=\"refused\""),
            "{line}"
        );
        assert!(line.starts_with("20") && line.contains(" ERROR "), "{line}");
    }

    #[test]
    fn colours_are_there_where_they_are_wanted() {
        let say = || tracing::info!("said");
        assert!(line(true, say).contains("\u{1b}[") && !line(false, say).contains('\u{1b}'));
    }
}
