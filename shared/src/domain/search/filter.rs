//! Filters: clauses joined by AND.

use std::collections::BTreeMap;

use super::lexer::{Token, tokens};
use super::{LONGEST_FILTER, MOST_CLAUSES, Rules};
use crate::{Error, Result};

/// What a clause asks about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// A metric's latest value.
    Metric(String),
    /// A param.
    Param(String),
    /// A tag.
    Tag(String),
    /// Something of the thing itself, under its proper name.
    Attribute(String),
    /// A dataset that a run used: its `name`, `digest` or `context`.
    Dataset(String),
}

/// How a clause compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparator {
    /// `=`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
    /// `LIKE`, with `%` for any text and `_` for any character.
    Like,
    /// `ILIKE`: `LIKE` whatever the case.
    ILike,
    /// `IN (…)`.
    In,
    /// `NOT IN (…)`.
    NotIn,
    /// `IS NULL`.
    Absent,
    /// `IS NOT NULL`.
    Present,
}

/// What a clause compares with.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// Nothing: the clause asks whether there is a value.
    Nothing,
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// Texts.
    List(Vec<String>),
}

/// One condition of a filter.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    /// What it asks about.
    pub field: Field,
    /// How it compares.
    pub comparator: Comparator,
    /// What it compares with.
    pub operand: Operand,
}

/// What something has in a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// Nothing.
    Nothing,
}

impl Given {
    /// A text that may be there.
    pub fn text(text: Option<&str>) -> Self {
        text.map_or(Given::Nothing, |text| Given::Text(text.to_owned()))
    }

    /// The value of a key of a map.
    pub fn entry(map: &BTreeMap<String, String>, key: &str) -> Self {
        Self::text(map.get(key).map(String::as_str))
    }
}

/// The clauses of a filter; none for an empty one.
///
/// # Errors
/// `BadRequest` when it cannot be read or asks about what `rules` do not have, in the words that MLflow's clients know.
pub fn parse(filter: &str, rules: &Rules) -> Result<Vec<Clause>> {
    if filter.chars().count() > LONGEST_FILTER {
        return Err(Error::bad_request(format!("The filter must have at most {LONGEST_FILTER} characters.")));
    }
    let tokens = tokens(filter)?;
    let mut rest = tokens.as_slice();
    let mut clauses = Vec::new();
    while !rest.is_empty() {
        if !clauses.is_empty() {
            rest = match rest {
                [Token::Word(and), after @ ..] if and.eq_ignore_ascii_case("and") && !after.is_empty() => after,
                _ => return Err(invalid_clauses(rest)),
            };
        }
        let (clause, after) = clause(rest, rules)?;
        clauses.push(clause);
        rest = after;
        if clauses.len() > MOST_CLAUSES {
            return Err(Error::bad_request(format!("The filter must have at most {MOST_CLAUSES} clauses.")));
        }
    }
    Ok(clauses)
}

fn shown(tokens: &[Token]) -> String {
    tokens.iter().take(8).map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn invalid_clauses(tokens: &[Token]) -> Error {
    Error::bad_request(format!("Invalid clause(s) in filter string: '{}'", shown(tokens)))
}

fn keyword(token: Option<&Token>, word: &str) -> bool {
    matches!(token, Some(Token::Word(text)) if text.eq_ignore_ascii_case(word))
}

fn clause<'a>(tokens: &'a [Token], rules: &Rules) -> Result<(Clause, &'a [Token])> {
    let [Token::Word(name), rest @ ..] = tokens else { return Err(invalid_clauses(tokens)) };
    let (comparator, rest) = match rest {
        [Token::Operator(operator), rest @ ..] => (operator_of(operator).ok_or_else(|| invalid_clauses(tokens))?, rest),
        _ if keyword(rest.first(), "is") && keyword(rest.get(1), "null") => (Comparator::Absent, &rest[2..]),
        _ if keyword(rest.first(), "is") && keyword(rest.get(1), "not") && keyword(rest.get(2), "null") => {
            (Comparator::Present, &rest[3..])
        }
        _ if keyword(rest.first(), "not") && keyword(rest.get(1), "in") => (Comparator::NotIn, &rest[2..]),
        _ if keyword(rest.first(), "in") => (Comparator::In, &rest[1..]),
        _ if keyword(rest.first(), "like") => (Comparator::Like, &rest[1..]),
        _ if keyword(rest.first(), "ilike") => (Comparator::ILike, &rest[1..]),
        _ => return Err(invalid_clauses(tokens)),
    };
    // A word that SQL keeps for itself is no value, whatever it would be compared with.
    if ["true", "false", "null"].iter().any(|word| keyword(rest.first(), word)) {
        return Err(invalid_clauses(tokens));
    }
    let field = field(name, rules, "attribute key", rules.texts.iter().chain(rules.numbers))?;
    let (operand, rest) = match comparator {
        Comparator::Absent | Comparator::Present => (Operand::Nothing, rest),
        _ => operand(&field, rules, rest)?,
    };
    check_comparator(&field, comparator, &operand, rules)?;
    Ok((Clause { field, comparator, operand }, rest))
}

