//! Texts of any length in an item's maps. An item holds at most 400 KB, and a map of tags could hold more: so a long
//! text lies beside the item in an item of its own, under its hash, and the map holds the hash. Equal texts are equal
//! in the map, so that conditions on them need not know which of the two forms it is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::keys::Key;
use super::write::NewItem;
use super::Store;
use crate::{Error, Result};

/// The longest text, in bytes, that a map holds itself.
const LONGEST_INLINE: usize = 512;

/// A map of texts, in domain form or as the table holds it.
pub(crate) type Texts = BTreeMap<String, String>;

#[derive(Debug, Serialize, Deserialize)]
struct LongText {
    text: String,
}

/// An item with maps of texts.
pub(crate) trait HoldsTexts {
    /// The partition of the item, where its long texts lie too.
    fn partition(&self) -> String;
    /// Its maps.
    fn texts(&mut self) -> Vec<&mut Texts>;
}

/// A text as a map holds it: `=` and the text, or `#` and its hash.
pub(crate) fn stored(text: &str) -> String {
    if text.len() <= LONGEST_INLINE { format!("={text}") } else { format!("#{}", hex::encode(Sha256::digest(text))) }
}

/// Texts as a map holds them.
pub(crate) fn all_stored(texts: &Texts) -> Texts {
    texts.iter().map(|(key, text)| (key.clone(), stored(text))).collect()
}

fn key(partition: &str, hash: &str) -> Key {
    Key::new(partition, format!("VALUE#{hash}"))
}

impl Store {
    /// Keeps those of the texts that are too long for a map. To be done before the item that points at them is written;
    /// doing it twice does no harm.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub(crate) async fn keep_texts<'a>(&self, partition: &str, texts: impl IntoIterator<Item = &'a String>) -> Result<()> {
        let long: BTreeMap<String, &String> = texts
            .into_iter()
            .filter(|text| text.len() > LONGEST_INLINE)
            .map(|text| (hex::encode(Sha256::digest(text)), text))
            .collect();
        let items = long.into_iter().map(|(hash, text)| NewItem::new(&key(partition, &hash), &LongText { text: text.clone() }));
        self.put_all(items.collect::<Result<_>>()?).await
    }

    /// Turns the maps of items just read into the texts themselves.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer or a text is missing.
    pub(crate) async fn restore_texts<T: HoldsTexts>(&self, items: &mut [T]) -> Result<()> {
        let mut wanted: BTreeSet<(String, String)> = BTreeSet::new();
        for item in items.iter_mut() {
            let partition = item.partition();
            for map in item.texts() {
                wanted.extend(map.values().filter_map(|text| Some((partition.clone(), text.strip_prefix('#')?.to_owned()))));
            }
        }
        let keys: Vec<Key> = wanted.iter().map(|(partition, hash)| key(partition, hash)).collect();
        let found: HashMap<Key, LongText> = self.get_all(keys).await?;
        for item in items {
            let partition = item.partition();
            for text in item.texts().into_iter().flat_map(BTreeMap::values_mut) {
                if let Some(inline) = text.strip_prefix('=') {
                    *text = inline.to_owned();
                } else if let Some(hash) = text.strip_prefix('#') {
                    let long = found.get(&key(&partition, hash));
                    *text = long.map(|long| long.text.clone()).ok_or_else(|| {
                        Error::broken(format!("the long text {hash} of {partition} is missing"))
                    })?;
                }
            }
        }
        Ok(())
    }

    /// As [`Store::restore_texts`], for one item.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn with_texts<T: HoldsTexts>(&self, item: T) -> Result<T> {
        let mut items = [item];
        self.restore_texts(&mut items).await?;
        let [item] = items;
        Ok(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_equal_as_stored_and_others_are_not() {
        let long = "x".repeat(LONGEST_INLINE + 1);
        assert_eq!(stored("a"), "=a");
        assert_eq!(stored(&long), stored(&long));
        assert_ne!(stored(&long), stored(&format!("{long}y")));
        assert_ne!(stored(&stored(&long)), stored(&long));
    }
}
