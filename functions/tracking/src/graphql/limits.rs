//! How much one query may ask: MLflow's own limits, so that one request stays one request's work.

use super::query::{Definition, Document, OperationDefinition, Selected, SelectionSet};

const MOST_ROOT_FIELDS: usize = 10;
const MOST_ALIASES: usize = 10;
const DEEPEST: usize = 10;
const MOST_SELECTIONS: usize = 1000;

#[derive(Default)]
struct Seen {
    root_fields: usize,
    aliases: usize,
    selections: usize,
}

/// That a query stays within the limits.
///
/// # Errors
/// The limit that it exceeds, in MLflow's words.
pub fn check(document: &Document) -> Result<(), String> {
    let mut seen = Seen::default();
    for definition in &document.definitions {
        let fields = match definition {
            Definition::Operation(OperationDefinition::SelectionSet(fields)) => fields,
            Definition::Operation(OperationDefinition::Query(query)) => &query.selection_set,
            Definition::Operation(OperationDefinition::Mutation(mutation)) => &mutation.selection_set,
            Definition::Operation(OperationDefinition::Subscription(subscription)) => &subscription.selection_set,
            Definition::Fragment(fragment) => &fragment.selection_set,
        };
        look(fields, 1, &mut seen)?;
    }
    for (count, most, what, variable) in [
        (seen.root_fields, MOST_ROOT_FIELDS, "root fields", "MLFLOW_SERVER_GRAPHQL_MAX_ROOT_FIELDS"),
        (seen.aliases, MOST_ALIASES, "aliases", "MLFLOW_SERVER_GRAPHQL_MAX_ALIASES"),
    ] {
        if count > most {
            return Err(format!(
                "GraphQL queries should have at most {most} {what}, got {count} {what} ({variable} of MLflow's own server)."
            ));
        }
    }
    Ok(())
}

fn look(fields: &SelectionSet, depth: usize, seen: &mut Seen) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!("Query exceeds maximum depth of {DEEPEST}"));
    }
    let mut aliases = 0;
    for selection in &fields.items {
        seen.selections += 1;
        if seen.selections > MOST_SELECTIONS {
            return Err(format!("Query exceeds maximum total selections of {MOST_SELECTIONS}"));
        }
        match selection {
            Selected::Field(field) => {
                seen.root_fields += usize::from(depth == 1);
                aliases += usize::from(field.alias.is_some());
                if !field.selection_set.items.is_empty() {
                    look(&field.selection_set, depth + 1, seen)?;
                }
            }
            Selected::InlineFragment(fragment) => look(&fragment.selection_set, depth + 1, seen)?,
            Selected::FragmentSpread(_) => {}
        }
    }
    seen.aliases = seen.aliases.max(aliases);
    Ok(())
}