fn operator_of(operator: &str) -> Option<Comparator> {
    Some(match operator {
        "=" | "==" => Comparator::Equal,
        "!=" | "<>" => Comparator::NotEqual,
        "<" => Comparator::Less,
        "<=" => Comparator::LessOrEqual,
        ">" => Comparator::Greater,
        ">=" => Comparator::GreaterOrEqual,
        _ => return None,
    })
}

/// The field of a name such as `metrics.loss`, `` params.`a b` `` or `run_name`. `attributes` are those that may be named, and
/// `what` is what an error calls them.
///
/// # Errors
/// `BadRequest` when there is no such field.
pub(super) fn field<'a>(name: &str, rules: &Rules, what: &str, attributes: impl Iterator<Item = &'a &'static str>) -> Result<Field> {
    // The first dot that stands in no quotes parts the entity from the key.
    let mut quote = None;
    let dot = name.char_indices().find(|(_, character)| {
        match (quote, character) {
            (None, '"' | '`') => quote = Some(*character),
            (Some(open), character) if open == *character => quote = None,
            (None, '.') => return true,
            _ => {}
        }
        false
    });
    let (entity, key) = match dot {
        Some((at, _)) => (unquoted(&name[..at]), unquoted(&name[at + 1..])),
        None => ("attribute".to_owned(), unquoted(name)),
    };
    if dot.is_some() && !rules.entities.contains(&entity.as_str()) {
        return Err(Error::bad_request(format!(
            "Invalid entity type '{entity}'. Valid entity types are ({})",
            rules.entities.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
        )));
    }
    let field = match entity.as_str() {
        "metric" | "metrics" if rules.metrics => Field::Metric(key),
        "parameter" | "parameters" | "param" | "params" if rules.params => Field::Param(key),
        "tag" | "tags" => Field::Tag(key),
        "dataset" | "datasets" if rules.datasets => match key.as_str() {
            "name" | "digest" | "context" => Field::Dataset(key),
            _ => {
                return Err(Error::bad_request(format!(
                    "Invalid dataset key '{key}' specified. Valid keys are 'name', 'digest', 'context'"
                )));
            }
        },
        _ => {
            let mut known = attributes.copied().collect::<Vec<_>>();
            let proper = rules.proper(&key);
            if !known.contains(&key.as_str()) && !known.contains(&proper.as_str()) {
                known.sort_unstable();
                let known = known.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
                return Err(Error::bad_request(format!("Invalid {what} '{key}' specified. Valid keys are {known}")));
            }
            Field::Attribute(proper)
        }
    };
    Ok(field)
}

/// A word without the quotes around it.
fn unquoted(word: &str) -> String {
    for quote in ['"', '`'] {
        if word.len() >= 2 && word.starts_with(quote) && word.ends_with(quote) {
            let doubled = format!("{quote}{quote}");
            return word[1..word.len() - 1].replace(&doubled, &quote.to_string());
        }
    }
    word.to_owned()
}

fn is_number(field: &Field, rules: &Rules) -> bool {
    match field {
        Field::Metric(_) => true,
        Field::Attribute(name) => rules.numbers.contains(&name.as_str()),
        _ => false,
    }
}

