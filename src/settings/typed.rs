//! From raw values (strings, numbers, lists) to typed ones.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;

use config::ValueKind;
use ipnet::IpNet;

use super::suggestion;

/// A value as a layer holds it.
pub(super) struct Raw<'a> {
    pub(super) kind: &'a ValueKind,
    /// Whether it comes from a variable, which can only hold text.
    pub(super) from_variable: bool,
    /// The directory that a relative path starts at.
    pub(super) base: &'a Path,
}

/// What is wrong with a value, or with the element `at` of a list.
pub(super) struct Wrong {
    pub(super) at: Option<usize>,
    pub(super) problem: String,
    pub(super) remedy: String,
}

pub(super) type Parsed<T> = Result<T, Vec<Wrong>>;

/// A single problem.
pub(super) fn wrong<T>(problem: impl Into<String>, remedy: impl Into<String>) -> Parsed<T> {
    Err(vec![Wrong { at: None, problem: problem.into(), remedy: remedy.into() }])
}

/// A value in a report: escaped, and cut where it is long.
pub(super) fn shown(value: &str) -> String {
    const LONGEST: usize = 80;
    if value.chars().count() <= LONGEST {
        return format!("{value:?}");
    }
    format!("{:?}...", value.chars().take(LONGEST).collect::<String>())
}

/// Text; white space around it is a slip.
pub(super) fn text(raw: &Raw<'_>) -> Parsed<String> {
    match raw.kind {
        ValueKind::String(text) if text.trim().is_empty() => {
            wrong("It is empty.", "Give it a value, or take it out if it is optional.")
        }
        ValueKind::String(text) => Ok(text.trim().to_owned()),
        ValueKind::I64(number) => {
            wrong(format!("{number} is a number, but text is expected."), format!("Write it in quotes: \"{number}\"."))
        }
        other => wrong(format!("It is {}, but text is expected.", what(other)), "Write text in quotes."),
    }
}

/// Text that may be empty.
pub(super) fn optional_text(raw: &Raw<'_>) -> Parsed<String> {
    match raw.kind {
        ValueKind::String(blank) if blank.trim().is_empty() => Ok(String::new()),
        _ => text(raw),
    }
}

/// `true` or `false`.
pub(super) fn flag(raw: &Raw<'_>) -> Parsed<bool> {
    const REMEDY: &str = "Write true or false.";
    match raw.kind {
        ValueKind::Boolean(flag) => Ok(*flag),
        ValueKind::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            other => wrong(format!("{} is neither true nor false.", shown(other)), REMEDY),
        },
        other => wrong(format!("It is {}, but true or false is expected.", what(other)), REMEDY),
    }
}

/// A whole number within `range`.
pub(super) fn integer(range: RangeInclusive<u32>) -> impl Fn(&Raw<'_>) -> Parsed<u32> {
    move |raw| {
        let remedy = format!("Write a whole number from {} to {}.", range.start(), range.end());
        let number = match raw.kind {
            ValueKind::I64(number) => u32::try_from(*number).ok(),
            ValueKind::String(text) => match text.trim().parse::<i128>() {
                Ok(number) => u32::try_from(number).ok(),
                Err(_) => return wrong(format!("{} is not a whole number.", shown(text)), remedy),
            },
            other => return wrong(format!("It is {}, but a whole number is expected.", what(other)), remedy),
        };
        match number {
            Some(number) if range.contains(&number) => Ok(number),
            _ => wrong(format!("{} is not within range.", raw_shown(raw)), remedy),
        }
    }
}

