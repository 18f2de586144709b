//! Filters and orders as words.

use crate::{Error, Result};

/// A piece of a filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// A name or keyword; quoted parts of it keep their quotes.
    Word(String),
    /// A text in single quotes, without them.
    Text(String),
    /// A number, as written.
    Number(String),
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`, or what looks like one.
    Operator(String),
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// `,`.
    Comma,
}

impl std::fmt::Display for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Token::Word(text) | Token::Number(text) | Token::Operator(text) => formatter.write_str(text),
            Token::Text(text) => write!(formatter, "'{text}'"),
            Token::Open => formatter.write_str("("),
            Token::Close => formatter.write_str(")"),
            Token::Comma => formatter.write_str(","),
        }
    }
}

/// The pieces of a filter or an order.
///
/// # Errors
/// `BadRequest` when a quote is not closed or a character has no meaning there.
pub fn tokens(text: &str) -> Result<Vec<Token>> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        let start = at;
        match character {
            character if character.is_whitespace() => at += 1,
            '(' | ')' | ',' => {
                at += 1;
                tokens.push(match character {
                    '(' => Token::Open,
                    ')' => Token::Close,
                    _ => Token::Comma,
                });
            }
            '\'' => {
                let (content, end) = quoted(&characters, at, text)?;
                at = end;
                tokens.push(Token::Text(content));
            }
            '=' | '!' | '<' | '>' => {
                while characters.get(at).is_some_and(|character| "=!<>".contains(*character)) {
                    at += 1;
                }
                tokens.push(Token::Operator(characters[start..at].iter().collect()));
            }
            character if character.is_ascii_digit() || "-+.".contains(character) => {
                at += 1;
                while characters.get(at).is_some_and(|next| {
                    next.is_ascii_alphanumeric() || *next == '.' || ("-+".contains(*next) && matches!(characters[at - 1], 'e' | 'E'))
                }) {
                    at += 1;
                }
                tokens.push(Token::Number(characters[start..at].iter().collect()));
            }
            _ => {
                at = word_end(&characters, at, text)?;
                if at == start {
                    return Err(Error::bad_request(format!("Invalid clause(s) in filter string: '{character}'")));
                }
                tokens.push(Token::Word(characters[start..at].iter().collect()));
            }
        }
    }
    Ok(tokens)
}

/// Where a word ends that begins at `at`: letters, digits, `_`, dots, and parts in double quotes or backticks.
fn word_end(characters: &[char], mut at: usize, text: &str) -> Result<usize> {
    while let Some(&character) = characters.get(at) {
        match character {
            '"' | '`' => at = quoted(characters, at, text)?.1,
            '_' | '.' => at += 1,
            character if character.is_alphanumeric() => at += 1,
            // As in `metrics.train/loss` and `params.learning-rate`: within a name these are no operators.
            '/' | '-' | ':' if at > 0 && characters.get(at + 1).is_some_and(|next| next.is_alphanumeric() || *next == '_') => at += 1,
            _ => break,
        }
    }
    Ok(at)
}

/// What stands in the quotes that open at `at`, and where it goes on behind them. A doubled quote is the quote itself.
fn quoted(characters: &[char], at: usize, text: &str) -> Result<(String, usize)> {
    let quote = characters[at];
    let mut content = String::new();
    let mut next = at + 1;
    while let Some(&character) = characters.get(next) {
        if character == quote {
            if characters.get(next + 1) != Some(&quote) {
                return Ok((content, next + 1));
            }
            next += 1;
        }
        content.push(character);
        next += 1;
    }
    Err(Error::bad_request(format!("Invalid filter '{text}'. Could not be parsed: a quote is not closed.")))
}
