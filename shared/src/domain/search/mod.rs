//! MLflow's search language: filters such as `metrics.accuracy > 0.9 AND params.model = 'forest'`, and orders such as
//! `metrics.accuracy DESC`. What may be asked about depends on what is searched; see [`Rules`].

pub mod filter;
mod given;
mod lexer;
pub mod order;
pub mod rules;

pub use filter::{Clause, Comparator, Field, Given, Operand};
pub use order::Order;
pub use rules::Rules;

/// The longest filter, in characters.
pub const LONGEST_FILTER: usize = 20_000;
/// The most clauses in a filter.
pub const MOST_CLAUSES: usize = 100;
/// The most orders in a search.
pub const MOST_ORDERS: usize = 20;