fn operand<'a>(field: &Field, rules: &Rules, tokens: &'a [Token]) -> Result<(Operand, &'a [Token])> {
    let is_number = is_number(field, rules);
    match tokens {
        [Token::Number(text), rest @ ..] if is_number => {
            let number = text.parse().map_err(|_| Error::bad_request(format!("Expected numeric value. Found {text}")))?;
            Ok((Operand::Number(number), rest))
        }
        [token, ..] if is_number => Err(Error::bad_request(match field {
            Field::Metric(_) => format!("Expected numeric value type for metric. Found {token}"),
            _ => format!("Expected numeric value type for numeric attribute: {}. Found {token}", name_of(field)),
        })),
        [Token::Text(text), rest @ ..] => Ok((Operand::Text(text.clone()), rest)),
        [Token::Word(word), rest @ ..] if word.starts_with('"') => Ok((Operand::Text(unquoted(word)), rest)),
        [Token::Open, rest @ ..] => list(field, rules, rest),
        [Token::Word(word), ..] => Err(Error::bad_request(format!(
            "Parameter value is either not quoted or unidentified quote types used for string value {word}. Use either single \
             or double quotes."
        ))),
        [token, ..] => {
            Err(Error::bad_request(format!("Expected a quoted string value for {} (e.g. 'my-value'). Got value {token}", name_of(field))))
        }
        [] => Err(Error::bad_request("Invalid comparison clause. Expected 3 tokens found 2")),
    }
}

fn list<'a>(field: &Field, rules: &Rules, mut tokens: &'a [Token]) -> Result<(Operand, &'a [Token])> {
    let can_be_listed = match field {
        Field::Attribute(name) => rules.lists.contains(&name.as_str()),
        Field::Dataset(_) => true,
        _ => false,
    };
    if !can_be_listed {
        let lists = rules.lists.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        return Err(Error::bad_request(format!("Only [{lists}] attributes support comparison with a list of quoted string values.")));
    }
    if !tokens.iter().any(|token| matches!(token, Token::Close)) {
        return Err(invalid_clauses(tokens));
    }
    let ill_formed =
        || Error::bad_request("While parsing a list in the query, expected a non-empty list of string values, but got ill-formed list.");
    if let [Token::Close, ..] = tokens {
        return Err(Error::bad_request(
            "While parsing a list in the query, expected a non-empty list of string values, but got empty list",
        ));
    }
    let mut texts = Vec::new();
    loop {
        tokens = match tokens {
            [Token::Text(text), rest @ ..] => {
                texts.push(text.clone());
                rest
            }
            [Token::Word(word), rest @ ..] if word.starts_with('"') => {
                texts.push(unquoted(word));
                rest
            }
            [Token::Number(_), ..] => {
                return Err(Error::bad_request(
                    "While parsing a list in the query, expected string value, punctuation, or whitespace, but got different \
                     type in list",
                ));
            }
            _ => return Err(ill_formed()),
        };
        tokens = match tokens {
            [Token::Comma, Token::Close, rest @ ..] | [Token::Close, rest @ ..] => return Ok((Operand::List(texts), rest)),
            [Token::Comma, rest @ ..] => rest,
            _ => return Err(ill_formed()),
        };
    }
}

fn name_of(field: &Field) -> &str {
    match field {
        Field::Metric(name) | Field::Param(name) | Field::Tag(name) | Field::Attribute(name) | Field::Dataset(name) => name,
    }
}

fn check_comparator(field: &Field, comparator: Comparator, operand: &Operand, rules: &Rules) -> Result<()> {
    use Comparator::{Absent, Equal, Greater, GreaterOrEqual, ILike, In, Less, LessOrEqual, Like, NotEqual, NotIn, Present};
    let invalid = |valid: &str| Err(Error::bad_request(format!("Invalid comparator '{}' not one of {valid}", comparator.name())));
    if is_number(field, rules) {
        return match comparator {
            Equal | NotEqual | Less | LessOrEqual | Greater | GreaterOrEqual => Ok(()),
            Absent | Present => Err(Error::bad_request(format!(
                "IS NULL / IS NOT NULL is only supported for tags and params, not for '{}'",
                name_of(field)
            ))),
            _ => invalid("'=', '!=', '<', '<=', '>', '>='"),
        };
    }
    let has_entries = matches!(field, Field::Param(_) | Field::Tag(_));
    match comparator {
        Equal | NotEqual | Like | ILike if !matches!(operand, Operand::List(_)) => Ok(()),
        In | NotIn if !has_entries && matches!(operand, Operand::List(_)) => Ok(()),
        Absent | Present if has_entries && rules.absence => Ok(()),
        Absent | Present if rules.absence => {
            Err(Error::bad_request(format!("IS NULL / IS NOT NULL is only supported for tags and params, not for '{}'", name_of(field))))
        }
        Absent | Present => Err(Error::bad_request("IS NULL / IS NOT NULL is not supported for this search.")),
        _ if has_entries => invalid("'=', '!=', 'LIKE', 'ILIKE', 'IS NULL', 'IS NOT NULL'"),
        _ => invalid("'=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN'"),
    }
}

