//! What a broken TOML text still says of `[admin]`.

use toml_edit::Document;

/// What could be read of a text.
pub(super) struct Salvaged {
    /// TOML.
    pub(super) text: String,
    /// Whether that is all of it.
    pub(super) is_whole: bool,
}

/// All of a text that is TOML. Of another one what may be about the admin listener: the tables whose header tells of `admin` and what
/// stands before the first header, each as a whole or else those of its lines that are TOML by themselves.
pub(super) fn salvaged(text: &str) -> Salvaged {
    if is_toml(text) {
        return Salvaged { text: text.to_owned(), is_whole: true };
    }
    let mut kept = String::new();
    for piece in pieces(text) {
        let has_header = is_header(piece);
        let (header, lines) = piece.split_at(if has_header { end_of_line(piece) } else { 0 });
        if has_header && !header.contains("admin") || keep(&mut kept, piece) {
            continue;
        }
        // Without its header, lines would be another table's.
        if has_header && !keep(&mut kept, header) {
            continue;
        }
        for line in lines.split_inclusive('\n') {
            keep(&mut kept, line);
        }
    }
    Salvaged { text: kept, is_whole: false }
}

/// The text before the first header, then each header with what stands below it.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut end) = (0, 0);
    for line in text.split_inclusive('\n') {
        if is_header(line) && end > start {
            pieces.extend(text.get(start..end));
            start = end;
        }
        end += line.len();
    }
    pieces.extend(text.get(start..));
    pieces
}

/// Whether it begins with the header of a table. An element of a list may look like one, in a list that is lost then.
fn is_header(piece: &str) -> bool {
    piece.trim_start_matches([' ', '\t', '\u{feff}']).starts_with('[')
}

fn end_of_line(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |at| at + 1)
}

/// Adds `piece` where all of it is TOML then.
fn keep(kept: &mut String, piece: &str) -> bool {
    let before = kept.len();
    kept.push_str(piece);
    let good = is_toml(kept);
    if !good {
        kept.truncate(before);
    }
    good
}

fn is_toml(text: &str) -> bool {
    Document::parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADMIN: &str = "[admin]\nlisten = \"127.0.0.1:9191\"\n";

    #[test]
    fn a_text_without_errors_is_kept_as_it_is() {
        let text = format!("[server]\nworkers = 1\n{ADMIN}");
        let salvaged = salvaged(&text);
        assert!(salvaged.is_whole);
        assert_eq!(salvaged.text, text);
    }

    #[test]
    fn an_error_elsewhere_leaves_the_table_of_the_admin_listener() {
        for broken in
            ["[server]\nlisten = [\"0.0.0.0:8443\"\n", "[server\n", "[log]\nlevel = \"info\nformat = 1\n", "=\n"]
        {
            for text in [format!("{broken}{ADMIN}"), format!("{ADMIN}{broken}")] {
                // What has no header of its own belongs to the table before it.
                let salvaged = salvaged(&text);
                assert!(!salvaged.is_whole, "{text}");
                assert_eq!(salvaged.text, ADMIN, "{text}");
            }
        }
    }

    #[test]
    fn an_error_in_the_table_itself_leaves_its_other_lines() {
        let text =
            format!("{ADMIN}token_file = \"token\nmetrics = \"open\"\n[admin.tls]\ncertificate_chain = \"a.pem\"\n");
        let kept = text.replace("token_file = \"token\n", "");
        assert_eq!(salvaged(&text).text, kept);
        // Written twice: the first one counts.
        assert_eq!(salvaged(&format!("{ADMIN}{ADMIN}")).text, ADMIN);
        // A header that is broken takes its lines along, which would be another table's.
        assert_eq!(salvaged(&format!("{ADMIN}[admin.tls\nlisten = 1\n")).text, ADMIN);
        // Without headers.
        let dotted = "server.workers = \nadmin.listen = \"127.0.0.1:9191\"\n";
        assert_eq!(salvaged(dotted).text, "admin.listen = \"127.0.0.1:9191\"\n");
    }

    #[test]
    fn what_is_no_toml_at_all_leaves_nothing() {
        for text in ["garbage", "[admin", "\u{fffd}\u{0}[", "{ \"admin\": 1 }"] {
            assert_eq!(salvaged(text).text, "", "{text:?}");
        }
    }
}
