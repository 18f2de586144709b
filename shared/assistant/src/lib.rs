//! The assistant behind the ML development API's chat: it understands a question about the platform, says what has to be
//! looked up for it, and answers from what was found there and from nothing else. Deterministic, and without a network: the
//! same question over the same platform has the same answer.
//!
//! ```text
//! (the caller reads the lists) ─> Facts
//! message, context, facts ─ understand ─> Question ─ details ─> (the caller reads the one run, the models' snapshots) ─ answer ─> Reply
//! ```

mod answer;
mod facts;
mod hints;
mod measure;
mod question;
mod reply;
mod vocabulary;
mod words;

pub use answer::{Details, answer, details};
pub use facts::{Facts, Model, Recipe, Run, Snapshot};
pub use question::{Action, Ask, Context, Question, Refusal, Subject, understand};
pub use reply::{Kind, Reference, Reply, SuggestedCall};

/// The longest message, in characters.
pub const LONGEST_MESSAGE: usize = 4_000;
