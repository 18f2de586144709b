//! The values are Shapley's, by their definition.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};
use support::{Dice, Wanted, ensemble, margin, rows, shapley};
use tree_shap::{Ensemble, Parts, Refusal};

fn largest_difference(ours: &[f64], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn small_ensembles_have_the_values_of_the_definition() {
    let mut dice = Dice(1);
    let mut worst = 0.0_f64;
    for round in 0..400 {
        let wanted = Wanted {
            columns: 1 + dice.below(7) as u32,
            outputs: 1 + dice.below(3) as u32,
            trees: 1 + dice.below(3),
            depth: dice.below(10),
            all_outputs: dice.one_in(2),
            categories: dice.one_in(3),
        };
        let parts = ensemble(&mut dice, wanted);
        let matrix = rows(&mut dice, 4, wanted.columns);
        let outputs: Vec<u32> = (0..4).map(|_| dice.below(wanted.outputs as usize) as u32).collect();
        let ours = Ensemble::new(&parts).unwrap().explain(&matrix, &outputs, None).unwrap();
        let width = wanted.columns as usize;
        for (at, output) in outputs.iter().enumerate() {
            let expected = shapley(&parts, &matrix[at * width..][..width], *output);
            let off = largest_difference(&ours[at * (width + 1)..][..width + 1], &expected);
            assert!(off < 1e-12, "round {round}, row {at}: off by {off}");
            worst = worst.max(off);
        }
    }
    println!("largest difference {worst:.1e}");
}

#[test]
fn many_rows_and_few_have_the_same_values_and_add_up_to_the_margin() {
    let mut dice = Dice(2);
    let wanted = Wanted { columns: 30, outputs: 3, trees: 60, depth: 14, all_outputs: true, categories: true };
    let parts = ensemble(&mut dice, wanted);
    let ensemble = Ensemble::new(&parts).unwrap();
    assert!(ensemble.depth() == 14 && ensemble.leaves() > 60);
    let matrix = rows(&mut dice, 100, 30);
    let outputs: Vec<u32> = (0..100).map(|row| row % 3).collect();
    let many = ensemble.explain(&matrix, &outputs, None).unwrap();
    for row in 0..100 {
        let values = &matrix[row * 30..][..30];
        let one = ensemble.explain(values, &outputs[row..=row], None).unwrap();
        assert!(largest_difference(&one, &many[row * 31..][..31]) < 1e-12);
        assert!((one.iter().sum::<f64>() - margin(&parts, values, outputs[row], u32::MAX)).abs() < 1e-11);
    }
}

/// A tree that is one long way, on which every feature stands several times.
fn long_way(columns: u32, depth: usize) -> Parts {
    let nodes = 2 * depth + 1;
    let mut parts = Parts { columns, outputs: 1, roots: vec![0], tree_outputs: vec![0], ..Parts::default() };
    for node in 0..nodes {
        let inner = node % 2 == 0 && node + 1 < nodes;
        parts.left.push(if inner { node as i32 + 1 } else { -1 });
        parts.right.push(if inner { node as i32 + 2 } else { -1 });
        parts.column.push((node as u32 / 2) % columns);
        parts.threshold.push(node as f64);
        parts.kind.push(0);
        parts.cover.push((nodes - node) as f64);
        parts.values.push(1.0 + (node % 5) as f64);
    }
    parts
}

#[test]
fn deep_trees_lose_no_digits() {
    for (columns, depth) in [(3, 4000), (40, 1000), (200, 1000), (1000, 3000)] {
        let parts = long_way(columns, depth);
        let ensemble = Ensemble::new(&parts).unwrap();
        for from in [0.0, 900.0, 1e9] {
            let row = vec![from; columns as usize];
            let values = ensemble.explain(&row, &[0], None).unwrap();
            let at = (0..parts.left.len())
                .find(|node| parts.left[*node] < 0 && (from <= parts.threshold[node - 1] || node + 1 == parts.left.len()));
            let margin = parts.values[at.unwrap()];
            let off = (values.iter().sum::<f64>() - margin).abs();
            assert!(off < 1e-9, "{columns} columns, depth {depth}: off by {off}");
        }
    }
}

#[test]
fn bytes_hold_the_whole_ensemble() {
    let mut dice = Dice(3);
    for categories in [false, true] {
        for all_outputs in [false, true] {
            let parts = ensemble(&mut dice, Wanted { columns: 4, outputs: 2, trees: 3, depth: 4, all_outputs, categories });
            assert_eq!(Parts::from_bytes(&parts.to_bytes()), Ok(parts));
        }
    }
}

#[test]
fn work_that_will_not_be_done_in_time_ends_early_and_says_how_much_would_be() {
    let mut dice = Dice(4);
    let parts = ensemble(&mut dice, Wanted { columns: 40, outputs: 1, trees: 200, depth: 14, all_outputs: false, categories: false });
    let ensemble = Ensemble::new(&parts).unwrap();
    let count = 40_000;
    let matrix = rows(&mut dice, count, 40);
    let began = Instant::now();
    let refused = ensemble.explain(&matrix, &vec![0; count], Some(began + Duration::from_millis(500))).unwrap_err();
    assert!(began.elapsed() < Duration::from_millis(500));
    let Refusal::TooLong { needed, rows } = refused else { panic!("{refused}") };
    assert!(needed > Duration::from_millis(500) && 0 < rows && rows < count, "{needed:?} {rows}");
}