impl Comparator {
    fn name(self) -> &'static str {
        match self {
            Comparator::Equal => "=",
            Comparator::NotEqual => "!=",
            Comparator::Less => "<",
            Comparator::LessOrEqual => "<=",
            Comparator::Greater => ">",
            Comparator::GreaterOrEqual => ">=",
            Comparator::Like => "LIKE",
            Comparator::ILike => "ILIKE",
            Comparator::In => "IN",
            Comparator::NotIn => "NOT IN",
            Comparator::Absent => "IS NULL",
            Comparator::Present => "IS NOT NULL",
        }
    }
}

impl Clause {
    /// Whether what something has in the clause's field satisfies it. What has nothing there satisfies only `IS NULL`.
    pub fn holds(&self, given: &Given) -> bool {
        match (self.comparator, given) {
            (Comparator::Absent, given) => *given == Given::Nothing,
            (Comparator::Present, given) => *given != Given::Nothing,
            (_, Given::Nothing) => false,
            (comparator, Given::Number(given)) => match &self.operand {
                Operand::Number(number) => compares(comparator, *given, *number),
                _ => false,
            },
            (comparator, Given::Text(given)) => match (&self.operand, comparator) {
                (Operand::Text(text), Comparator::Equal) => given == text,
                (Operand::Text(text), Comparator::NotEqual) => given != text,
                (Operand::Text(text), Comparator::Like) => is_like(given, text),
                (Operand::Text(text), Comparator::ILike) => is_like(&given.to_lowercase(), &text.to_lowercase()),
                (Operand::List(texts), Comparator::In) => texts.contains(given),
                (Operand::List(texts), Comparator::NotIn) => !texts.contains(given),
                _ => false,
            },
        }
    }
}

fn compares(comparator: Comparator, given: f64, number: f64) -> bool {
    match comparator {
        Comparator::Equal => given == number,
        Comparator::NotEqual => given != number,
        Comparator::Less => given < number,
        Comparator::LessOrEqual => given <= number,
        Comparator::Greater => given > number,
        Comparator::GreaterOrEqual => given >= number,
        _ => false,
    }
}

