//! Searching the registry: models by name come from an index, versions from one of [`super::version_lanes`]; other orders are
//! made in memory.

use std::cmp::Ordering;

use super::lanes::Lanes;
use super::position::Position;
use super::version_lanes::{Listing, VersionLanes};
use super::{CHUNK, Filling, size_of, sorted};
use crate::Result;
use crate::domain::registered_model::{ModelVersion, RegisteredModel};
use crate::domain::search::{Clause, Comparator, Field, Given, Operand, Order};
use crate::paging::Page;
use crate::store::Store;
use crate::store::keys::Index;
use crate::store::query::Query;
use crate::store::registered_models::NAME_LIST;

/// The tag that MLflow's prompts carry, which share the registry with models and are no models.
const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";

/// What registered models are searched for.
#[derive(Debug, Clone)]
pub struct RegisteredModelSearch {
    /// What the models must satisfy.
    pub clauses: Vec<Clause>,
    /// In which order they come; by name where nothing else tells.
    pub orders: Vec<Order>,
    /// How many are wanted at the most.
    pub limit: usize,
}

/// What versions are searched for.
#[derive(Debug, Clone)]
pub struct VersionSearch {
    /// What the versions must satisfy.
    pub clauses: Vec<Clause>,
    /// In which order they come; the last changed first where nothing else tells.
    pub orders: Vec<Order>,
    /// How many are wanted at the most.
    pub limit: usize,
}

/// The value that a clause `<attribute> = '…'` names.
pub(super) fn exactly<'a>(clauses: &'a [Clause], attribute: &str) -> Option<&'a str> {
    clauses.iter().find_map(|clause| match (&clause.field, clause.comparator, &clause.operand) {
        (Field::Attribute(name), Comparator::Equal, Operand::Text(text)) if name == attribute => Some(text.as_str()),
        _ => None,
    })
}

/// Whether a filter asks for prompts; it asks for models where it does not say.
fn asks_prompts(clauses: &[Clause]) -> bool {
    clauses.iter().any(|clause| match (&clause.field, clause.comparator, &clause.operand) {
        (Field::Tag(key), Comparator::Equal, Operand::Text(text)) if key == PROMPT_TAG => text.eq_ignore_ascii_case("true"),
        (Field::Tag(key), Comparator::NotEqual, Operand::Text(text)) if key == PROMPT_TAG => text.eq_ignore_ascii_case("false"),
        _ => false,
    })
}

fn matches(clauses: &[Clause], is_prompt: bool, given: impl Fn(&Field) -> Given) -> bool {
    is_prompt == asks_prompts(clauses)
        && clauses.iter().all(|clause| match &clause.field {
            Field::Tag(key) if key == PROMPT_TAG => true,
            field => clause.holds(&given(field)),
        })
}

fn is_prompt(tags: &std::collections::BTreeMap<String, String>) -> bool {
    tags.get(PROMPT_TAG).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// A page of what is sorted already.
fn page_of<T>(sorted: Vec<T>, mut position: Position, limit: usize) -> Page<T> {
    let count = sorted.len();
    let items: Vec<T> = sorted.into_iter().skip(position.offset).take(limit).collect();
    position.offset += items.len();
    Page { items, next_page_token: (position.offset < count).then(|| position.token()) }
}

fn by_name_and_number(one: &ModelVersion, other: &ModelVersion) -> Ordering {
    one.model_name.cmp(&other.model_name).then_with(|| other.version.cmp(&one.version))
}

impl Store {
    /// Searches registered models. A page may hold fewer than were wanted and yet not be the last: its token says so.
    ///
    /// # Errors
    /// `BadRequest` when the token is not one of this search, or an order without an index meets too many models; `Internal`
    /// when DynamoDB does not answer.
    pub async fn search_registered_models(
        &self,
        search: &RegisteredModelSearch,
        page_token: Option<&str>,
    ) -> Result<Page<RegisteredModel>> {
        let matches = |model: &RegisteredModel| matches(&search.clauses, is_prompt(&model.tags), |field| model.given(field));
        let mut position = Position::of(page_token, &format!("models {:?} {:?}", search.clauses, search.orders))?;
        if let Some(name) = exactly(&search.clauses, "name") {
            let items = self.registered_model(name).await?.into_iter().filter(matches).collect();
            return Ok(Page { items, next_page_token: None });
        }
        let (in_order, falling) = match search.orders.as_slice() {
            [] => (true, false),
            [order, ..] if order.field == Field::Attribute("name".into()) => (true, !order.ascending),
            _ => (false, false),
        };
        let queries = self.lists_shown(NAME_LIST).await?.into_iter().map(|list| Query::index(Index::First, list));
        let queries = queries.map(|query| if falling { query.newest_first() } else { query }).collect();
        let after = if in_order { position.after() } else { None };
        let mut lanes = Lanes::<RegisteredModel>::new(queries, falling, after, CHUNK);
        let mut filling = Filling::new(if in_order { search.limit } else { usize::MAX });
        loop {
            let (keys, mut items): (Vec<String>, Vec<RegisteredModel>) = lanes.next(self).await?.into_iter().unzip();
            if items.is_empty() {
                break;
            }
            self.restore_texts(&mut items).await?;
            for (key, model) in keys.into_iter().zip(items) {
                let matches = matches(&model);
                if filling.ends_before(matches) && in_order {
                    return Ok(Page { items: filling.items, next_page_token: Some(position.token()) });
                }
                position.after = key;
                if matches {
                    let size = 300 + size_of(&model.tags);
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
        sorted::sort(&mut found, &search.orders, RegisteredModel::given, |one, other| one.name.cmp(&other.name));
        Ok(page_of(found, position, search.limit))
    }

    /// Searches versions of all registered models. A page may hold fewer than were wanted and yet not be the last: its token
    /// says so.
    ///
    /// # Errors
    /// `BadRequest` when the token is not one of this search, or an order without an index meets too many versions;
    /// `Internal` when DynamoDB does not answer.
    pub async fn search_model_versions(&self, search: &VersionSearch, page_token: Option<&str>) -> Result<Page<ModelVersion>> {
        let matches = |version: &ModelVersion| matches(&search.clauses, is_prompt(&version.tags), |field| version.given(field));
        let mut position = Position::of(page_token, &format!("versions {:?} {:?}", search.clauses, search.orders))?;
        if let Some(name) = exactly(&search.clauses, "name")
            && (name.is_empty() || name.len() > 1000 || self.hides_model(name).await?)
        {
            return Ok(Page { items: Vec::new(), next_page_token: None });
        }
        let listing = Listing::of(search);
        let in_order = listing.is_some();
        let after = if in_order { position.after() } else { None };
        let mut versions = VersionLanes::open(self, search, listing.unwrap_or(Listing::Recency), after).await?;
        let mut filling = Filling::new(if in_order { search.limit } else { usize::MAX });
        loop {
            let (keys, items): (Vec<String>, Vec<ModelVersion>) = versions.next(self).await?.into_iter().unzip();
            if items.is_empty() {
                break;
            }
            let items = self.complete_versions(Page { items, next_page_token: None }).await?.items;
            for (key, version) in keys.into_iter().zip(items) {
                let matches = matches(&version);
                if filling.ends_before(matches) && in_order {
                    return Ok(Page { items: filling.items, next_page_token: Some(position.token()) });
                }
                position.after = key;
                if matches {
                    let size = 500 + size_of(&version.tags) + version.description.as_ref().map_or(0, String::len);
                    filling.push(version, size);
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
        sorted::sort(&mut found, &search.orders, ModelVersion::given, by_name_and_number);
        Ok(page_of(found, position, search.limit))
    }
}
