//! Whether the data that a model is asked about still looks like the data it was trained on.
//!
//! A [`Profile`] keeps the training data's distribution, feature by feature, and none of its rows: for a numeric feature the
//! counts between its deciles, for a categorical one the counts of its most frequent values and of all others, and for both how
//! often it was missing. A [`Comparison`] counts newer rows into the same bins and gives each feature's population stability
//! index:
//!
//! ```text
//! PSI = Σ (aᵢ − eᵢ) · ln(aᵢ / eᵢ)
//! ```
//!
//! over the bins, `eᵢ` being a bin's share of the training rows and `aᵢ` its share of the newer ones (N. Siddiqi, *Credit Risk
//! Scorecards*, Wiley 2006, chapter 8, who also gives the limits 0.1 and 0.25; it is the symmetric divergence of S. Kullback and
//! R. Leibler, *On Information and Sufficiency*, 1951). So that an empty bin makes no infinity, half a row is added to every bin of both
//! sides before shares are taken.
//!
//! Chance alone gives an index of about (bins − 1) · (1/n + 1/m) for n training and m newer rows. Therefore few rows get an explicit
//! answer instead of an index, and bins in which fewer than 20 of the newer rows are expected are joined with their
//! neighbours (numeric) or with the other values (categorical).

mod builder;
mod comparison;
mod profile;

pub use builder::ProfileBuilder;
pub use comparison::{Comparison, FeatureDrift, MINIMUM_ROWS, Outcome, Report, Status};
pub use profile::{Feature, Profile};
