//! Text that others wrote (names, paths, claims, labels), made harmless before it reaches a terminal, a table, a figure or a page.

use std::borrow::Cow;

/// Whether a character moves the cursor, ends a line, or changes the direction of text: C0 and C1 controls, separators of lines and
/// paragraphs, and the marks that reorder what follows (Unicode Technical Report 36, section 2.10.2).
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escaped(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_bad = |c: char| is_control(c) && !keep(c);
    if !text.contains(is_bad) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_bad(c) { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    Cow::Owned(safe)
}

/// Text of one line: control characters, line ends among them, are written as `\n`, `\u{1b}` and so on.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// Text of several lines for a terminal: as [`one_line`], but line ends and tabs stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

/// A line of Markdown in which HTML, links and images are text; other markup stays.
pub fn markdown(text: &str) -> String {
    let text = one_line(text);
    let mut safe = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        safe.push_str(match (c, characters.peek()) {
            // What begins a tag, a comment or an autolink in CommonMark 0.31, sections 6.5 and 6.6.
            ('<', Some(next)) if next.is_ascii_alphabetic() || "/!?".contains(*next) => "\\<",
            ('!', Some('[')) => "\\!",
            (']', Some('(' | '[' | ':')) => "\\]",
            _ => {
                safe.push(c);
                continue;
            }
        });
    }
    safe
}

/// As [`markdown`], for text of several lines.
pub fn markdown_lines(text: &str) -> String {
    text.split('\n').map(markdown).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_text_stays_as_it_is() {
        for text in ["", "‖f − g‖ ~ m^(-1/2), loss < 1 & `code`", "−0.5 [−0.6, −0.4]"] {
            assert!(matches!(one_line(text), Cow::Borrowed(same) if same == text));
            assert_eq!(markdown(text), text);
        }
        assert_eq!(lines("a\n\tb"), "a\n\tb");
    }

    #[test]
    fn controls_are_shown_and_not_obeyed() {
        assert_eq!(one_line("a\r\n\u{1b}[2J\u{9b}\u{7f}"), "a\\r\\n\\u{1b}[2J\\u{9b}\\u{7f}");
        assert_eq!(one_line("\u{202e}txt.exe"), "\\u{202e}txt.exe");
        assert_eq!(lines("a\nb\r"), "a\nb\\r");
    }

    #[test]
    fn html_and_links_are_text() {
        assert_eq!(markdown("<script>x</script>"), "\\<script>x\\</script>");
        assert_eq!(markdown("![x](http://evil/x.png) [y](z) [r][s]"), "\\![x\\](http://evil/x.png) [y\\](z) [r\\][s]");
    }
}
