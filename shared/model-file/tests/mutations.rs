//! Thousands of broken files: none may stop the program, or cost more time than its size explains.

mod support;

use std::time::{Duration, Instant};

use support::{fixture, inspect_bytes};

/// A small generator of the same numbers on every machine (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

fn mutate(bytes: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    for _ in 0..=numbers.next(4) {
        let place = numbers.next(bytes.len());
        match numbers.next(8) {
            _ if bytes.is_empty() => bytes.push(0x80),
            0 => bytes[place] ^= 1 << numbers.next(8),
            1 => bytes[place] = numbers.next(256) as u8,
            // Lengths and places become extreme.
            2 => {
                for byte in bytes.iter_mut().skip(place).take(8) {
                    *byte = 0xff;
                }
            }
            3 => bytes.truncate(place),
            4 => {
                let end = (place + numbers.next(64)).min(bytes.len());
                bytes.drain(place..end);
            }
            5 => {
                let end = (place + numbers.next(64)).min(bytes.len());
                let part = bytes[place..end].to_vec();
                let target = numbers.next(bytes.len());
                bytes.splice(target..target, part);
            }
            6 => {
                let start = numbers.next(other.len());
                let end = (start + numbers.next(128)).min(other.len());
                bytes.splice(place..place, other[start..end].iter().copied());
            }
            _ => {
                for byte in bytes.iter_mut().skip(place).take(4) {
                    *byte = numbers.next(256) as u8;
                }
            }
        }
    }
}

#[test]
fn broken_files_give_an_answer() {
    const ROUNDS: usize = 100;
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).expect("the fixtures' folder");
    let mut names: Vec<String> = folder
        .map(|entry| entry.expect("a readable folder").file_name().into_string().expect("plain names"))
        .filter(|name| name != "make.py" && !name.starts_with("__"))
        .collect();
    names.sort();
    assert!(names.len() > 20, "{names:?}");
    let files: Vec<(String, Vec<u8>)> = names.into_iter().map(|name| (name.clone(), fixture(&name))).collect();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut answers = [0; 2];
    for (name, original) in &files {
        for _ in 0..ROUNDS {
            let other = &files[numbers.next(files.len())].1;
            let mut bytes = original.clone();
            mutate(&mut bytes, other, &mut numbers);
            let start = Instant::now();
            let answer = inspect_bytes(name, &bytes);
            assert!(start.elapsed() < Duration::from_secs(20), "{name} took {:?}", start.elapsed());
            answers[usize::from(answer.is_ok())] += 1;
        }
    }
    // The mutations reach both the readers' depths and their refusals.
    assert!(answers.iter().all(|count| *count > ROUNDS), "{answers:?}");
}

#[test]
fn every_beginning_of_a_file_gives_an_answer() {
    for name in ["forest.joblib", "forest_protocol_4.pkl", "linear.onnx", "forest_zlib.joblib", "sequential.h5"] {
        let bytes = fixture(name);
        for length in (0..bytes.len()).step_by(1 + bytes.len() / 500) {
            assert!(inspect_bytes(name, &bytes[..length]).is_err(), "{name}, {length} bytes");
        }
    }
}
