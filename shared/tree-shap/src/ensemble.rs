//! Trees that were checked, laid out so that a kernel runs through them once, root first, each subtree in one piece.

use crate::{
    parts::{ALL_OUTPUTS, EVERY_CATEGORY, Malformed, Parts, kind},
    quadrature::{Rule, SIZES},
};
use std::collections::HashMap;

/// The longest way from a root to a leaf.
pub const DEPTH_LIMIT: usize = 4096;
/// Most different features on one way.
pub const FEATURE_LIMIT: usize = 1024;
/// Most columns.
pub const COLUMN_LIMIT: u32 = 1 << 24;

/// Most margins of a row.
pub const OUTPUT_LIMIT: u32 = 1 << 16;

/// A node, with the edge that leads to it.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Where the node splits.
    pub threshold: f64,
    /// The share of training rows that follow the way to here on the parent's feature.
    pub share: f64,
    /// The column that the node splits on; of a leaf the place of its values.
    pub column: u32,
    /// The first node that is not below this one.
    pub end: u32,
    /// The sets of a split by categories, in `Ensemble::splits`.
    pub split: u32,
    /// Edges from the root.
    pub depth: u16,
    /// The depth of the last edge before on the parent's feature; 0 where there is none.
    pub same: u16,
    /// Bits of [`kind`].
    pub kind: u8,
    /// Whether it is its parent's left child.
    pub left: bool,
    pub leaf: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub nodes: Vec<Node>,
    pub values: Vec<f64>,
    /// The output that it adds to, or [`ALL_OUTPUTS`].
    pub output: u32,
    pub depth: usize,
    /// The points of the rule that is exact for it.
    pub points: usize,
}

impl Tree {
    /// Steps that one row takes.
    pub fn work(&self) -> f64 {
        self.nodes.len() as f64 * self.points as f64
    }

    /// Whether it adds to an output.
    pub fn adds_to(&self, output: u32) -> bool {
        self.output == ALL_OUTPUTS || self.output == output
    }
}

/// A split by categories.
#[derive(Clone, Debug)]
pub(crate) struct Split {
    left: Box<[u32]>,
    /// `None` where every category is known.
    known: Option<Box<[u32]>>,
}

/// An ensemble of trees that can be explained.
#[derive(Clone, Debug)]
pub struct Ensemble {
    pub(crate) trees: Vec<Tree>,
    pub(crate) splits: Vec<Split>,
    pub(crate) columns: usize,
    pub(crate) outputs: usize,
    pub(crate) bias: Vec<f64>,
    pub(crate) rules: HashMap<usize, Rule>,
}

impl Ensemble {
    /// Checks trees and lays them out.
    ///
    /// # Errors
    /// Where the arrays do not fit together, a tree's nodes form none (a cycle, a child out of range), a number is not one (a cover
    /// below zero, a threshold or value that is NaN), or a tree is larger than the limits of this crate.
    pub fn new(parts: &Parts) -> Result<Self, Malformed> {
        check_lengths(parts)?;
        let (sets, width) = (sets(parts)?, parts.width());
        let mut ensemble = Self {
            trees: Vec::with_capacity(parts.roots.len()),
            splits: Vec::new(),
            columns: parts.columns as usize,
            outputs: parts.outputs as usize,
            bias: vec![0.0; parts.outputs as usize],
            rules: HashMap::new(),
        };
        let mut known = HashMap::new();
        let mut last = vec![0_u16; parts.columns as usize];
        for (index, root) in parts.roots.iter().enumerate() {
            let end = parts.roots.get(index + 1).map_or(parts.left.len(), |next| *next as usize);
            let mut layout = Layout {
                parts,
                sets: &sets,
                index,
                first: *root as usize,
                count: end - *root as usize,
                width,
                last: &mut last,
                path: Vec::new(),
                splits: &mut ensemble.splits,
                known: &mut known,
                bias: &mut ensemble.bias,
            };
            let tree = layout.tree()?;
            ensemble.rules.entry(tree.points).or_insert_with(|| Rule::new(tree.points));
            ensemble.trees.push(tree);
        }
        Ok(ensemble)
    }

