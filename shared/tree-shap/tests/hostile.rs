//! Whatever arrays and bytes come, they are refused or explained: nothing panics and nothing runs for ever.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Dice, Wanted, ensemble, rows};
use tree_shap::{Ensemble, Malformed, Parts, Refusal};

/// A root with two leaves.
fn stump() -> Parts {
    Parts {
        columns: 2,
        outputs: 1,
        roots: vec![0],
        tree_outputs: vec![0],
        left: vec![1, -1, -1],
        right: vec![2, -1, -1],
        column: vec![1, 0, 0],
        threshold: vec![0.5, 0.0, 0.0],
        kind: vec![0; 3],
        cover: vec![4.0, 1.0, 3.0],
        values: vec![0.0, 10.0, 2.0],
        ..Parts::default()
    }
}

fn problem(change: impl FnOnce(&mut Parts)) -> String {
    let mut parts = stump();
    change(&mut parts);
    Ensemble::new(&parts).unwrap_err().to_string()
}

#[test]
fn a_stump_is_explained() {
    let values = Ensemble::new(&stump()).unwrap().explain(&[9.0, 0.5, 9.0, f64::NAN], &[0, 0], None).unwrap();
    assert_eq!(values, [0.0, 6.0, 4.0, 0.0, -2.0, 4.0]);
}

#[test]
fn what_is_no_tree_is_refused_with_the_place() {
    for (expected, found) in [
        ("node 0: more than one way", problem(|parts| parts.left[0] = 0)),
        ("node 2: more than one way", problem(|parts| parts.left[0] = 2)),
        ("node 0: its child is not in the tree", problem(|parts| parts.right[0] = 3)),
        ("node 1: it has one child", problem(|parts| parts.left[1] = 2)),
        ("node 0: it splits on a column that is not there", problem(|parts| parts.column[0] = 2)),
        ("node 0: its threshold", problem(|parts| parts.threshold[0] = f64::NAN)),
        ("node 0: its kind", problem(|parts| parts.kind[0] = 128)),
        ("node 0: it splits by categories and there are no sets", problem(|parts| parts.kind[0] = 4)),
        ("node 0: its child's share", problem(|parts| parts.cover[1] = f64::NAN)),
        ("node 0: its cover", problem(|parts| parts.cover[0] = -1.0)),
        ("node 0: its child's share", problem(|parts| parts.cover[1] = f64::INFINITY)),
        ("node 1: its cover", problem(|parts| parts.cover[1] = -0.5)),
        ("node 0: its child's share", problem(|parts| (parts.cover[0], parts.cover[1]) = (1e-300, 1e300))),
        ("node 2: its value", problem(|parts| parts.values[2] = f64::NAN)),
        ("it has no nodes of its own", problem(|parts| parts.roots[0] = 3)),
        ("an output that is not there", problem(|parts| parts.tree_outputs[0] = 1)),
        ("\"cover\" has 2 entries instead of 3", problem(|parts| parts.cover.truncate(2))),
        ("too large", problem(|parts| parts.columns = u32::MAX)),
        ("too large", problem(|parts| parts.outputs = u32::MAX)),
    ] {
        assert!(found.contains(expected), "{found:?} instead of {expected:?}");
    }
}

#[test]
fn what_is_too_deep_is_refused() {
    let depth = 5000;
    let mut parts = stump();
    let nodes = 2 * depth + 1;
    parts.left = (0..nodes).map(|node| if node % 2 == 0 && node + 1 < nodes { node + 1 } else { -1 }).collect();
    parts.right = (0..nodes).map(|node| if node % 2 == 0 && node + 1 < nodes { node + 2 } else { -1 }).collect();
    let nodes = nodes as usize;
    (parts.column, parts.threshold, parts.kind) = (vec![0; nodes], vec![0.0; nodes], vec![0; nodes]);
    (parts.cover, parts.values) = (vec![1.0; nodes], vec![1.0; nodes]);
    assert!(matches!(Ensemble::new(&parts), Err(Malformed::TooLarge(_))));
}

#[test]
fn rows_of_another_shape_are_refused() {
    let ensemble = Ensemble::new(&stump()).unwrap();
    assert!(matches!(ensemble.explain(&[1.0; 3], &[0, 0], None), Err(Refusal::Shape { .. })));
    assert!(matches!(ensemble.explain(&[1.0; 2], &[1], None), Err(Refusal::Shape { .. })));
    assert_eq!(ensemble.explain(&[], &[], None), Ok(Vec::new()));
    // An ensemble without trees gives nothing.
    let none = Ensemble::new(&Parts { columns: 1, outputs: 1, ..Parts::default() }).unwrap();
    assert_eq!(none.explain(&[1.0], &[0], None), Ok(vec![0.0, 0.0]));
}

#[test]
fn broken_bytes_end_in_an_error_or_an_ensemble() {
    let mut dice = Dice(7);
    let mut read = 0;
    for round in 0..20_000_u32 {
        let wanted = Wanted { columns: 3, outputs: 2, trees: 2, depth: 3, all_outputs: round % 2 == 0, categories: round % 3 == 0 };
        let mut bytes = ensemble(&mut dice, wanted).to_bytes();
        for _ in 0..1 + dice.below(4) {
            let at = dice.below(bytes.len());
            match dice.below(3) {
                0 => bytes[at] = dice.bits() as u8,
                1 => bytes[at] ^= 1 << dice.below(8),
                _ if dice.one_in(10) => bytes.truncate(at),
                _ => bytes[at] = 0xFF,
            }
            if bytes.is_empty() {
                break;
            }
        }
        let Ok(parts) = Parts::from_bytes(&bytes) else { continue };
        // What is explained is a few columns wide here; the arrays for millions are made elsewhere.
        let Some(ensemble) = Ensemble::new(&parts).ok().filter(|ensemble| ensemble.columns() < 1000 && ensemble.outputs() < 1000) else {
            continue;
        };
        let matrix = rows(&mut dice, 2, parts.columns);
        let outputs = if ensemble.outputs() == 0 { Vec::new() } else { vec![0, 0] };
        let matrix = &matrix[..outputs.len() * ensemble.columns()];
        ensemble.explain(matrix, &outputs, None).unwrap();
        read += 1;
    }
    assert!(read > 1000, "{read}");
}
