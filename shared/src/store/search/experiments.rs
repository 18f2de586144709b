//! Searching experiments: by creation time from the index, by an exact name or id directly, in other orders in memory.

use super::lanes::Lanes;
use super::position::Position;
use super::{CHUNK, Filling, size_of, sorted};
use crate::Result;
use crate::domain::experiment::Experiment;
use crate::domain::lifecycle::LifecycleStage;
use crate::domain::search::{Clause, Comparator, Field, Operand, Order};
use crate::paging::Page;
use crate::store::Store;
use crate::store::experiments::list;
use crate::store::keys::Index;
use crate::store::query::Query;

/// What experiments are searched for.
#[derive(Debug, Clone)]
pub struct ExperimentSearch {
    /// The lifecycle stages that are meant.
    pub stages: Vec<LifecycleStage>,
    /// What the experiments must satisfy.
    pub clauses: Vec<Clause>,
    /// In which order they come; the newest first where nothing else tells.
    pub orders: Vec<Order>,
    /// How many are wanted at the most.
    pub limit: usize,
}

impl ExperimentSearch {
    fn matches(&self, experiment: &Experiment) -> bool {
        self.stages.contains(&experiment.lifecycle_stage)
            && self.clauses.iter().all(|clause| clause.holds(&experiment.given(&clause.field)))
    }

    fn is_by_time(&self) -> bool {
        match self.orders.as_slice() {
            [] => true,
            [order] => order.field == Field::Attribute("creation_time".into()) && !order.ascending,
            _ => false,
        }
    }

    /// The value that a clause `<attribute> = '…'` names.
    fn exactly(&self, attribute: &str) -> Option<&str> {
        self.clauses.iter().find_map(|clause| match (&clause.field, clause.comparator, &clause.operand) {
            (Field::Attribute(name), Comparator::Equal, Operand::Text(text)) if name == attribute => Some(text.as_str()),
            _ => None,
        })
    }
}

fn number(experiment: &Experiment) -> u64 {
    experiment.id.parse().unwrap_or_default()
}

impl Store {
    /// Searches experiments. A page may hold fewer than were wanted and yet not be the last: its token says so.
    ///
    /// # Errors
    /// `BadRequest` when the token is not one of this search, or an order without an index meets too many experiments;
    /// `Internal` when DynamoDB does not answer.
    pub async fn search_experiments(&self, search: &ExperimentSearch, page_token: Option<&str>) -> Result<Page<Experiment>> {
        let description = format!("{:?} {:?} {:?}", search.stages, search.clauses, search.orders);
        let mut position = Position::of(page_token, &description)?;
        self.ensure_default_experiment().await?;
        if let Some(found) = self.named_experiment(search).await? {
            let items = found.into_iter().filter(|experiment| search.matches(experiment)).collect();
            return Ok(Page { items, next_page_token: None });
        }
        let queries = || search.stages.iter().map(|stage| Query::index(Index::First, list(*stage)).newest_first()).collect();
        if !search.is_by_time() {
            let mut lanes = Lanes::<Experiment>::new(queries(), true, None, 1000);
            let (mut found, mut read) = (Vec::new(), 0);
            loop {
                let mut items: Vec<Experiment> = lanes.next(self).await?.into_iter().map(|(_, item)| item).collect();
                if items.is_empty() {
                    break;
                }
                read += items.len();
                sorted::check_count(read)?;
                self.restore_texts(&mut items).await?;
                found.extend(items.into_iter().filter(|experiment| search.matches(experiment)));
            }
            sorted::sort(&mut found, &search.orders, Experiment::given, |one, other| number(other).cmp(&number(one)));
            let count = found.len();
            let items: Vec<Experiment> = found.into_iter().skip(position.offset).take(search.limit).collect();
            position.offset += items.len();
            return Ok(Page { items, next_page_token: (position.offset < count).then(|| position.token()) });
        }
        let mut lanes = Lanes::<Experiment>::new(queries(), true, position.after(), CHUNK.max(search.limit.min(1000) + 1));
        let mut filling = Filling::new(search.limit);
        loop {
            let (keys, mut items): (Vec<String>, Vec<Experiment>) = lanes.next(self).await?.into_iter().unzip();
            if items.is_empty() {
                return Ok(Page { items: filling.items, next_page_token: None });
            }
            self.restore_texts(&mut items).await?;
            for (key, experiment) in keys.into_iter().zip(items) {
                let matches = search.matches(&experiment);
                if filling.ends_before(matches) {
                    return Ok(Page { items: filling.items, next_page_token: Some(position.token()) });
                }
                position.after = key;
                if matches {
                    let size = 400 + size_of(&experiment.tags);
                    filling.push(experiment, size);
                }
            }
        }
    }

    /// The one experiment that a clause names, if one does.
    async fn named_experiment(&self, search: &ExperimentSearch) -> Result<Option<Option<Experiment>>> {
        if let Some(name) = search.exactly("name") {
            return self.experiment_by_name(name).await.map(Some);
        }
        match search.exactly("experiment_id") {
            Some(id) => self.experiment(id).await.map(Some),
            None => Ok(None),
        }
    }
}
