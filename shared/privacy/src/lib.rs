//! Personal data in values: what it is, where it stands, and how it is made unreadable.
//!
//! A [`Policy`] says which types of personal data are treated and how; an [`Anonymiser`] applies it to JSON and to text.
//! Types are known by a column's name (the policy's map) or found in values: [`detect::detect`]. Finding is by hand-written
//! scanners that look at every byte a bounded number of times, so that no input makes them slow, and needs no tables to load.
//!
//! Person names, postal addresses and dates of birth have no form by which a scanner could tell them: they are treated in the
//! columns that the policy maps, and wherever the values of those columns come back (see [`Anonymiser::knowing`]).

mod anonymise;
pub mod detect;
mod policy;

pub use anonymise::{Anonymiser, MASK, anonymise};
pub use policy::{Action, Key, PiiType, Policy, PolicyError};
