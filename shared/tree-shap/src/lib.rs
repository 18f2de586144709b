//! Exact SHAP values of tree ensembles, path-dependent.
//!
//! The values are those of S. Lundberg et al., "From local explanations to global understanding with explainable AI for trees"
//! (Nature Machine Intelligence, 2020): a feature that is not known to a coalition goes both ways at its splits, in the proportion of
//! the training rows that did. They add up, with the bias, to the ensemble's margin.
//!
//! # The method
//! On the way to a leaf, let feature j have the share `z_j` (the training rows that follow the way's splits on j, of those that reach
//! them), and let `o_j` be 1 where the row itself follows them, else 0. A leaf of value v gives feature i
//!
//! ```text
//! v (o_i - z_i)  ∫ from 0 to 1 of  Π over j ≠ i of (t o_j + (1 - t) z_j)  dt
//! ```
//!
//! because the integral of `t^s (1 - t)^(d - 1 - s)` is `s! (d - 1 - s)! / d!`, Shapley's weight. Of d features on the way the
//! integrand is a polynomial of degree d - 1, so that Gauss's rule of d / 2 points, rounded up, gives it exactly. At one point the
//! product is carried from the root down, a factor for each split, and the sums over the leaves are carried back up; a feature's
//! second split on a way divides its first factor out again. So a tree costs its nodes times the points: leaves times depth for a row,
//! where the well-known algorithm costs leaves times depth squared. All numbers are positive and none grows, so that
//! deep trees lose no digits.
//!
//! Trees come as flat arrays ([`Parts`]), are checked once ([`Ensemble::new`]), and explain rows on all cores ([`Ensemble::explain`]).

mod bytes;
mod ensemble;
mod explain;
mod kernel;
mod parts;
mod quadrature;

pub use ensemble::{COLUMN_LIMIT, DEPTH_LIMIT, Ensemble, FEATURE_LIMIT, OUTPUT_LIMIT};
pub use explain::Refusal;
pub use parts::{ALL_OUTPUTS, EVERY_CATEGORY, Malformed, Parts, kind};
