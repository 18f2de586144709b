//! Searching runs. By start time, and by one metric, they come from an index in order; a clause about a metric narrows down
//! what is read.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::lanes::Lanes;
use super::metric_lanes::{MetricLanes, Start, value_of};
use super::position::Position;
use super::{CHUNK, Filling, MOST_SORTED, size_of, sorted};
use crate::Result;
use crate::domain::lifecycle::LifecycleStage;
use crate::domain::run::{DatasetInput, Run};
use crate::domain::search::{Clause, Comparator, Field, Given, Operand, Order};
use crate::paging::Page;
use crate::store::Store;
use crate::store::keys::Index;
use crate::store::query::Query;
use crate::store::run_metrics::{MetricEntry, value_order};
use crate::store::runs::{RunItem, list};

/// How many reads of one request are under way at once.
const CONCURRENT_READS: usize = 8;

/// Up to how many runs that satisfy a clause about a metric are read from the metric's index to be put in another order.
const MOST_BY_METRIC: usize = 4000;

/// What runs are searched for.
#[derive(Debug, Clone)]
pub struct RunSearch {
    /// The experiments whose runs are meant.
    pub experiment_ids: Vec<String>,
    /// Those of the experiments that are deleted: so are all their runs. See [`Store::deleted_experiments`].
    pub deleted_experiment_ids: BTreeSet<String>,
    /// The lifecycle stages that are meant.
    pub stages: Vec<LifecycleStage>,
    /// What the runs must satisfy.
    pub clauses: Vec<Clause>,
    /// In which order they come; the newest first where nothing else tells.
    pub orders: Vec<Order>,
    /// How many are wanted at the most.
    pub limit: usize,
}

/// How a search is answered.
enum Plan {
    /// From the list of runs by start time.
    ByTime { ascending: bool },
    /// From the list of a metric's latest values.
    ByMetric { metric: String, ascending: bool },
    /// By reading what matches, and sorting it.
    InMemory,
}

/// The least and the greatest value that clauses about one metric leave; both are included.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bounds {
    least: f64,
    greatest: f64,
}

impl RunSearch {
    fn plan(&self) -> Plan {
        let is_tie = |order: &Order| order.field == Field::Attribute("start_time".into()) && !order.ascending;
        match self.orders.as_slice() {
            [] => Plan::ByTime { ascending: false },
            [Order { field: Field::Attribute(name), ascending }] if name == "start_time" => Plan::ByTime { ascending: *ascending },
            [Order { field: Field::Metric(metric), ascending }, rest @ ..] if rest.is_empty() || (rest.len() == 1 && is_tie(&rest[0])) => {
                Plan::ByMetric { metric: metric.clone(), ascending: *ascending }
            }
            _ => Plan::InMemory,
        }
    }

    /// What the clauses leave of a metric's values; `None` when they do not speak of it, or not only of its bounds.
    fn bounds(&self, metric: &str) -> Option<Bounds> {
        let mut bounds = Bounds { least: f64::NEG_INFINITY, greatest: f64::INFINITY };
        let mut narrowed = false;
        for clause in &self.clauses {
            let (Field::Metric(name), Operand::Number(number)) = (&clause.field, &clause.operand) else { continue };
            if name != metric || number.is_nan() {
                continue;
            }
            match clause.comparator {
                Comparator::Equal => {
                    bounds.least = bounds.least.max(*number);
                    bounds.greatest = bounds.greatest.min(*number);
                }
                Comparator::Greater | Comparator::GreaterOrEqual => bounds.least = bounds.least.max(*number),
                Comparator::Less | Comparator::LessOrEqual => bounds.greatest = bounds.greatest.min(*number),
                _ => continue,
            }
            narrowed = true;
        }
        narrowed.then_some(bounds)
    }

    fn description(&self) -> String {
        format!("{:?} {:?} {:?} {:?}", self.experiment_ids, self.stages, self.clauses, self.orders)
    }

    fn asks_datasets(&self) -> bool {
        self.clauses.iter().any(|clause| matches!(clause.field, Field::Dataset(_)))
    }

    /// A run's stage: in a deleted experiment every run is deleted.
    fn stage_of(&self, run: &Run) -> LifecycleStage {
        match self.deleted_experiment_ids.contains(&run.experiment_id) {
            true => LifecycleStage::Deleted,
            false => run.lifecycle_stage,
        }
    }

