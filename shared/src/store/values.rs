//! Texts of any length in an item's maps. An item holds at most 400 KB, and a map of tags could hold more: so a long
//! text lies beside the item in an item of its own, under its hash, and the map holds the hash. Equal texts are equal
//! in the map, so that conditions on them need not know which of the two forms it is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Store;
use super::keys::Key;
use super::write::NewItem;
use crate::{Error, Result};

/// The longest text, in bytes, that a map holds itself.
const LONGEST_INLINE: usize = 512;

/// How many bytes of a long text one item holds.
const PART: usize = 300_000;

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

/// A text as a map holds it: `=` and the text, or `#`, its hash and in how many parts it lies beside.
pub(crate) fn stored(text: &str) -> String {
    if text.len() <= LONGEST_INLINE {
        return format!("={text}");
    }
    format!("#{}/{}", hex::encode(Sha256::digest(text)), parts(text).len())
}

/// A text in parts that fit an item each.
fn parts(mut text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    while text.len() > PART {
        let (part, rest) = text.split_at(text.floor_char_boundary(PART));
        parts.push(part);
        text = rest;
    }
    parts.push(text);
    parts
}

/// Texts as a map holds them.
pub(crate) fn all_stored(texts: &Texts) -> Texts {
    texts.iter().map(|(key, text)| (key.clone(), stored(text))).collect()
}

fn key(partition: &str, hash: &str, part: usize) -> Key {
    Key::new(partition, format!("VALUE#{hash}#{part:04}"))
}

/// The keys of the parts of a text that lies beside its item; `None` for one that does not.
fn keys(partition: &str, stored: &str) -> Option<Vec<Key>> {
    let (hash, parts) = stored.strip_prefix('#')?.split_once('/')?;
    Some((0..parts.parse().ok()?).map(|part| key(partition, hash, part)).collect())
}

impl Store {
    /// Keeps those of the texts that are too long for a map. To be done before the item that points at them is written;
    /// doing it twice does no harm.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub(crate) async fn keep_texts<'a>(&self, partition: &str, texts: impl IntoIterator<Item = &'a String>) -> Result<()> {
        let mut items: BTreeMap<Key, LongText> = BTreeMap::new();
        for text in texts.into_iter().filter(|text| text.len() > LONGEST_INLINE) {
            let keys = keys(partition, &stored(text)).unwrap_or_default();
            items.extend(keys.into_iter().zip(parts(text)).map(|(key, part)| (key, LongText { text: part.to_owned() })));
        }
        self.put_all(items.iter().map(|(key, part)| NewItem::new(key, part)).collect::<Result<_>>()?).await
    }

    /// Turns the maps of items just read into the texts themselves.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer or a text is missing.
    pub(crate) async fn restore_texts<T: HoldsTexts>(&self, items: &mut [T]) -> Result<()> {
        let mut wanted: BTreeSet<Key> = BTreeSet::new();
        for item in items.iter_mut() {
            let partition = item.partition();
            for map in item.texts() {
                wanted.extend(map.values().filter_map(|text| keys(&partition, text)).flatten());
            }
        }
        let found: HashMap<Key, LongText> = self.get_all(wanted.into_iter().collect()).await?;
        for item in items {
            let partition = item.partition();
            for text in item.texts().into_iter().flat_map(BTreeMap::values_mut) {
                if let Some(inline) = text.strip_prefix('=') {
                    *text = inline.to_owned();
                    continue;
                }
                let keys = keys(&partition, text).ok_or_else(|| Error::broken(format!("{text:?} is no text of {partition}")))?;
                let parts: Option<String> = keys.iter().map(|key| Some(found.get(key)?.text.as_str())).collect();
                *text = parts.ok_or_else(|| Error::broken(format!("the long text {text} of {partition} is missing")))?;
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
        assert_eq!(parts(&"é".repeat(PART)).concat(), "é".repeat(PART));
        assert_eq!(stored(&long), stored(&long));
        assert_ne!(stored(&long), stored(&format!("{long}y")));
        assert_ne!(stored(&stored(&long)), stored(&long));
    }
}