    /// Columns of the rows that it explains.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Margins that a row has.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The leaves of all its trees.
    pub fn leaves(&self) -> usize {
        self.trees.iter().map(|tree| tree.nodes.iter().filter(|node| node.leaf).count()).sum()
    }

    /// The longest way from a root to a leaf.
    pub fn depth(&self) -> usize {
        self.trees.iter().map(|tree| tree.depth).max().unwrap_or(0)
    }

    /// Which way a row goes at a node: whether left.
    pub(crate) fn goes_left(&self, node: &Node, row: &[f64]) -> bool {
        let mut value = row[node.column as usize];
        if node.kind & (kind::MISSING_IS_ZERO | kind::CATEGORIES | kind::ZERO_IS_MISSING) != 0 {
            return self.goes_left_specially(node, &mut value);
        }
        if value.is_nan() {
            node.kind & kind::MISSING_LEFT != 0
        } else if node.kind & kind::BELOW != 0 {
            value < node.threshold
        } else {
            value <= node.threshold
        }
    }

    fn goes_left_specially(&self, node: &Node, value: &mut f64) -> bool {
        if value.is_nan() && node.kind & kind::MISSING_IS_ZERO != 0 {
            *value = 0.0;
        }
        let missing_left = node.kind & kind::MISSING_LEFT != 0;
        if value.is_nan() || (node.kind & kind::ZERO_IS_MISSING != 0 && *value == 0.0) {
            return missing_left;
        }
        if node.kind & kind::CATEGORIES == 0 {
            return if node.kind & kind::BELOW != 0 { *value < node.threshold } else { *value <= node.threshold };
        }
        let split = &self.splits[node.split as usize];
        if *value <= -1.0 || *value > f64::from(u32::MAX) {
            return missing_left;
        }
        let category = *value as u32;
        if holds(&split.left, category) {
            true
        } else if split.known.as_ref().is_none_or(|known| holds(known, category)) {
            false
        } else {
            missing_left
        }
    }
}

fn holds(set: &[u32], category: u32) -> bool {
    set.get((category / 32) as usize).is_some_and(|word| word >> (category % 32) & 1 == 1)
}

fn check_lengths(parts: &Parts) -> Result<(), Malformed> {
    let nodes = parts.left.len();
    let trees = parts.roots.len();
    let categorical = if parts.set_ends.is_empty() { 0 } else { nodes };
    let values = nodes.saturating_mul(parts.width());
    for (array, found, expected) in [
        ("tree_outputs", parts.tree_outputs.len(), trees),
        ("right", parts.right.len(), nodes),
        ("column", parts.column.len(), nodes),
        ("threshold", parts.threshold.len(), nodes),
        ("kind", parts.kind.len(), nodes),
        ("cover", parts.cover.len(), nodes),
        ("values", parts.values.len(), values),
        ("left_set", parts.left_set.len(), categorical),
        ("known_set", parts.known_set.len(), categorical),
    ] {
        if found != expected {
            return Err(Malformed::Length { array, found, expected });
        }
    }
    if nodes > i32::MAX as usize {
        return Err(Malformed::TooLarge(format!("it has {nodes} nodes")));
    }
    if parts.columns > COLUMN_LIMIT || parts.outputs > OUTPUT_LIMIT {
        return Err(Malformed::TooLarge(format!("it has {} columns and {} outputs", parts.columns, parts.outputs)));
    }
    let all = parts.tree_outputs.first() == Some(&ALL_OUTPUTS);
    for (tree, output) in parts.tree_outputs.iter().enumerate() {
        if all != (*output == ALL_OUTPUTS) {
            return Err(Malformed::Tree { tree, problem: "some trees add to all outputs and some to one" });
        }
        if !all && *output >= parts.outputs {
            return Err(Malformed::Tree { tree, problem: "it adds to an output that is not there" });
        }
        let begin = parts.roots[tree] as usize;
        let end = parts.roots.get(tree + 1).map_or(nodes, |next| *next as usize);
        if begin >= end || end > nodes {
            return Err(Malformed::Tree { tree, problem: "it has no nodes of its own" });
        }
    }
    Ok(())
}

