//! Lists that are filtered by any choice of a few attributes, with their totals: an entry lies in the list of every
//! combination of its values and "any", and each list counts its entries. So a filtered page is one query, and its total one
//! read, whatever there is. Entries and counts are written in the transaction that writes what they list.

use std::collections::BTreeMap;

use futures::try_join;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Store;
use super::keys::Key;
use super::query::Query;
use super::update::Update;
use super::write::{NewItem, Write};
use crate::Result;
use crate::http::fields::Window;
use crate::paging::PageRequest;

const ANY: &str = "*";
const ENTRY: &str = "ENTRY#";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    names: String,
}

/// The writes that enter, move and remove entries.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    entries: BTreeMap<(String, String), Option<String>>,
    counts: BTreeMap<String, i64>,
}

impl Listing {
    /// Lists what `names` names, under the sort key, with these values.
    pub(crate) fn enter(mut self, kind: &str, values: &[&str], sort: &str, names: &str) -> Self {
        for list in lists(kind, values) {
            *self.counts.entry(list.clone()).or_default() += 1;
            self.entries.insert((list, sort.to_owned()), Some(names.to_owned()));
        }
        self
    }

    /// Removes what has the sort key from the lists of these values.
    pub(crate) fn remove(mut self, kind: &str, values: &[&str], sort: &str) -> Self {
        for list in lists(kind, values) {
            *self.counts.entry(list.clone()).or_default() -= 1;
            self.entries.insert((list, sort.to_owned()), None);
        }
        self
    }

    /// Lists something under other values. What names it may be another, too.
    pub(crate) fn moved(self, kind: &str, from: &[&str], to: &[&str], sort: &str, names: &str) -> Self {
        self.remove(kind, from, sort).enter(kind, to, sort, names)
    }

    /// As a transaction takes it.
    pub(crate) fn writes(self) -> Result<Vec<Write>> {
        let mut writes = Vec::new();
        for ((list, sort), names) in self.entries {
            let key = Key::new(list, format!("{ENTRY}{sort}"));
            writes.push(match names {
                Some(names) => Write::Put(NewItem::new(&key, &Entry { names })?),
                None => Write::Delete(key),
            });
        }
        for (list, amount) in self.counts.into_iter().filter(|(_, amount)| *amount != 0) {
            writes.push(Write::Update(Update::new(Key::new(list, "TOTAL")).add("total", amount)?));
        }
        Ok(writes)
    }
}

/// The lists in which something of these values is.
fn lists(kind: &str, values: &[&str]) -> Vec<String> {
    (0..1_u32 << values.len())
        .map(|choice| {
            let parts = values.iter().enumerate().map(|(at, value)| if choice >> at & 1 == 1 { *value } else { ANY });
            std::iter::once(kind).chain(parts).collect::<Vec<_>>().join("#")
        })
        .collect()
}

fn list(kind: &str, filter: &[Option<&str>]) -> String {
    let parts = filter.iter().map(|value| value.unwrap_or(ANY));
    std::iter::once(kind).chain(parts).collect::<Vec<_>>().join("#")
}

impl Store {
    /// A window of a filtered list, the greatest sort keys first, and how long the whole list is. `key` tells where what an
    /// entry names lies.
    pub(crate) async fn faceted<T: DeserializeOwned>(
        &self,
        kind: &str,
        filter: &[Option<&str>],
        window: Window,
        key: impl Fn(&str) -> Key,
    ) -> Result<(Vec<T>, u64)> {
        let query = Query::table(list(kind, filter)).prefix(ENTRY).newest_first();
        let request = PageRequest { limit: u32::try_from(window.offset + window.limit).unwrap_or(u32::MAX), after: None };
        let (entries, total) = try_join!(self.page::<Entry>(&query, &request), self.facet_total(kind, filter))?;
        let keys: Vec<Key> = entries.items.iter().skip(window.offset).map(|entry| key(&entry.names)).collect();
        let mut found = self.get_all(keys.clone()).await?;
        // What was deleted between the two reads is left out.
        Ok((keys.iter().filter_map(|key| found.remove(key)).collect(), total))
    }

    /// How long a filtered list is.
    pub(crate) async fn facet_total(&self, kind: &str, filter: &[Option<&str>]) -> Result<u64> {
        self.count_of(Key::new(list(kind, filter), "TOTAL")).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_entry_is_in_every_list_that_a_filter_can_ask_for() {
        let lists = lists("RECIPES", &["pricing", "client"]);
        assert_eq!(lists, ["RECIPES#*#*", "RECIPES#pricing#*", "RECIPES#*#client", "RECIPES#pricing#client"]);
        assert_eq!(list("RECIPES", &[None, Some("client")]), lists[2]);
    }

    #[test]
    fn lists_that_something_stays_in_are_not_counted_again() {
        let moved = Listing::default().moved("RUNS", &["a", "queued"], &["a", "running"], "1", "x");
        assert_eq!(moved.counts.values().filter(|amount| **amount != 0).count(), 4);
        assert_eq!(moved.entries.values().filter(|names| names.is_none()).count(), 2);
        // Six lists: two that it stays in, two left, two entered; four counts.
        assert_eq!(moved.writes().unwrap().len(), 10);
    }
}
