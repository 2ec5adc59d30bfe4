//! Long lines, broken between words.

use anstream::adapter::strip_str;

/// Columns of a line; a terminal of today has them.
const WIDTH: usize = 100;

/// `line` as lines of at most 100 columns, as far as words allow; all but the first begin with `margin` blanks. Blanks between
/// words stay as they are. What stands between two backquotes is a word: a command that is to be copied.
pub(super) fn wrapped(line: &str, margin: usize) -> String {
    let mut text = String::new();
    let mut column = 0;
    // Each piece is a word with the blanks before it.
    let mut rest = line;
    while !rest.is_empty() {
        let blanks = rest.len() - rest.trim_start_matches(' ').len();
        let word = rest.get(blanks..).unwrap_or_default();
        let (piece, after) = rest.split_at(blanks + length(word));
        let columns = columns_of(piece);
        if column + columns > WIDTH && !text.trim().is_empty() && blanks < columns {
            let word = piece.trim_start_matches(' ');
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', margin));
            text.push_str(word);
            column = margin + columns_of(word);
        } else {
            text.push_str(piece);
            column += columns;
        }
        rest = after;
    }
    text
}

/// How wide it is shown: what styles it takes no place.
fn columns_of(text: &str) -> usize {
    strip_str(text).map(|part| part.chars().count()).sum()
}

/// How long the first word of a text is, in bytes.
fn length(text: &str) -> usize {
    let mut end = 0;
    loop {
        let rest = text.get(end..).unwrap_or_default();
        let (blank, quote) = (rest.find(' '), rest.find('`'));
        match (blank, quote) {
            (Some(blank), Some(quote)) if quote < blank => {
                let behind = quote + 1;
                // A lone one quotes nothing.
                let Some(closing) = rest.get(behind..).and_then(|quoted| quoted.find('`')) else { return end + blank };
                end += behind + closing + 1;
            }
            (Some(blank), _) => return end + blank,
            (None, _) => return text.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_between_words_and_nowhere_else() {
        let words = ["word"; 40].join(" ");
        let text = wrapped(&format!("  label  {words}"), 9);
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("         word")), "{text}");
        assert_eq!(text.split_whitespace().count(), 41);
        assert_eq!(wrapped("  a   short  one", 4), "  a   short  one");
        assert_eq!(wrapped("", 4), "");
        let long = "x".repeat(300);
        assert_eq!(wrapped(&long, 4), long);
        assert_eq!(wrapped(&format!("a {long} b"), 1), format!("a\n {long}\n b"));
    }
    #[test]
    fn what_styles_a_word_takes_no_place() {
        let word = "\u{1b}[1m\u{1b}[32mword\u{1b}[0m";
        let line = |length| vec![word; length].join(" ");
        assert_eq!(wrapped(&line(20), 2), line(20));
        assert_eq!(wrapped(&line(21), 2), format!("{}\n  {word}", line(20)));
    }

    #[test]
    fn a_command_is_never_broken_and_a_lone_backquote_is_a_character() {
        let command = "`openssl pkey -in FILE -out DECRYPTED`,";
        let text = wrapped(&format!("{} {command} and {}", "x".repeat(80), "y".repeat(60)), 2);
        assert_eq!(text, format!("{}\n  {command} and\n  {}", "x".repeat(80), "y".repeat(60)));
        let words = ["word"; 40].join(" ");
        assert!(wrapped(&format!("a`b {words}"), 0).lines().all(|line| line.len() <= 100));
        assert_eq!(length("`a b``c d` e"), 10);
        assert_eq!(length("a `b c`"), 1);
    }
}
