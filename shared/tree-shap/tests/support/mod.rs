//! Random trees, and Shapley's values by their definition.
#![allow(dead_code, reason = "each test program uses its own part")]

use tree_shap::{ALL_OUTPUTS, EVERY_CATEGORY, Parts, kind};

/// Numbers that look random (SplitMix64), the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.bits() % limit as u64) as usize
    }

    /// Between 0 and 1.
    pub fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// What random trees are made with.
#[derive(Clone, Copy)]
pub struct Wanted {
    pub columns: u32,
    pub outputs: u32,
    pub trees: usize,
    pub depth: usize,
    pub all_outputs: bool,
    pub categories: bool,
}

pub fn ensemble(dice: &mut Dice, wanted: Wanted) -> Parts {
    let mut parts = Parts { columns: wanted.columns, outputs: wanted.outputs, ..Parts::default() };
    for _ in 0..wanted.trees {
        parts.roots.push(parts.left.len() as u32);
        parts.tree_outputs.push(if wanted.all_outputs { ALL_OUTPUTS } else { dice.below(wanted.outputs as usize) as u32 });
        let first = parts.left.len();
        grow(dice, wanted, &mut parts, first, 100.0, 0);
    }
    if wanted.categories {
        // Sets of up to 70 categories.
        for _ in 0..5 {
            let words = 1 + dice.below(3);
            parts.words.extend((0..words).map(|_| dice.bits() as u32));
            parts.set_ends.push(parts.words.len() as u32);
        }
        for node in 0..parts.left.len() {
            parts.left_set.push(dice.below(5) as u32);
            parts.known_set.push(if dice.one_in(2) { EVERY_CATEGORY } else { dice.below(5) as u32 });
            if dice.one_in(2) {
                parts.kind[node] |= kind::CATEGORIES;
            }
        }
    }
    parts
}

fn grow(dice: &mut Dice, wanted: Wanted, parts: &mut Parts, first: usize, cover: f64, depth: usize) -> i32 {
    let node = parts.left.len();
    let leaf = depth >= wanted.depth || (depth > 0 && dice.one_in(5));
    parts.left.push(-1);
    parts.right.push(-1);
    parts.column.push(dice.below(wanted.columns as usize) as u32);
    parts.threshold.push(dice.below(7) as f64);
    parts.kind.push(dice.below(32) as u8 & !kind::CATEGORIES);
    parts.cover.push(cover);
    let width = if wanted.all_outputs { wanted.outputs } else { 1 };
    parts.values.extend((0..width).map(|_| dice.share() * 4.0 - 2.0));
    if !leaf {
        // Now and then nothing of the cover goes one way.
        let share = if dice.one_in(8) { 0.0 } else { dice.share() };
        parts.left[node] = grow(dice, wanted, parts, first, cover * share, depth + 1);
        parts.right[node] = grow(dice, wanted, parts, first, cover * (1.0 - share), depth + 1);
    }
    (node - first) as i32
}

pub fn rows(dice: &mut Dice, count: usize, columns: u32) -> Vec<f64> {
    let value = |dice: &mut Dice| match dice.below(8) {
        0 => f64::NAN,
        1 => 0.0,
        2 => dice.below(90) as f64 - 5.0,
        _ => dice.below(8) as f64,
    };
    (0..count * columns as usize).map(|_| value(dice)).collect()
}

/// Whether a row goes left, told once more and plainly.
fn left(parts: &Parts, node: usize, row: &[f64]) -> bool {
    let kind = parts.kind[node];
    let mut value = row[parts.column[node] as usize];
    if value.is_nan() && kind & kind::MISSING_IS_ZERO != 0 {
        value = 0.0;
    }
    let missing = kind & kind::MISSING_LEFT != 0;
    if value.is_nan() || (value == 0.0 && kind & kind::ZERO_IS_MISSING != 0) {
        return missing;
    }
    if kind & kind::CATEGORIES != 0 {
        let within = |set: u32| {
            let begin = if set == 0 { 0 } else { parts.set_ends[set as usize - 1] as usize };
            let words = &parts.words[begin..parts.set_ends[set as usize] as usize];
            value >= 0.0
                && words.iter().enumerate().any(|(at, word)| (0..32).any(|bit| word >> bit & 1 == 1 && (at * 32 + bit) as f64 == value))
        };
        let known = parts.known_set[node];
        if value < 0.0 {
            return missing;
        }
        return within(parts.left_set[node]) || (known != EVERY_CATEGORY && !within(known) && missing);
    }
    if kind & kind::BELOW != 0 { value < parts.threshold[node] } else { value <= parts.threshold[node] }
}

/// What a tree gives a row of which only some columns are known.
fn expected(parts: &Parts, first: usize, node: usize, row: &[f64], known: u32, place: usize, width: usize) -> f64 {
    let at = first + node;
    if parts.left[at] < 0 {
        return parts.values[at * width + place];
    }
    let child = |child: i32| expected(parts, first, child as usize, row, known, place, width);
    if known >> parts.column[at] & 1 == 1 {
        return child(if left(parts, at, row) { parts.left[at] } else { parts.right[at] });
    }
    let share = |child: i32| if parts.cover[at] > 0.0 { parts.cover[first + child as usize] / parts.cover[at] } else { 0.0 };
    share(parts.left[at]) * child(parts.left[at]) + share(parts.right[at]) * child(parts.right[at])
}

/// What the ensemble gives a row of which only the columns in the bits of `known` are known.
pub fn margin(parts: &Parts, row: &[f64], output: u32, known: u32) -> f64 {
    let width = if parts.tree_outputs[0] == ALL_OUTPUTS { parts.outputs as usize } else { 1 };
    let trees = parts.roots.iter().zip(&parts.tree_outputs);
    let mine = trees.filter(|(_, to)| **to == ALL_OUTPUTS || **to == output);
    let place = if width > 1 { output as usize } else { 0 };
    mine.map(|(root, _)| expected(parts, *root as usize, 0, row, known, place, width)).sum()
}

/// Shapley's values by their definition, over all coalitions of columns; the bias last.
pub fn shapley(parts: &Parts, row: &[f64], output: u32) -> Vec<f64> {
    let columns = parts.columns;
    let margins: Vec<f64> = (0..1_u32 << columns).map(|known| margin(parts, row, output, known)).collect();
    let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
    let weight = |size: u32| factorial(size) * factorial(columns - size - 1) / factorial(columns);
    let mut values: Vec<f64> = (0..columns)
        .map(|column| {
            let without = (0..1_u32 << columns).filter(|known| known >> column & 1 == 0);
            without.map(|known| weight(known.count_ones()) * (margins[(known | 1 << column) as usize] - margins[known as usize])).sum()
        })
        .collect();
    values.push(margins[0]);
    values
}