    /// The lists in which an experiment's runs of the stages are.
    fn lists_of(&self, experiment_id: &str) -> Vec<String> {
        const BOTH: [LifecycleStage; 2] = [LifecycleStage::Active, LifecycleStage::Deleted];
        let stages = match (self.deleted_experiment_ids.contains(experiment_id), self.stages.contains(&LifecycleStage::Deleted)) {
            (false, _) => self.stages.as_slice(),
            (true, true) => &BOTH,
            (true, false) => &[],
        };
        stages.iter().map(|stage| list(experiment_id, *stage)).collect()
    }

    fn matches(&self, run: &Run, datasets: &[DatasetInput]) -> bool {
        self.stages.contains(&self.stage_of(run))
            && self.clauses.iter().all(|clause| match &clause.field {
                Field::Dataset(what) => datasets.iter().any(|dataset| clause.holds(&given_of(dataset, what))),
                field => clause.holds(&run.given(field)),
            })
    }

    fn time_queries(&self, ascending: bool) -> Vec<Query> {
        let lists = self.experiment_ids.iter().flat_map(|id| self.lists_of(id));
        lists
            .map(|partition| {
                let query = Query::index(Index::First, partition);
                if ascending { query.newest_first() } else { query }
            })
            .collect()
    }
}

fn given_of(dataset: &DatasetInput, what: &str) -> Given {
    match what {
        "name" => Given::text(Some(&dataset.name)),
        "digest" => Given::text(Some(&dataset.digest)),
        _ => Given::entry(&dataset.tags, crate::store::datasets::CONTEXT_TAG),
    }
}

impl Bounds {
    /// Where a metric's list is read from.
    fn start(self, ascending: bool) -> Start {
        Start::At(value_order(if ascending { self.least } else { self.greatest }))
    }

    /// True when a sort key of a metric's list is behind the last value.
    fn is_past(self, key: &str, ascending: bool) -> bool {
        let value = value_of(key);
        if ascending { value > value_order(self.greatest).as_str() } else { value < value_order(self.least).as_str() }
    }
}

/// Whether an entry of a metric's list is what the run says.
fn confirms(run: &Run, metric: &str, key: &str) -> bool {
    run.metrics.get(metric).is_some_and(|latest| value_order(latest.value) == value_of(key))
}

/// The newest first, then by id.
fn natural(one: &Run, other: &Run) -> Ordering {
    other.start_time.cmp(&one.start_time).then_with(|| one.id.cmp(&other.id))
}

fn size(run: &Run) -> usize {
    600 + size_of(&run.params) + size_of(&run.tags) + run.metrics.keys().map(|key| key.len() + 90).sum::<usize>()
}

impl Store {
    /// Searches runs. A page may hold fewer than were wanted and yet not be the last: its token says so.
    ///
    /// # Errors
    /// `BadRequest` when the token is not one of this search, or an order without an index meets too many runs; `Internal`
    /// when DynamoDB does not answer.
    pub async fn search_runs(&self, search: &RunSearch, page_token: Option<&str>) -> Result<Page<Run>> {
        let position = Position::of(page_token, &search.description())?;
        if search.experiment_ids.is_empty() || search.stages.is_empty() {
            return Ok(Page { items: Vec::new(), next_page_token: None });
        }
        match search.plan() {
            Plan::ByMetric { metric, ascending } => self.runs_by_metric(search, &metric, ascending, position).await,
            Plan::ByTime { ascending } => match self.runs_of_clause(search).await? {
                Some(found) => {
                    let orders = [Order { field: Field::Attribute("start_time".into()), ascending }];
                    Ok(self.page_in_memory(search, found, &orders, position))
                }
                None => self.runs_by_time(search, ascending, position).await,
            },
            Plan::InMemory => {
                let found = match self.runs_of_clause(search).await? {
                    Some(found) => found,
                    None => self.all_matching(search).await?,
                };
                Ok(self.page_in_memory(search, found, &search.orders, position))
            }
        }
    }

