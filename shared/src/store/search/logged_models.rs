//! Searching logged models: by creation time from the index, in other orders in memory.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::lanes::Lanes;
use super::position::Position;
use super::{CHUNK, Filling, size_of, sorted};
use crate::Result;
use crate::domain::lifecycle::LifecycleStage;
use crate::domain::logged_model::{LoggedModel, ModelMetric};
use crate::domain::search::{Clause, Field, Given, Order};
use crate::paging::Page;
use crate::store::Store;
use crate::store::keys::Index;
use crate::store::logged_models::list;
use crate::store::query::Query;

const CONCURRENT_READS: usize = 16;

/// A dataset on which metrics count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetChoice {
    /// Its name.
    pub name: String,
    /// The digest of its content; any where it is absent.
    pub digest: Option<String>,
}

/// An order of logged models; a metric can be meant as it was measured on one dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedModelOrder {
    /// By what, and in which direction.
    pub order: Order,
    /// On which dataset a metric was measured.
    pub dataset: Option<DatasetChoice>,
}

/// What logged models are searched for.
#[derive(Debug, Clone)]
pub struct LoggedModelSearch {
    /// The experiments whose models are meant.
    pub experiment_ids: Vec<String>,
    /// What the models must satisfy.
    pub clauses: Vec<Clause>,
    /// The datasets on which metrics count; all of them when there is none.
    pub datasets: Vec<DatasetChoice>,
    /// In which order they come; the newest first where nothing else tells.
    pub orders: Vec<LoggedModelOrder>,
    /// How many are wanted at the most.
    pub limit: usize,
}

impl DatasetChoice {
    fn is_of(&self, metric: &ModelMetric) -> bool {
        metric.dataset_name.as_ref() == Some(&self.name)
            && self.digest.as_ref().is_none_or(|digest| metric.dataset_digest.as_ref() == Some(digest))
    }
}

impl LoggedModelSearch {
    fn counts(&self, metric: &ModelMetric) -> bool {
        self.datasets.is_empty() || self.datasets.iter().any(|dataset| dataset.is_of(metric))
    }

    /// The model with those of its metrics that count here.
    fn counted(&self, model: &LoggedModel) -> LoggedModel {
        let metrics = model.metrics.iter().filter(|metric| self.counts(metric)).cloned().collect();
        LoggedModel { metrics, ..model.clone() }
    }

    fn matches(&self, model: &LoggedModel) -> bool {
        let counted = self.counted(model);
        (self.datasets.is_empty() || !counted.metrics.is_empty())
            && self.clauses.iter().all(|clause| clause.holds(&counted.given(&clause.field)))
    }

    fn given(&self, model: &LoggedModel, order: &LoggedModelOrder) -> Given {
        let mut counted = self.counted(model);
        if let Some(dataset) = &order.dataset {
            counted.metrics.retain(|metric| dataset.is_of(metric));
        }
        counted.given(&order.order.field)
    }

    fn is_by_time(&self) -> bool {
        match self.orders.as_slice() {
            [] => true,
            [LoggedModelOrder { order, .. }] => order.field == Field::Attribute("creation_timestamp_ms".into()) && !order.ascending,
            _ => false,
        }
    }
}

impl Store {
    /// Searches logged models. A page may hold fewer than were wanted and yet not be the last: its token says so.
    ///
    /// # Errors
    /// `BadRequest` when the token is not one of this search, or an order without an index meets too many models; `Internal`
    /// when DynamoDB does not answer.
    pub async fn search_logged_models(&self, search: &LoggedModelSearch, page_token: Option<&str>) -> Result<Page<LoggedModel>> {
        let parts = [
            ("Experiment IDs in the page token do not match the requested experiment IDs.", format!("{:?}", search.experiment_ids)),
            (
                "Filter string in the page token does not match the requested filter string.",
                format!("{:?} {:?}", search.clauses, search.datasets),
            ),
            ("Order by in the page token does not match the requested order by.", format!("{:?}", search.orders)),
        ];
        let mut position = Position::of_parts(page_token, &parts)?;
        let lists = search.experiment_ids.iter().map(|id| list(id, LifecycleStage::Active));
        let queries = lists.map(|partition| Query::index(Index::First, partition).newest_first()).collect();
        let in_order = search.is_by_time();
        let mut lanes = Lanes::<LoggedModel>::new(queries, true, position.after().filter(|_| in_order), CHUNK);
        let mut filling = Filling::new(if in_order { search.limit } else { usize::MAX });
        loop {
            let (keys, items): (Vec<String>, Vec<LoggedModel>) = lanes.next(self).await?.into_iter().unzip();
            if items.is_empty() {
                break;
            }
            for (key, model) in keys.into_iter().zip(self.with_metrics(items).await?) {
                let matches = search.matches(&model);
                if filling.ends_before(matches) && in_order {
                    return Ok(Page { items: filling.items, next_page_token: Some(position.token()) });
                }
                position.after = key;
                if matches {
                    let size = 600 + size_of(&model.tags) + size_of(&model.params) + 300 * model.metrics.len();
                    filling.push(model, size);
                }
            }
            if !in_order {
                sorted::check_count(filling.read)?;
            }
        }
        if in_order {
            return Ok(Page { items: filling.items, next_page_token: None });
        }
        position.after = String::new();
        let mut found = filling.items;
        // Sorted by one order after the other, the last first: the sort is stable.
        found.sort_by(|one, other| other.creation_time.cmp(&one.creation_time).then_with(|| one.id.cmp(&other.id)));
        for order in search.orders.iter().rev() {
            let one_order = std::slice::from_ref(&order.order);
            sorted::sort(&mut found, one_order, |model, _| search.given(model, order), |_, _| std::cmp::Ordering::Equal);
        }
        let count = found.len();
        let items: Vec<LoggedModel> = found.into_iter().skip(position.offset).take(search.limit).collect();
        position.offset += items.len();
        Ok(Page { items, next_page_token: (position.offset < count).then(|| position.token()) })
    }

    async fn with_metrics(&self, mut models: Vec<LoggedModel>) -> Result<Vec<LoggedModel>> {
        self.restore_texts(&mut models).await?;
        stream::iter(models.into_iter().map(|model| async move {
            let metrics = if model.has_metrics { self.model_metrics(&model.id).await? } else { Vec::new() };
            Ok(LoggedModel { metrics, ..model })
        }))
        .buffered(CONCURRENT_READS)
        .try_collect()
        .await
    }
}