/// The sets of categories.
fn sets(parts: &Parts) -> Result<Vec<&[u32]>, Malformed> {
    let mut begin = 0;
    let mut sets = Vec::with_capacity(parts.set_ends.len());
    for end in &parts.set_ends {
        let end = *end as usize;
        sets.push(parts.words.get(begin..end).ok_or(Malformed::Bytes("a set of categories does not lie among the words"))?);
        begin = end;
    }
    Ok(sets)
}

/// An edge of the way to the node at hand.
struct Edge {
    column: u32,
    share: f64,
    same: u16,
}

/// A node that is still to be laid out, at the end of an edge.
struct Waiting {
    node: usize,
    left: bool,
    edge: Option<(u32, f64)>,
    depth: usize,
    reach: f64,
}

/// Lays one tree out.
struct Layout<'a> {
    parts: &'a Parts,
    sets: &'a [&'a [u32]],
    index: usize,
    first: usize,
    count: usize,
    width: usize,
    /// For each column the depth of the last edge on it, on the way to the node at hand; 0 where there is none.
    last: &'a mut [u16],
    path: Vec<Edge>,
    splits: &'a mut Vec<Split>,
    known: &'a mut HashMap<(u32, u32), u32>,
    bias: &'a mut [f64],
}

impl Layout<'_> {
    fn tree(&mut self) -> Result<Tree, Malformed> {
        let output = self.parts.tree_outputs[self.index];
        let mut tree = Tree { nodes: Vec::with_capacity(self.count), values: Vec::new(), output, depth: 0, points: 1 };
        let mut seen = vec![false; self.count];
        let mut features = 0;
        let mut most = 0;
        let mut waiting = vec![Waiting { node: 0, left: false, edge: None, depth: 0, reach: 1.0 }];
        while let Some(Waiting { node, left, edge, depth, reach }) = waiting.pop() {
            if std::mem::replace(&mut seen[node], true) {
                return Err(self.broken(node, "more than one way leads to it"));
            }
            if depth > DEPTH_LIMIT {
                return Err(Malformed::TooLarge(format!("tree {} is deeper than {DEPTH_LIMIT}", self.index)));
            }
            features -= self.leave(depth);
            let mut placed = self.placed(node, left, depth)?;
            if let Some((column, share)) = edge {
                features += usize::from(self.enter(&mut placed, column, share, depth));
            }
            most = most.max(features);
            tree.depth = tree.depth.max(depth);
            if placed.leaf {
                self.leaf(node, &mut placed, &mut tree, reach)?;
            } else {
                self.children(node, depth, reach, &mut waiting)?;
            }
            tree.nodes.push(placed);
        }
        self.leave(0);
        if most > FEATURE_LIMIT {
            return Err(Malformed::TooLarge(format!("a way of tree {} asks for {most} features; {FEATURE_LIMIT} are allowed", self.index)));
        }
        tree.points = SIZES.into_iter().find(|size| 2 * size >= most).unwrap_or(FEATURE_LIMIT / 2);
        close(&mut tree.nodes);
        Ok(tree)
    }

    /// Takes the edges off the way that do not lead to a node of this depth; gives how many features it loses.
    fn leave(&mut self, depth: usize) -> usize {
        let mut lost = 0;
        while self.path.len() >= depth.max(1) {
            if let Some(edge) = self.path.pop() {
                self.last[edge.column as usize] = edge.same;
                lost += usize::from(edge.same == 0);
            }
        }
        lost
    }

    /// Puts an edge on the way; gives whether its feature is new there.
    fn enter(&mut self, placed: &mut Node, column: u32, share: f64, depth: usize) -> bool {
        let last = &mut self.last[column as usize];
        placed.same = *last;
        // An edge of depth 1 stands first.
        placed.share = share * if *last == 0 { 1.0 } else { self.path[usize::from(*last) - 1].share };
        self.path.push(Edge { column, share: placed.share, same: *last });
        *last = depth as u16;
        placed.same == 0
    }

    fn placed(&mut self, node: usize, left: bool, depth: usize) -> Result<Node, Malformed> {
        let at = self.first + node;
        let parts = self.parts;
        let leaf = parts.left[at] < 0;
        if leaf != (parts.right[at] < 0) {
            return Err(self.broken(node, "it has one child"));
        }
        let cover = parts.cover[at];
        if !cover.is_finite() || cover < 0.0 {
            return Err(self.broken(node, "its cover is not a number from zero on"));
        }
        let mut placed = Node {
            threshold: parts.threshold[at],
            share: 1.0,
            column: parts.column[at],
            end: 0,
            split: 0,
            depth: depth as u16,
            same: 0,
            kind: parts.kind[at],
            left,
            leaf,
        };
        if leaf {
            return Ok(placed);
        }
        if placed.column >= parts.columns {
            return Err(self.broken(node, "it splits on a column that is not there"));
        }
        if placed.kind & !kind::ALL != 0 {
            return Err(self.broken(node, "its kind is not known"));
        }
        if placed.kind & kind::CATEGORIES != 0 {
            placed.split = self.split(node)?;
        } else if placed.threshold.is_nan() {
            return Err(self.broken(node, "its threshold is not a number"));
        }
        Ok(placed)
    }

    fn split(&mut self, node: usize) -> Result<u32, Malformed> {
        let at = self.first + node;
        let (Some(left), Some(known)) = (self.parts.left_set.get(at), self.parts.known_set.get(at)) else {
            return Err(self.broken(node, "it splits by categories and there are no sets of them"));
        };
        let key = (*left, *known);
        if let Some(place) = self.known.get(&key) {
            return Ok(*place);
        }
        let set = |index: u32| self.sets.get(index as usize).map(|words| Box::from(*words));
        let known = if key.1 == EVERY_CATEGORY { Some(None) } else { set(key.1).map(Some) };
        let (Some(left), Some(known)) = (set(key.0), known) else {
            return Err(self.broken(node, "its set of categories is not there"));
        };
        let place = self.splits.len() as u32;
        self.splits.push(Split { left, known });
        self.known.insert(key, place);
        Ok(place)
    }

    fn leaf(&mut self, node: usize, placed: &mut Node, tree: &mut Tree, reach: f64) -> Result<(), Malformed> {
        let begin = (self.first + node) * self.width;
        let values = &self.parts.values[begin..begin + self.width];
        if values.iter().any(|value| !value.is_finite()) {
            return Err(self.broken(node, "its value is not a finite number"));
        }
        placed.column = tree.values.len() as u32;
        tree.values.extend_from_slice(values);
        let outputs = if tree.output == ALL_OUTPUTS { 0 } else { tree.output as usize };
        self.bias[outputs..].iter_mut().zip(values).for_each(|(bias, value)| *bias += value * reach);
        Ok(())
    }

    fn children(&self, node: usize, depth: usize, reach: f64, waiting: &mut Vec<Waiting>) -> Result<(), Malformed> {
        let at = self.first + node;
        let (parts, total) = (self.parts, self.parts.cover[at]);
        // The left child is taken next.
        for (child, left) in [(parts.right[at], false), (parts.left[at], true)] {
            let child = child as usize;
            if child >= self.count {
                return Err(self.broken(node, "its child is not in the tree"));
            }
            let cover = parts.cover[self.first + child];
            let share = if total > 0.0 { cover / total } else { 0.0 };
            if !share.is_finite() {
                return Err(self.broken(node, "its child's share of its cover is not a finite number"));
            }
            waiting.push(Waiting { node: child, left, edge: Some((parts.column[at], share)), depth: depth + 1, reach: reach * share });
        }
        Ok(())
    }

    fn broken(&self, node: usize, problem: &'static str) -> Malformed {
        Malformed::Node { tree: self.index, node, problem }
    }
}

/// Notes where each subtree ends.
fn close(nodes: &mut [Node]) {
    let mut open: Vec<usize> = Vec::new();
    for index in 0..nodes.len() {
        while let Some(top) = open.last().copied().filter(|top| nodes[*top].depth >= nodes[index].depth) {
            nodes[top].end = index as u32;
            open.pop();
        }
        open.push(index);
    }
    let end = nodes.len() as u32;
    open.into_iter().for_each(|index| nodes[index].end = end);
}
