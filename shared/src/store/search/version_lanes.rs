//! The lists in which versions of registered models are found, and the orders that they have.

use super::CHUNK;
use super::lanes::Lanes;
use super::registry::{VersionSearch, exactly};
use crate::Result;
use crate::domain::registered_model::{ModelVersion, RegisteredModel};
use crate::domain::search::{Field, Order};
use crate::store::Store;
use crate::store::keys::{Index, Key};
use crate::store::model_versions::{RECENCY_LIST, VersionPlace, recency_list_of_model, recency_list_of_run, version_key};
use crate::store::query::Query;
use crate::store::registered_models::NAME_LIST;

/// An order in which a list holds versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// By the last change, the newest first, then by name, then by number, the highest first.
    Recency,
    /// By name, then by number, the highest first.
    Name,
}

impl Listing {
    /// The one that has the order of a search, if there is one.
    pub fn of(search: &VersionSearch) -> Option<Self> {
        const RECENCY: [(&str, bool); 3] = [("last_updated_timestamp", false), ("name", true), ("version_number", false)];
        let begins = |order: &[(&str, bool)]| {
            let is = |(wanted, (attribute, ascending)): (&Order, &(&str, bool))| {
                wanted.field == Field::Attribute((*attribute).into()) && wanted.ascending == *ascending
            };
            search.orders.len() <= order.len() && search.orders.iter().zip(order).all(is)
        };
        if begins(&RECENCY) {
            return Some(Listing::Recency);
        }
        let is_one_model = exactly(&search.clauses, "name").is_some();
        (begins(&RECENCY[1..]) || (is_one_model && begins(&RECENCY[2..]))).then_some(Listing::Name)
    }
}

/// Versions as a list gives them, some at a time.
pub enum VersionLanes {
    /// The versions' own items.
    Items(Lanes<ModelVersion>),
    /// Places of versions, whose items are read behind them.
    Places(Lanes<VersionPlace>),
    /// The versions of one model after the other.
    Models {
        /// The models behind the one that is read.
        models: Lanes<RegisteredModel>,
        /// Those of them that are read already.
        next: std::collections::VecDeque<String>,
        /// The model that is read, and the sort key of its version that was read last.
        current: Option<(String, Option<String>)>,
    },
}

impl VersionLanes {
    /// The narrowest list for a search in that order, behind the key given, of what is there for the one who asks.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn open(store: &Store, search: &VersionSearch, listing: Listing, after: Option<&str>) -> Result<Self> {
        let items = |queries, falling| Self::Items(Lanes::new(queries, falling, after, CHUNK));
        let in_index = |index: Index| move |list: String| Query::index(index, list);
        Ok(match (listing, exactly(&search.clauses, "name"), exactly(&search.clauses, "run_id")) {
            (Listing::Recency, Some(name), _) => {
                let query = Query::index(Index::First, recency_list_of_model(name));
                Self::Places(Lanes::new(vec![query], false, after, CHUNK))
            }
            (Listing::Recency, None, Some(run_id)) => {
                let lists = store.lists_shown(&recency_list_of_run(run_id)).await?;
                items(lists.into_iter().map(in_index(Index::Second)).collect(), false)
            }
            (Listing::Recency, None, None) => {
                items(store.lists_shown(RECENCY_LIST).await?.into_iter().map(in_index(Index::First)).collect(), false)
            }
            (Listing::Name, Some(name), _) => items(vec![versions_of(name)], true),
            (Listing::Name, None, _) => {
                let current =
                    after.and_then(|after| after.split_once('\u{1}')).map(|(name, version)| (name.to_owned(), Some(version.to_owned())));
                let behind = current.as_ref().map(|(name, _)| name.as_str());
                let queries = store.lists_shown(NAME_LIST).await?.into_iter().map(in_index(Index::First)).collect();
                let models = Lanes::new(queries, false, behind, CHUNK);
                Self::Models { models, next: std::collections::VecDeque::new(), current }
            }
        })
    }

    /// The next versions with their keys in the list, without their aliases; none at the end.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn next(&mut self, store: &Store) -> Result<Vec<(String, ModelVersion)>> {
        match self {
            Self::Items(lanes) => lanes.next(store).await,
            Self::Places(lanes) => loop {
                let places = lanes.next(store).await?;
                if places.is_empty() {
                    return Ok(Vec::new());
                }
                let key = |place: &VersionPlace| version_key(&place.model_name, place.version);
                let mut found = store.get_all::<ModelVersion>(places.iter().map(|(_, place)| key(place)).collect()).await?;
                let versions: Vec<_> = places.into_iter().filter_map(|(order, place)| Some((order, found.remove(&key(&place))?))).collect();
                // Versions that were deleted a moment ago may still have places.
                if !versions.is_empty() {
                    return Ok(versions);
                }
            },
            Self::Models { models, next, current } => loop {
                if let Some((name, after)) = current {
                    let versions = store.keyed::<ModelVersion>(&versions_of(name), after.as_deref(), CHUNK).await?;
                    if let Some((key, _)) = versions.last() {
                        *after = Some(key.clone());
                        let place = |version: &ModelVersion| {
                            let Key { sort, .. } = version_key(name, version.version);
                            format!("{name}\u{1}{sort}")
                        };
                        return Ok(versions.into_iter().map(|(_, version)| (place(&version), version)).collect());
                    }
                }
                if next.is_empty() {
                    next.extend(models.next(store).await?.into_iter().map(|(name, _)| name));
                }
                match next.pop_front() {
                    Some(name) => *current = Some((name, None)),
                    None => return Ok(Vec::new()),
                }
            },
        }
    }
}

fn versions_of(name: &str) -> Query {
    Query::table(format!("MODEL#{name}")).prefix("VERSION#").newest_first()
}
