//! Long lines, broken between words.

/// Columns of a line; a terminal of today has them.
const WIDTH: usize = 100;

/// `line` as lines of at most 100 columns, as far as words allow; all but the first begin with `margin` blanks. Blanks between
/// words stay as they are.
pub(super) fn wrapped(line: &str, margin: usize) -> String {
    let mut text = String::new();
    let mut column = 0;
    // Each piece is a word with the blanks before it.
    let mut rest = line;
    while !rest.is_empty() {
        let blanks = rest.len() - rest.trim_start_matches(' ').len();
        let word_end = rest.get(blanks..).and_then(|word| word.find(' ')).map_or(rest.len(), |end| blanks + end);
        let (piece, after) = rest.split_at(word_end);
        let columns = piece.chars().count();
        if column + columns > WIDTH && !text.trim().is_empty() && blanks < columns {
            let word = piece.trim_start_matches(' ');
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', margin));
            text.push_str(word);
            column = margin + word.chars().count();
        } else {
            text.push_str(piece);
            column += columns;
        }
        rest = after;
    }
    text
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
}
