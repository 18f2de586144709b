//! One row through one tree.

use crate::{
    ensemble::{Ensemble, Node, Tree},
    quadrature::{Rule, SIZES},
};

/// What a kernel writes on meanwhile, an entry for each depth of the way.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The product of the way's factors at each point, with the point's weight.
    down: Vec<f64>,
    /// The same times the leaf's value, added up over the leaves below so far.
    up: Vec<f64>,
    /// One over the factor of the edge's feature, where the row follows the way on it.
    inverse: Vec<f64>,
    edges: Vec<Edge>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Edge {
    /// Whether the row follows the way to here on the edge's feature.
    followed: bool,
    /// Whether the row goes left at the edge's lower end.
    goes_left: bool,
    /// The edge's feature.
    column: u32,
    /// The column that the lower end splits on.
    splits: u32,
    same: u16,
    share: f64,
}

/// Adds to each column's sum what the tree's leaves give it for this row and output.
pub fn add(ensemble: &Ensemble, tree: &Tree, row: &[f64], output: usize, scratch: &mut Scratch, sums: &mut [f64]) {
    if tree.nodes.len() <= 1 {
        return;
    }
    let Some(rule) = ensemble.rules.get(&tree.points) else { return };
    let run = Run { ensemble, tree, row, output, rule };
    macro_rules! of_size {
        ($($size:literal)*) => {
            match tree.points {
                $($size => run.add::<$size>(scratch, sums),)*
                // A tree's points are one of the sizes.
                _ => {}
            }
        };
    }
    const _: () = assert!(SIZES.len() == 21);
    of_size!(1 2 3 4 5 6 7 8 9 10 12 14 16 20 24 32 48 64 128 256 512);
}

struct Run<'a> {
    ensemble: &'a Ensemble,
    tree: &'a Tree,
    row: &'a [f64],
    output: usize,
    rule: &'a Rule,
}

/// What one kernel reads and writes.
struct Board<'a, const K: usize> {
    points: [f64; K],
    /// One less each point.
    rest: [f64; K],
    /// One over that.
    rest_inverse: [f64; K],
    down: &'a mut [[f64; K]],
    up: &'a mut [[f64; K]],
    inverse: &'a mut [[f64; K]],
    edges: &'a mut [Edge],
    sums: &'a mut [f64],
}

impl Run<'_> {
    fn add<const K: usize>(&self, scratch: &mut Scratch, sums: &mut [f64]) {
        let levels = self.tree.depth + 1;
        for numbers in [&mut scratch.down, &mut scratch.up, &mut scratch.inverse] {
            if numbers.len() < levels * K {
                numbers.resize(levels * K, 0.0);
            }
        }
        if scratch.edges.len() < levels {
            scratch.edges.resize(levels, Edge::default());
        }
        let points: [f64; K] = std::array::from_fn(|q| self.rule.points[q]);
        let mut board = Board {
            points,
            rest: points.map(|point| 1.0 - point),
            rest_inverse: points.map(|point| 1.0 / (1.0 - point)),
            down: scratch.down.as_chunks_mut().0,
            up: scratch.up.as_chunks_mut().0,
            inverse: scratch.inverse.as_chunks_mut().0,
            edges: &mut scratch.edges,
            sums,
        };
        board.down[0] = std::array::from_fn(|q| self.rule.weights[q]);
        board.up[0] = [0.0; K];
        let nodes = &self.tree.nodes;
        board.edges[0] =
            Edge { splits: nodes[0].column, goes_left: self.ensemble.goes_left(&nodes[0], self.row), followed: true, ..Edge::default() };
        let width = if self.tree.output == crate::ALL_OUTPUTS { self.output } else { 0 };
        let mut open = 0;
        let mut at = 1;
        while let Some(node) = nodes.get(at) {
            let depth = usize::from(node.depth);
            while open >= depth {
                board.close(open);
                open -= 1;
            }
            if !board.enter(node, depth) {
                at = node.end as usize;
                continue;
            }
            if node.leaf {
                let value = self.tree.values[node.column as usize + width];
                board.up[depth] = board.down[depth].map(|product| product * value);
                board.close(depth);
            } else {
                board.up[depth] = [0.0; K];
                board.edges[depth].splits = node.column;
                board.edges[depth].goes_left = self.ensemble.goes_left(node, self.row);
                open = depth;
            }
            at += 1;
        }
        while open >= 1 {
            board.close(open);
            open -= 1;
        }
    }
}

impl<const K: usize> Board<'_, K> {
    /// Multiplies the edge's factor in; `false` where nothing below gives anything.
    #[inline(always)]
    fn enter(&mut self, node: &Node, depth: usize) -> bool {
        let above = self.edges[depth - 1];
        let share = node.share;
        let same = usize::from(node.same);
        // The edge before on the same feature, whose factor this one replaces.
        let before = (same > 0).then(|| self.edges[same]);
        let followed = node.left == above.goes_left && before.is_none_or(|before| before.followed);
        let product = self.down[depth - 1];
        if followed {
            let factor: [f64; K] = std::array::from_fn(|q| self.points[q] + self.rest[q] * share);
            self.inverse[depth] = factor.map(|factor| 1.0 / factor);
            self.down[depth] = match before {
                None => std::array::from_fn(|q| product[q] * factor[q]),
                Some(_) => std::array::from_fn(|q| product[q] * factor[q] * self.inverse[same][q]),
            };
        } else if share == 0.0 {
            // No training row and not this one.
            return false;
        } else {
            self.down[depth] = match before {
                None => std::array::from_fn(|q| product[q] * (self.rest[q] * share)),
                Some(before) if before.followed => std::array::from_fn(|q| product[q] * (self.rest[q] * share) * self.inverse[same][q]),
                Some(before) => {
                    let ratio = share / before.share;
                    product.map(|product| product * ratio)
                }
            };
        }
        self.edges[depth] = Edge { followed, goes_left: false, column: above.splits, splits: 0, same: node.same, share };
        true
    }

    /// Adds what all leaves below an edge give to its feature, and hands their sums up.
    #[inline(always)]
    fn close(&mut self, depth: usize) {
        let edge = self.edges[depth];
        let below = self.up[depth];
        let above = &mut self.up[depth - 1];
        for q in 0..K {
            above[q] += below[q];
        }
        let same = usize::from(edge.same);
        let before = (same > 0).then(|| self.edges[same]);
        // (o - z) / (t o + (1 - t) z), less the same of the edge before, which has these leaves below it too.
        let own = |inverse: &[f64; K]| -> f64 { (0..K).map(|q| below[q] * inverse[q]).sum::<f64>() };
        let mut given = 0.0;
        match before {
            Some(before) if before.followed => given -= (1.0 - before.share) * own(&self.inverse[same]),
            Some(_) => return,
            None => {}
        }
        if edge.followed {
            given += (1.0 - edge.share) * own(&self.inverse[depth]);
        } else {
            given -= own(&self.rest_inverse);
        }
        self.sums[edge.column as usize] += given;
    }
}
