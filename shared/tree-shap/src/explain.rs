//! Rows through all trees, on all cores, within a time.

use crate::{
    ensemble::Ensemble,
    kernel::{Scratch, add},
};
use std::{
    num::NonZero,
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Less work than this, in steps, is done sooner by one thread than another one starts.
const WORTH_A_THREAD: f64 = 200_000.0;
/// Steps after which a thread looks at the clock.
const UNTIL_THE_CLOCK: f64 = 1_000_000.0;
/// What must have been done before it is judged how long the rest takes.
const SAMPLE: Duration = Duration::from_millis(50);
/// Most rows that go through a tree before the next tree is taken.
const BLOCK: usize = 32;

/// Why rows are not explained.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The rows are not those of this ensemble.
    #[error("{rows} rows of {columns} columns cannot have {numbers} numbers, and one of {outputs} outputs each")]
    Shape { rows: usize, columns: usize, numbers: usize, outputs: usize },
    /// The time is not enough, as the beginning has shown.
    #[error("explaining all rows takes about {needed:?}; in the time there is, {rows} can be explained")]
    TooLong { needed: Duration, rows: usize },
}

/// Who does what, and what became of it.
struct Work<'a> {
    ensemble: &'a Ensemble,
    matrix: &'a [f64],
    outputs: &'a [u32],
    tasks: Vec<Task>,
    next: AtomicUsize,
    /// What each task has found, in the tasks' order.
    found: Mutex<Vec<Option<Vec<f64>>>>,
    clock: Clock,
}

struct Task {
    rows: Range<usize>,
    trees: Range<usize>,
}

/// How much is done by when.
struct Clock {
    began: Instant,
    until: Option<Instant>,
    total: f64,
    /// Thousands of steps that are done.
    done: AtomicUsize,
    late: AtomicBool,
}

impl Clock {
    /// Notes steps; `false` where the work must end, because it will not be done in time.
    fn note(&self, steps: f64) -> bool {
        self.done.fetch_add((steps / 1000.0) as usize, Ordering::Relaxed);
        if let Some(until) = self.until
            && self.began.elapsed() >= SAMPLE
            && self.began + self.needed() > until
        {
            self.late.store(true, Ordering::Relaxed);
        }
        !self.late.load(Ordering::Relaxed)
    }

    /// How long all takes, judged by what is done.
    fn needed(&self) -> Duration {
        let share = (self.done.load(Ordering::Relaxed) as f64 * 1000.0 / self.total).clamp(1e-9, 1.0);
        Duration::from_secs_f64((self.began.elapsed().as_secs_f64() / share).min(1e9))
    }
}

impl Ensemble {
    /// The steps, of a nanosecond or two each, that a row takes whose margin is this output's.
    pub fn work(&self, output: u32) -> f64 {
        self.trees.iter().filter(|tree| tree.adds_to(output)).map(crate::ensemble::Tree::work).sum()
    }

    /// Explains rows: for each its columns' values and, last, the bias, which add up to the margin of the row's output.
    ///
    /// `matrix` has the rows one after the other; `outputs` says for each row which margin is explained. Where `until` is given the
    /// work ends as soon as its pace shows that it will not be done by then.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn explain(&self, matrix: &[f64], outputs: &[u32], until: Option<Instant>) -> Result<Vec<f64>, Refusal> {
        let rows = outputs.len();
        if rows.checked_mul(self.columns) != Some(matrix.len()) || outputs.iter().any(|output| *output as usize >= self.outputs) {
            return Err(Refusal::Shape { rows, columns: self.columns, numbers: matrix.len(), outputs: self.outputs });
        }
        let by_output: Vec<f64> = (0..self.outputs as u32).map(|output| self.work(output)).collect();
        let total: f64 = outputs.iter().map(|output| by_output[*output as usize]).sum();
        let threads = if total < WORTH_A_THREAD { 1 } else { thread::available_parallelism().map_or(1, NonZero::get).min(64) };
        let tasks = self.tasks(rows, threads);
        let work = Work {
            ensemble: self,
            matrix,
            outputs,
            next: AtomicUsize::new(0),
            found: Mutex::new(vec![None; tasks.len()]),
            tasks,
            clock: Clock { began: Instant::now(), until, total, done: AtomicUsize::new(0), late: AtomicBool::new(false) },
        };
        thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(|| work.run());
            }
            work.run();
        });
        work.result()
    }

    /// Blocks of rows where there are enough for all threads, else parts of the trees.
    fn tasks(&self, rows: usize, threads: usize) -> Vec<Task> {
        let trees = self.trees.len();
        if threads == 1 || rows >= 4 * threads {
            let block = (rows / (4 * threads)).clamp(1, BLOCK);
            return (0..rows).step_by(block).map(|begin| Task { rows: begin..rows.min(begin + block), trees: 0..trees }).collect();
        }
        let parts = (4 * threads).min(trees).max(1);
        (0..parts).map(|part| Task { rows: 0..rows, trees: part * trees / parts..(part + 1) * trees / parts }).collect()
    }
}

impl Work<'_> {
    /// Does tasks until there are none left.
    fn run(&self) {
        let mut scratch = Scratch::default();
        while let Some((at, task)) = {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            self.tasks.get(at).map(|task| (at, task))
        } {
            let Some(sums) = self.task(task, &mut scratch) else { return };
            self.found.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(sums);
        }
    }

    fn task(&self, task: &Task, scratch: &mut Scratch) -> Option<Vec<f64>> {
        let columns = self.ensemble.columns;
        let mut sums = vec![0.0; task.rows.len() * columns];
        let mut steps = 0.0;
        for tree in &self.ensemble.trees[task.trees.clone()] {
            for (row, place) in task.rows.clone().zip(0..) {
                let output = self.outputs[row];
                if !tree.adds_to(output) {
                    continue;
                }
                let values = &self.matrix[row * columns..(row + 1) * columns];
                add(self.ensemble, tree, values, output as usize, scratch, &mut sums[place * columns..(place + 1) * columns]);
                steps += tree.work();
                if steps >= UNTIL_THE_CLOCK {
                    if !self.clock.note(steps) {
                        return None;
                    }
                    steps = 0.0;
                }
            }
        }
        self.clock.note(steps).then_some(sums)
    }

    fn result(self) -> Result<Vec<f64>, Refusal> {
        let (rows, columns) = (self.outputs.len(), self.ensemble.columns);
        let found = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        if found.iter().any(Option::is_none) {
            let needed = self.clock.needed();
            let until = self.clock.until.unwrap_or(self.clock.began);
            let there_is = until.saturating_duration_since(self.clock.began).as_secs_f64();
            // Somewhat fewer, for no two requests take quite the same time.
            let rows = (rows as f64 * 0.8 * there_is / needed.as_secs_f64()) as usize;
            return Err(Refusal::TooLong { needed, rows });
        }
        let mut result = vec![0.0; rows * (columns + 1)];
        for (task, sums) in self.tasks.iter().zip(found.into_iter().flatten()) {
            for (row, place) in task.rows.clone().zip(0..) {
                let to = &mut result[row * (columns + 1)..][..columns];
                to.iter_mut().zip(&sums[place * columns..]).for_each(|(to, sum)| *to += sum);
            }
        }
        for (row, output) in self.outputs.iter().enumerate() {
            result[row * (columns + 1) + columns] = self.ensemble.bias[*output as usize];
        }
        Ok(result)
    }
}
