//! Explains rows of an ensemble and says how long it took: `explain ENSEMBLE ROWS VALUES OUTPUT`.
//!
//! ENSEMBLE has the bytes that `Parts::from_bytes` reads, ROWS the rows as 64-bit floats; the values are written to VALUES in the same
//! way, a row's columns and its bias, which add up to the margin OUTPUT. Printed, in seconds: reading and checking the ensemble, its
//! first row alone, and all rows.

use std::{env, error::Error, fs, time::Instant};
use tree_shap::{Ensemble, Parts};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [ensemble, rows, values, output] = arguments.as_slice() else {
        return Err("usage: explain ENSEMBLE ROWS VALUES OUTPUT".into());
    };
    let (bytes, rows, output) = (fs::read(ensemble)?, fs::read(rows)?, output.parse()?);
    let began = Instant::now();
    let ensemble = Ensemble::new(&Parts::from_bytes(&bytes)?)?;
    let read = began.elapsed();
    let matrix: Vec<f64> = rows.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    let columns = ensemble.columns();
    let began = Instant::now();
    ensemble.explain(&matrix[..columns], &[output], None)?;
    let first = began.elapsed();
    let began = Instant::now();
    let found = ensemble.explain(&matrix, &vec![output; matrix.len() / columns], None)?;
    let all = began.elapsed();
    fs::write(values, found.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())?;
    println!("{} {} {}", read.as_secs_f64(), first.as_secs_f64(), all.as_secs_f64());
    Ok(())
}