/// Whether a text is like a pattern. Takes time in proportion to the product of their lengths at the worst.
fn is_like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut at, mut in_pattern) = (0, 0);
    // Where the last `%` was, and up to where of the text it stands for so far.
    let mut wild: Option<(usize, usize)> = None;
    while at < text.len() {
        match (pattern.get(in_pattern), wild) {
            (Some('%'), _) => {
                wild = Some((in_pattern, at));
                in_pattern += 1;
            }
            (Some(character), _) if *character == '_' || *character == text[at] => {
                at += 1;
                in_pattern += 1;
            }
            (_, Some((percent, covered))) => {
                wild = Some((percent, covered + 1));
                at = covered + 1;
                in_pattern = percent + 1;
            }
            (_, None) => return false,
        }
    }
    pattern[in_pattern..].iter().all(|character| *character == '%')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::rules::{EXPERIMENTS, MODEL_VERSIONS, REGISTERED_MODELS, RUNS};
    use super::*;

    fn one(filter: &str) -> Clause {
        let clauses = parse(filter, &RUNS).unwrap();
        assert_eq!(clauses.len(), 1, "{filter}");
        clauses.into_iter().next().unwrap()
    }

    #[test]
    fn fields_come_under_their_names_and_quotes() {
        for (filter, field) in [
            ("metrics.loss < 1", Field::Metric("loss".into())),
            ("metric.train/loss < 1", Field::Metric("train/loss".into())),
            ("metrics.`a b` < 1", Field::Metric("a b".into())),
            ("params.\"a.b\" = 'x'", Field::Param("a.b".into())),
            ("parameter.a = 'x'", Field::Param("a".into())),
            ("tags.mlflow.runName = 'x'", Field::Tag("mlflow.runName".into())),
            ("tag.`mlflow.note` LIKE 'x'", Field::Tag("mlflow.note".into())),
            ("run_name = 'x'", Field::Attribute("run_name".into())),
            ("attributes.created > 5", Field::Attribute("start_time".into())),
            ("attr.`Run name` = 'x'", Field::Attribute("run_name".into())),
            ("datasets.context ilike '%a%'", Field::Dataset("context".into())),
        ] {
            assert_eq!(one(filter).field, field, "{filter}");
        }
    }

    #[test]
    fn clauses_are_joined_by_and() {
        let clauses = parse("metrics.a > -1.5e-3 AND params.b='it''s' and run_id NOT IN ('x', \"y\")", &RUNS).unwrap();
        assert_eq!(clauses[0].operand, Operand::Number(-1.5e-3));
        assert_eq!(clauses[1].operand, Operand::Text("it's".into()));
        assert_eq!(clauses[2].operand, Operand::List(vec!["x".into(), "y".into()]));
        assert_eq!(clauses[2].comparator, Comparator::NotIn);
        assert!(parse("", &RUNS).unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_asked_is_refused_with_the_reason() {
        for (filter, text) in [
            ("metrics.a > 'x'", "Expected numeric value type for metric"),
            ("params.a = 5", "Expected a quoted string value"),
            ("params.a = x", "not quoted"),
            ("params.a > 'x'", "Invalid comparator '>'"),
            ("metrics.a LIKE 5", "Invalid comparator 'LIKE'"),
            ("nonsense.a = 'x'", "Invalid entity type 'nonsense'"),
            ("nothing = 'x'", "Invalid attribute key 'nothing'"),
            ("dataset.size = 'x'", "Invalid dataset key"),
            ("params.a = 'x' OR params.b = 'y'", "Invalid clause(s)"),
            ("params.a = 'x' AND", "Invalid clause(s)"),
            ("params.a", "Invalid clause(s)"),
            ("params.a =", "Expected 3 tokens"),
            ("nothing = true", "Invalid clause(s)"),
            ("params.a = 'x", "not closed"),
            ("status IN ('RUNNING')", "support comparison with a list"),
            ("run_id IN ()", "got empty list"),
            ("run_id IN (,)", "ill-formed list"),
            ("run_id IN (", "Invalid clause(s)"),
            ("run_id IN (5)", "different type"),
            ("run_id IN 'a'", "Invalid comparator 'IN'"),
            ("metrics.a IS NULL", "only supported for tags and params"),
            ("§", "Invalid clause(s)"),
            ("metrics.a = 1.2.3", "Expected numeric value"),
            ("params.a =< 'x'", "Invalid clause(s)"),
        ] {
            let error = parse(filter, &RUNS).unwrap_err();
            assert!(error.public_message().contains(text), "{filter}: {error}");
            assert_eq!(error.status(), 400, "{filter}");
        }
        assert!(parse("metrics.a > 1", &EXPERIMENTS).is_err());
        assert!(parse("tags.a IS NULL", &REGISTERED_MODELS).is_err());
        assert!(parse("version_number > 3 AND name = 'm'", &MODEL_VERSIONS).is_ok());
    }

    #[test]
    fn a_clause_holds_or_does_not() {
        assert!(one("metrics.a != 1").holds(&Given::Number(f64::NAN)));
        assert!(!one("metrics.a >= 1").holds(&Given::Number(f64::NAN)));
        assert!(one("params.a LIKE '%ores_'").holds(&Given::Text("forest".into())));
        assert!(!one("params.a LIKE 'Fo%'").holds(&Given::Text("forest".into())));
        assert!(one("params.a ILIKE 'Fo%'").holds(&Given::Text("forest".into())));
        assert!(one("params.a IS NULL").holds(&Given::Nothing));
        assert!(!one("params.a != 'x'").holds(&Given::Nothing));
        assert!(!is_like(&"a".repeat(8000), &format!("{}b", "%a".repeat(200))));
    }
}
