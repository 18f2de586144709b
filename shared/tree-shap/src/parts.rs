//! An ensemble's trees in flat arrays, as whoever holds the model can write them.

/// A tree's output where its leaves hold a number for every output.
pub const ALL_OUTPUTS: u32 = u32::MAX;
/// The set of known categories of a split that knows every category.
pub const EVERY_CATEGORY: u32 = u32::MAX;

/// The bits that tell how a split decides.
pub mod kind {
    /// A missing value goes left.
    pub const MISSING_LEFT: u8 = 1;
    /// Goes left below the threshold; without it, at the threshold too.
    pub const BELOW: u8 = 2;
    /// Goes left where the value, a category's number, is in the split's set. A category that is not among the known is missing.
    pub const CATEGORIES: u8 = 4;
    /// A missing value counts as zero.
    pub const MISSING_IS_ZERO: u8 = 8;
    /// Zero counts as missing.
    pub const ZERO_IS_MISSING: u8 = 16;
    /// All of them.
    pub const ALL: u8 = 31;
}

/// The trees of an ensemble. Arrays named after a node's property have an entry for each node of all trees.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// Columns of the rows that are explained.
    pub columns: u32,
    /// Margins that a row has: one, or one for each class.
    pub outputs: u32,
    /// The first node of each tree, which is its root. A tree's nodes end where the next tree's begin.
    pub roots: Vec<u32>,
    /// To which output each tree adds, or [`ALL_OUTPUTS`].
    pub tree_outputs: Vec<u32>,
    /// The left child, counted from the tree's first node; below zero in a leaf.
    pub left: Vec<i32>,
    /// The right child.
    pub right: Vec<i32>,
    /// The column that the node splits on.
    pub column: Vec<u32>,
    /// Where it splits it.
    pub threshold: Vec<f64>,
    /// How: bits of [`kind`].
    pub kind: Vec<u8>,
    /// How many training rows, by weight, came to the node.
    pub cover: Vec<f64>,
    /// What a leaf adds: one number for each node, or one for each output of each node where trees add to all outputs.
    pub values: Vec<f64>,
    /// The set of categories that go left. Empty where no node splits by categories.
    pub left_set: Vec<u32>,
    /// The set of known categories, or [`EVERY_CATEGORY`]. Empty like `left_set`.
    pub known_set: Vec<u32>,
    /// Where each set ends in `words`; it begins where the one before it ends.
    pub set_ends: Vec<u32>,
    /// The sets, a bit for each category, 32 to a word.
    pub words: Vec<u32>,
}

impl Parts {
    /// How many numbers a node has in `values`.
    pub(crate) fn width(&self) -> usize {
        if self.tree_outputs.first() == Some(&ALL_OUTPUTS) { self.outputs as usize } else { 1 }
    }
}

/// Why arrays are no ensemble.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes are not in this crate's format, or end early.
    #[error("the ensemble's bytes are broken: {0}")]
    Bytes(&'static str),
    /// An array has another length than the others ask for.
    #[error("the ensemble's array {array:?} has {found} entries instead of {expected}")]
    Length { array: &'static str, found: usize, expected: usize },
    /// A tree's nodes do not form a tree.
    #[error("tree {tree} of the ensemble is broken at its node {node}: {problem}")]
    Node { tree: usize, node: usize, problem: &'static str },
    /// A tree as a whole is not one.
    #[error("tree {tree} of the ensemble is broken: {problem}")]
    Tree { tree: usize, problem: &'static str },
    /// It is larger than what is explained.
    #[error("the ensemble is too large to be explained: {0}")]
    TooLarge(String),
}
