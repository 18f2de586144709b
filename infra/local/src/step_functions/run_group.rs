//! Parallel and Map: several branches at once, of which one failure ends the others.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::definition::{Graph, INLINE_MAP_CONCURRENCY, Map};
use super::error::{StateError, within_limit};
use super::expression::Template;
use super::record::{Outcome, Progress};
use super::run::{Branch, Halt, Iteration};

impl Branch {
    /// Runs the branches of a Parallel state; gives their outputs in order.
    pub(super) async fn parallel(&mut self, branches: &[Arc<Graph>], arguments: Option<&Template>) -> Result<Value, Halt> {
        if !matches!(self.record.progress, Progress::Branches { .. }) {
            let input = match arguments {
                Some(arguments) => arguments.evaluate(&self.scope(&[]), "Arguments")?,
                None => self.record.input.clone(),
            };
            within_limit(&input, "The state's arguments")?;
            self.event("ParallelStateStarted", None);
            self.record.progress = Progress::Branches { input };
            self.commit(true).await?;
        }
        let Progress::Branches { input } = self.record.progress.clone() else {
            return Err(Halt::Failed(StateError::runtime("The Parallel state's record is damaged.")));
        };
        let group = self.cancel.child_token();
        let child = |index: usize| Ok(self.child(index, Arc::clone(&branches[index]), input.clone(), None, group.clone()));
        self.group(branches.len(), branches.len(), &group, child).await
    }

    /// Runs a Map state's processor for each item; gives the outputs in order.
    pub(super) async fn map(&mut self, map: &Map) -> Result<Value, Halt> {
        if !matches!(self.record.progress, Progress::Items { .. }) {
            let scope = self.scope(&[]);
            let items = match &map.items {
                Some(items) => items.evaluate_as(&scope, "Items", "array", |value| value.as_array().cloned())?,
                None => self
                    .record
                    .input
                    .as_array()
                    .cloned()
                    .ok_or_else(|| StateError::query("The Map state has no Items, so its input must be an array, which it is not."))?,
            };
            let concurrency = match &map.max_concurrency {
                Some(concurrency) => concurrency.evaluate_as(&scope, "MaxConcurrency", "whole number of at least 0", Value::as_u64)?,
                None => 0,
            };
            let concurrency = match usize::try_from(concurrency).unwrap_or(usize::MAX) {
                0 => INLINE_MAP_CONCURRENCY,
                concurrency => concurrency.min(INLINE_MAP_CONCURRENCY),
            };
            self.event("MapStateStarted", Some(("mapStateStartedEventDetails", json!({"length": items.len()}))));
            self.record.progress = Progress::Items { items, concurrency };
            self.commit(true).await?;
        }
        let Progress::Items { items, concurrency } = self.record.progress.clone() else {
            return Err(Halt::Failed(StateError::runtime("The Map state's record is damaged.")));
        };
        let group = self.cancel.child_token();
        let child = |index: usize| {
            let iteration = Iteration { map: self.record.state.clone(), index, value: items[index].clone() };
            let input = match &map.item_selector {
                None => iteration.value.clone(),
                Some(selector) => {
                    let mut scope = self.scope(&[]);
                    if let Some(Value::Object(context)) = scope.states.get_mut("context") {
                        context.insert("Map".to_owned(), iteration.context());
                    }
                    selector.evaluate(&scope, "ItemSelector")?
                }
            };
            within_limit(&input, "The iteration's input")?;
            Ok(self.child(index, Arc::clone(&map.processor), input, Some(iteration), group.clone()))
        };
        self.group(items.len(), concurrency, &group, child).await
    }

    /// Runs `count` branches, `concurrency` of them at once. The first failure stops the others, and is the group's.
    async fn group(
        &self,
        count: usize,
        concurrency: usize,
        group: &CancellationToken,
        child: impl Fn(usize) -> Result<Branch, StateError>,
    ) -> Result<Value, Halt> {
        let failed =
            |index| self.execution.has_record(&self.child_path(index), |record| matches!(record.outcome, Some(Outcome::Failed(_))));
        if (0..count).any(failed) {
            // One failed before the process ended; what the others have begun outside ends too.
            group.cancel();
        }
        let mut outputs = vec![Value::Null; count];
        let mut running = FuturesUnordered::new();
        let mut waiting = 0..count;
        let mut halt = None;
        loop {
            while running.len() < concurrency
                && let Some(index) = waiting.next()
            {
                if group.is_cancelled() && !self.execution.has_record(&self.child_path(index), |_| true) {
                    halt.get_or_insert(Halt::Aborted);
                    continue;
                }
                match child(index) {
                    Ok(mut branch) => running.push(async move { (index, branch.run().await) }),
                    Err(error) => {
                        group.cancel();
                        worse(&mut halt, Halt::Failed(error));
                    }
                }
            }
            match running.next().await {
                None => break,
                Some((index, Ok(output))) => outputs[index] = output,
                Some((_, Err(Halt::Suspended(error)))) => return Err(Halt::Suspended(error)),
                Some((_, Err(other))) => {
                    group.cancel();
                    worse(&mut halt, other);
                }
            }
        }
        match halt {
            // A failure that came together with the stop of the whole changes nothing about the stop.
            Some(_) if self.cancel.is_cancelled() => Err(Halt::Aborted),
            Some(halt) => Err(halt),
            None => Ok(Value::Array(outputs)),
        }
    }
}

/// Keeps the first failure; an aborted branch says nothing about why.
fn worse(halt: &mut Option<Halt>, other: Halt) {
    if !matches!(halt, Some(Halt::Failed(_))) {
        *halt = Some(other);
    }
}
