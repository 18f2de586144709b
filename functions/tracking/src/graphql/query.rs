//! A query as it was read: the operation that is to be answered, its fragments and its variables.

use graphql_parser::query;
use serde_json::{Map, Value};

use super::{answer, arguments, limits};

pub use graphql_parser::query::Number;
pub type Definition = query::Definition<'static, String>;
pub type Directive = query::Directive<'static, String>;
pub type Document = query::Document<'static, String>;
pub type Field = query::Field<'static, String>;
pub type Given = query::Value<'static, String>;
pub type OperationDefinition = query::OperationDefinition<'static, String>;
pub type Selected = query::Selection<'static, String>;
pub type SelectionSet = query::SelectionSet<'static, String>;
pub type Type = query::Type<'static, String>;
pub type VariableDefinition = query::VariableDefinition<'static, String>;

/// The part of a query that is answered.
pub struct Operation {
    pub fields: SelectionSet,
    pub fragments: answer::Fragments,
}

/// Reads a query: the operation of that name, or the only one, and the values of its variables.
///
/// # Errors
/// What is wrong with it, for the caller.
pub fn read(text: &str, operation: Option<&str>, given: &Map<String, Value>) -> Result<(Operation, Map<String, Value>), String> {
    let document: Document =
        query::parse_query::<String>(text).map_err(|error| format!("Syntax Error: {}", shortened(&error.to_string())))?.into_static();
    limits::check(&document)?;
    let (mut operations, mut fragments) = (Vec::new(), answer::Fragments::new());
    for definition in document.definitions {
        match definition {
            Definition::Operation(operation) => operations.push(parts(operation)?),
            Definition::Fragment(fragment) => {
                fragments.insert(fragment.name, fragment.selection_set);
            }
        }
    }
    let (_, definitions, fields) = match operation.filter(|name| !name.is_empty()) {
        Some(wanted) => operations
            .into_iter()
            .find(|(name, ..)| name.as_deref() == Some(wanted))
            .ok_or_else(|| format!("Unknown operation named '{wanted}'."))?,
        None if operations.len() > 1 => return Err("Must provide operation name if query contains multiple operations.".to_owned()),
        None => operations.pop().ok_or("Must provide an operation.")?,
    };
    let variables = arguments::variables(&definitions, given)?;
    Ok((Operation { fields, fragments }, variables))
}

/// An operation's name, variables and fields.
type Parts = (Option<String>, Vec<VariableDefinition>, SelectionSet);

fn parts(operation: OperationDefinition) -> Result<Parts, String> {
    match operation {
        OperationDefinition::SelectionSet(fields) => Ok((None, Vec::new(), fields)),
        OperationDefinition::Query(query) => Ok((query.name, query.variable_definitions, query.selection_set)),
        OperationDefinition::Mutation(mutation) => Ok((mutation.name, mutation.variable_definitions, mutation.selection_set)),
        OperationDefinition::Subscription(_) => Err("Schema is not configured to execute subscription operation.".to_owned()),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(500).collect()
}