    async fn runs_by_time(&self, search: &RunSearch, ascending: bool, mut position: Position) -> Result<Page<Run>> {
        let chunk = if search.clauses.is_empty() { search.limit + 1 } else { CHUNK.max(search.limit + 1) };
        let mut lanes = Lanes::<RunItem>::new(search.time_queries(ascending), ascending, position.after(), chunk.min(1000));
        let mut filling = Filling::new(search.limit);
        loop {
            let items = lanes.next(self).await?;
            if items.is_empty() {
                return Ok(Page { items: filling.items, next_page_token: None });
            }
            for (key, run) in self.matching(search, items).await? {
                if filling.ends_before(run.is_some()) {
                    return Ok(Page { items: filling.items, next_page_token: Some(position.token()) });
                }
                position.after = key;
                if let Some(run) = run {
                    let size = size(&run);
                    filling.push(run, size);
                }
            }
        }
    }

    /// The runs in the order of a metric: those that have a number, then those whose latest value is NaN, then those that
    /// have none.
    async fn runs_by_metric(&self, search: &RunSearch, metric: &str, ascending: bool, mut position: Position) -> Result<Page<Run>> {
        const NUMBERS: usize = 0;
        const NANS: usize = 1;
        const WITHOUT: usize = 2;
        let bounds = search.bounds(metric);
        let mut filling = Filling::new(search.limit);
        while position.part <= WITHOUT {
            // A clause about the metric's value leaves out what has no number, but for `!=`, which sets no bounds.
            if position.part > NUMBERS && bounds.is_some() {
                break;
            }
            let is_last = position.part == WITHOUT;
            let mut numbers = (!is_last).then(|| {
                let value = if position.part == NANS { f64::NAN } else { 0.0 };
                let start = match (position.after(), bounds.filter(|_| position.part == NUMBERS)) {
                    (Some(after), _) => Start::Behind(after.to_owned()),
                    (None, Some(bounds)) => bounds.start(ascending),
                    (None, None) => Start::First,
                };
                // NaN is one value, whose runs come newest first.
                MetricLanes::new(&search.experiment_ids, metric, value, ascending || value.is_nan(), &start, CHUNK.min(search.limit + 1))
            });
            let mut without = is_last.then(|| Lanes::<RunItem>::new(search.time_queries(false), false, position.after(), CHUNK));
            'list: loop {
                let items = match (&mut numbers, &mut without) {
                    (Some(lanes), _) => {
                        let metrics = lanes.next(self).await?;
                        if metrics.is_empty() {
                            break;
                        }
                        self.runs_of_metrics(metrics).await?
                    }
                    (_, Some(lanes)) => {
                        let items = lanes.next(self).await?;
                        if items.is_empty() {
                            break;
                        }
                        items
                    }
                    (None, None) => break,
                };
                for (key, run) in self.matching(search, items).await? {
                    if position.part == NUMBERS && bounds.is_some_and(|bounds| bounds.is_past(&key, ascending)) {
                        break 'list;
                    }
                    let is_nan = |run: &Run| run.metrics.get(metric).is_some_and(|latest| latest.value.is_nan());
                    let run = run.filter(|run| match position.part {
                        NUMBERS => !is_nan(run) && confirms(run, metric, &key),
                        NANS => is_nan(run),
                        _ => !run.metrics.contains_key(metric),
                    });
                    if filling.ends_before(run.is_some()) {
                        return Ok(Page { items: filling.items, next_page_token: Some(position.token()) });
                    }
                    position.after = key;
                    if let Some(run) = run {
                        let size = size(&run);
                        filling.push(run, size);
                    }
                }
            }
            position.part += 1;
            position.after = String::new();
        }
        Ok(Page { items: filling.items, next_page_token: None })
    }

    /// The runs' own items in place of entries in a metric's list.
    async fn runs_of_metrics(&self, metrics: Vec<(String, MetricEntry)>) -> Result<Vec<(String, RunItem)>> {
        // An entry that a later value is about to replace names the same run.
        let ids: BTreeSet<String> = metrics.iter().map(|(_, entry)| entry.run_id.clone()).collect();
        let runs = self.run_items(ids.into_iter().collect()).await?;
        Ok(metrics.into_iter().filter_map(|(key, entry)| Some((key, runs.get(&entry.run_id)?.clone()))).collect())
    }

    /// The runs of items just read with the sort key of each; `None` in place of a run that does not match.
    async fn matching(&self, search: &RunSearch, items: Vec<(String, RunItem)>) -> Result<Vec<(String, Option<Run>)>> {
        let (keys, items): (Vec<String>, Vec<RunItem>) = items.into_iter().unzip();
        let mut runs = self.complete_runs(items).await?;
        for run in &mut runs {
            run.lifecycle_stage = search.stage_of(run);
        }
        let datasets: Vec<Vec<DatasetInput>> = if search.asks_datasets() {
            let reads = runs.iter().map(|run| (run.has_datasets, run.id.clone())).collect::<Vec<_>>();
            stream::iter(
                reads
                    .into_iter()
                    .map(|(has_datasets, id)| async move { if has_datasets { self.dataset_inputs(&id).await } else { Ok(Vec::new()) } }),
            )
            .buffered(CONCURRENT_READS)
            .try_collect()
            .await?
        } else {
            vec![Vec::new(); runs.len()]
        };
        let matched = runs.into_iter().zip(datasets).map(|(run, datasets)| search.matches(&run, &datasets).then_some(run));
        Ok(keys.into_iter().zip(matched).collect())
    }

    /// The matching runs by a clause about a metric, read from the metric's list; `None` when there is no such clause, or
    /// very many runs satisfy it: then they are met soon in any other order too.
    async fn runs_of_clause(&self, search: &RunSearch) -> Result<Option<Vec<Run>>> {
        let bounded = search.clauses.iter().find_map(|clause| match &clause.field {
            Field::Metric(metric) => Some((metric, search.bounds(metric)?)),
            _ => None,
        });
        let Some((metric, bounds)) = bounded else { return Ok(None) };
        let mut lanes = MetricLanes::new(&search.experiment_ids, metric, 0.0, true, &bounds.start(true), CHUNK * 5);
        let mut found = Vec::new();
        'list: loop {
            let items = lanes.next(self).await?;
            if items.is_empty() {
                break;
            }
            for item in items {
                if bounds.is_past(&item.0, true) {
                    break 'list;
                }
                if found.len() >= MOST_BY_METRIC {
                    return Ok(None);
                }
                found.push(item);
            }
        }
        let items = self.runs_of_metrics(found).await?;
        let matched = self.matching(search, items).await?;
        Ok(Some(matched.into_iter().filter_map(|(key, run)| run.filter(|run| confirms(run, metric, &key))).collect()))
    }

    async fn all_matching(&self, search: &RunSearch) -> Result<Vec<Run>> {
        let mut lanes = Lanes::<RunItem>::new(search.time_queries(false), false, None, 1000);
        let (mut found, mut read) = (Vec::new(), 0);
        loop {
            let items = lanes.next(self).await?;
            if items.is_empty() {
                return Ok(found);
            }
            read += items.len();
            sorted::check_count(read.min(MOST_SORTED))?;
            found.extend(self.matching(search, items).await?.into_iter().filter_map(|(_, run)| run));
        }
    }

    fn page_in_memory(&self, search: &RunSearch, mut found: Vec<Run>, orders: &[Order], mut position: Position) -> Page<Run> {
        sorted::sort(&mut found, orders, Run::given, natural);
        let mut filling = Filling::new(search.limit);
        let mut rest = found.into_iter().skip(position.offset).peekable();
        while !filling.is_full() {
            let Some(run) = rest.next() else { break };
            position.offset += 1;
            let size = size(&run);
            filling.push(run, size);
        }
        let next_page_token = rest.peek().is_some().then(|| position.token());
        Page { items: filling.items, next_page_token }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::search::{filter, rules};

    fn search(filter: &str) -> RunSearch {
        RunSearch {
            experiment_ids: vec!["0".into()],
            deleted_experiment_ids: BTreeSet::new(),
            stages: vec![LifecycleStage::Active],
            clauses: filter::parse(filter, &rules::RUNS).unwrap(),
            orders: Vec::new(),
            limit: 10,
        }
    }

    #[test]
    fn clauses_about_a_metric_leave_bounds() {
        let bounds = search("metrics.a > 0.5 AND metrics.a <= 2 AND metrics.b = 1").bounds("a").unwrap();
        assert_eq!(bounds, Bounds { least: 0.5, greatest: 2.0 });
        assert_eq!(search("metrics.a != 1").bounds("a"), None);
        let key = |value: f64| format!("{}#x", value_order(value));
        assert!(!bounds.is_past(&key(2.0), true) && bounds.is_past(&key(2.1), true));
        assert!(!bounds.is_past(&key(0.5), false) && bounds.is_past(&key(0.4), false));
    }
}