/// One of a few words.
pub(super) fn one_of<T: Copy>(words: &[(&'static str, T)]) -> impl Fn(&Raw<'_>) -> Parsed<T> {
    move |raw| {
        let text = text(raw)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*value);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let remedy = match suggestion::nearest(&text, known.iter().copied()) {
            Some(nearest) => format!("Did you mean \"{nearest}\"? Known are {}.", known.join(", ")),
            None => format!("Write one of {}.", known.join(", ")),
        };
        wrong(format!("{} is not known here.", shown(&text)), remedy)
    }
}

/// A list; a single value is a list of one, and a variable separates elements by `separator`.
pub(super) fn list<T>(separator: char, element: impl Fn(&Raw<'_>) -> Parsed<T>) -> impl Fn(&Raw<'_>) -> Parsed<Vec<T>> {
    move |raw| {
        let split: Vec<config::Value>;
        let elements = match raw.kind {
            ValueKind::Array(elements) => elements,
            ValueKind::String(text) if text.trim().is_empty() => return Ok(Vec::new()),
            ValueKind::String(text) if raw.from_variable => {
                split = text.split(separator).map(|part| config::Value::new(None, part)).collect();
                &split
            }
            _ => return element(raw).map(|only| vec![only]),
        };
        let mut found = Vec::new();
        let mut wrongs = Vec::new();
        for (at, value) in elements.iter().enumerate() {
            match element(&Raw { kind: &value.kind, from_variable: raw.from_variable, base: raw.base }) {
                Ok(value) => found.push(value),
                Err(wrong) => wrongs.extend(wrong.into_iter().map(|wrong| Wrong { at: Some(at), ..wrong })),
            }
        }
        if wrongs.is_empty() { Ok(found) } else { Err(wrongs) }
    }
}

/// An address with its port.
pub(super) fn address(raw: &Raw<'_>) -> Parsed<SocketAddr> {
    let example = "Write address:port, such as \"0.0.0.0:8443\" or \"[::]:8443\"";
    if let ValueKind::I64(number) = raw.kind {
        return wrong(format!("{number} is a number, but an address with a port is expected."), format!("{example}."));
    }
    let text = text(raw)?;
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    let remedy = if text.parse::<IpAddr>().is_ok() {
        "Add the port, such as \"0.0.0.0:8443\" or \"[::]:8443\".".to_owned()
    } else if text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u32>().is_ok_and(|port| port > 65535)) {
        format!("{example}; ports end at 65535.")
    } else {
        format!("{example}; names are not looked up.")
    };
    wrong(format!("{} is not an address with a port.", shown(&text)), remedy)
}

/// A network, such as `10.0.0.0/8`; a single address is a network of one.
pub(super) fn network(raw: &Raw<'_>) -> Parsed<IpNet> {
    let text = text(raw)?;
    match text.parse::<IpNet>().or_else(|error| text.parse::<IpAddr>().map(IpNet::from).map_err(|_| error)) {
        Ok(network) => Ok(network.trunc()),
        Err(_) => wrong(
            format!("{} is not a network.", shown(&text)),
            "Write an address and the length of its prefix, such as \"10.0.0.0/8\" or \"fd00::/8\".",
        ),
    }
}

/// An identifier that Thales gave out: text without white space or slashes, since it stands in paths and headers.
pub(super) fn identifier(raw: &Raw<'_>) -> Parsed<String> {
    const LONGEST: usize = 128;
    if let ValueKind::I64(number) = raw.kind {
        let problem = format!("{number} is a number, but an identifier is text: a number would lose leading zeros.");
        return wrong(problem, format!("Write it in quotes: \"{number}\"."));
    }
    let text = text(raw)?;
    if text.len() <= LONGEST && text.chars().all(|c| c.is_ascii_graphic() && c != '/') {
        return Ok(text);
    }
    wrong(
        format!("{} is not an identifier.", shown(&text)),
        format!("Write it as Thales gave it: at most {LONGEST} visible ASCII characters, no slash."),
    )
}

/// A number or text as it was written, for a report.
pub(super) fn raw_shown(raw: &Raw<'_>) -> String {
    match raw.kind {
        ValueKind::String(text) => shown(text),
        ValueKind::I64(number) => number.to_string(),
        other => what(other).to_owned(),
    }
}

/// What a value is, in words.
pub(super) fn what(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "true or false",
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => "a number",
        ValueKind::Float(_) => "a number with a fraction",
        ValueKind::String(_) => "text",
        ValueKind::Table(_) => "a table",
        ValueKind::Array(_) => "a list",
    }
}

/// Words for choices whose values know their own name.
pub(super) fn words<T: Copy>(values: &[T], name: impl Fn(T) -> &'static str) -> Vec<(&'static str, T)> {
    values.iter().map(|value| (name(*value), *value)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn parse<T>(
        kind: impl Into<ValueKind>,
        parser: impl Fn(&Raw<'_>) -> Parsed<T>,
    ) -> Result<T, String> {
        let kind = kind.into();
        parser(&Raw { kind: &kind, from_variable: true, base: Path::new("") }).map_err(|wrongs| {
            wrongs.into_iter().flat_map(|wrong| [wrong.problem, wrong.remedy]).collect::<Vec<_>>().join(" ")
        })
    }

    #[test]
    fn a_variable_holds_a_list_with_commas() {
        let found = parse("10.0.0.0/8, 192.0.2.1,fd00::/8", list(',', network)).unwrap();
        assert_eq!(
            found.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["10.0.0.0/8", "192.0.2.1/32", "fd00::/8"]
        );
        assert_eq!(parse("", list(',', network)), Ok(Vec::new()));
        assert!(parse("10.0.0.0/8,,", list(',', network)).is_err());
    }

    #[test]
    fn the_hint_for_an_address_fits_the_mistake() {
        assert!(parse("0.0.0.0", address).unwrap_err().contains("Add the port"));
        assert!(parse("0.0.0.0:84430", address).unwrap_err().contains("65535"));
        assert!(parse("localhost:8443", address).unwrap_err().contains("not looked up"));
        assert!(parse("[::]:8443", address).is_ok());
    }

    #[test]
    fn an_identifier_stays_text() {
        assert_eq!(parse("0012345678", identifier).as_deref(), Ok("0012345678"));
        assert!(parse(12_345_678, identifier).unwrap_err().contains("quotes"));
        assert!(parse("a/b", identifier).is_err());
    }
}
