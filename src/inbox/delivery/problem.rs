//! What went wrong, in words that can be stored, logged and shown, wherever they come from.

/// Most characters that are kept of what went wrong.
const MOST: usize = 500;
const ELLIPSIS: char = '…';

/// `problem` without what is no text, and not longer than is worth reading. PostgreSQL takes no NUL, and a line of a log is one line.
pub(super) fn printable(problem: &str) -> String {
    let shown = |character| if is_printable(character) { character } else { char::REPLACEMENT_CHARACTER };
    let mut left = problem.chars().map(shown);
    let mut text: String = left.by_ref().take(MOST).collect();
    if left.next().is_some() {
        text.pop();
        text.push(ELLIPSIS);
    }
    text
}

/// Neither control characters nor what ends lines or turns the direction of the text around.
fn is_printable(character: char) -> bool {
    !character.is_control() && !matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_stays_as_it_is() {
        for problem in ["", "the backend answered 503", "keine Verbindung: Schlüssel \"ä\"", &"ü".repeat(MOST)] {
            assert_eq!(printable(problem), problem);
        }
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        assert_eq!(printable("a\0b\r\nc\u{1b}[31m\u{85}\u{2028}\u{202e}d"), "a�b��c�[31m���d");
    }

    #[test]
    fn what_is_too_long_is_cut_and_shows_it() {
        let cut = printable(&"ü".repeat(MOST + 1));
        assert_eq!(cut.chars().count(), MOST);
        assert!(cut.starts_with("üü") && cut.ends_with("ü…"));
    }
}
