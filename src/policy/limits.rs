//! Limits on a policy text. Cedar has none of its own: deep nesting overflows the parser's stack, and long chains
//! overflow that of the conversion or the evaluator. Either aborts the process.

/// Bytes in one file.
pub(crate) const FILE_BYTES_MAX: usize = 256 * 1024;
/// Files in a set.
pub(crate) const FILES_MAX: usize = 512;
/// Brackets open at once. Measured: 115 are too many for a stack of 2 MiB.
pub(crate) const NESTING_MAX: usize = 32;
/// Tokens in one policy, which bounds chains (`a && b && ..`, `if .. else if ..`). Measured: 5,000 are too many.
pub(crate) const POLICY_TOKENS_MAX: usize = 1_024;

/// Which limit a text exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Excess {
    /// Too many bytes.
    #[error("more than {FILE_BYTES_MAX} bytes")]
    Bytes,
    /// Brackets nested too deep.
    #[error("more than {NESTING_MAX} brackets within brackets")]
    Nesting,
    /// Too many tokens in one policy.
    #[error("a policy of more than {POLICY_TOKENS_MAX} tokens")]
    Tokens,
}

/// The state of the scanner.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    Word,
    Slash,
    Comment,
    Text,
    Escape,
}

/// Checks a text before Cedar sees it. Knows only the part of Cedar's syntax that hides a bracket: strings and
/// comments.
pub(crate) fn check(text: &str) -> Result<(), Excess> {
    if text.len() > FILE_BYTES_MAX {
        return Err(Excess::Bytes);
    }
    let mut state = State::Between;
    let (mut nesting, mut tokens) = (0_usize, 0_usize);
    for byte in text.bytes() {
        let before = state;
        state = next(state, byte);
        if matches!(before, State::Comment | State::Text | State::Escape) || state == State::Comment {
            continue;
        }
        let continues_word = before == State::Word && state == State::Word;
        if !continues_word && !byte.is_ascii_whitespace() {
            tokens += 1;
        }
        match byte {
            b'(' | b'[' | b'{' => nesting += 1,
            b')' | b']' | b'}' => nesting = nesting.saturating_sub(1),
            b';' => tokens = 0,
            _ => {}
        }
        if nesting > NESTING_MAX {
            return Err(Excess::Nesting);
        }
        if tokens > POLICY_TOKENS_MAX {
            return Err(Excess::Tokens);
        }
    }
    Ok(())
}

fn next(state: State, byte: u8) -> State {
    match state {
        // Cedar ends a comment at either line break.
        State::Comment if byte != b'\n' && byte != b'\r' => State::Comment,
        State::Slash if byte == b'/' => State::Comment,
        State::Text if byte == b'\\' => State::Escape,
        State::Text if byte == b'"' => State::Between,
        State::Text | State::Escape => State::Text,
        State::Between | State::Word | State::Slash | State::Comment => match byte {
            b'"' => State::Text,
            b'/' => State::Slash,
            b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => State::Word,
            _ => State::Between,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}true{}", "(".repeat(depth), ")".repeat(depth))
    }

    #[test]
    fn what_would_overflow_the_stack_is_refused() {
        fn check_is(text: &str, expected: Result<(), Excess>) {
            assert_eq!(check(text), expected, "{}", text.chars().take(60).collect::<String>());
        }
        check_is(&nested(NESTING_MAX), Ok(()));
        check_is(&nested(NESTING_MAX + 1), Err(Excess::Nesting));
        check_is(&nested(10_000), Err(Excess::Nesting));
        check_is(&"[".repeat(NESTING_MAX + 1), Err(Excess::Nesting));
        check_is(&"{a: ".repeat(NESTING_MAX + 1), Err(Excess::Nesting));
        check_is(&"[(".repeat(NESTING_MAX), Err(Excess::Nesting));
        check_is(&"if true then true else ".repeat(1_000), Err(Excess::Tokens));
        check_is(&"true && ".repeat(1_000), Err(Excess::Tokens));
        check_is(&"1+".repeat(1_000), Err(Excess::Tokens));
        check_is(&".a".repeat(1_000), Err(Excess::Tokens));
        check_is(&"permit (principal, action, resource);\n".repeat(1_000), Ok(()));
        check_is(&" ".repeat(FILE_BYTES_MAX + 1), Err(Excess::Bytes));
    }

    #[test]
    fn strings_and_comments_hide_brackets_and_nothing_else_does() {
        fn check_is(before: &str, expected: Result<(), Excess>) {
            let text = format!("{before}{}", "(".repeat(NESTING_MAX + 1));
            assert_eq!(check(&text), expected, "{before:?}");
        }
        check_is("\"", Ok(()));
        check_is("\"\\\"", Ok(()));
        check_is("//", Ok(()));
        check_is("a // b", Ok(()));
        check_is("// \"\n", Err(Excess::Nesting));
        check_is("// \"\r", Err(Excess::Nesting));
        check_is("\"//\"", Err(Excess::Nesting));
        check_is("\"\\\\\"", Err(Excess::Nesting));
        check_is("/ /", Err(Excess::Nesting));
        check_is("/\"\"/", Err(Excess::Nesting));
    }
}
