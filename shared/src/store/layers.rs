//! Dependency layers that were built before, by what went into them.

use super::Store;
use super::keys::Key;
use super::write::NewItem;
use crate::Result;
use crate::domain::image::Layer;

fn key(cache_key: &str) -> Key {
    Key::new(format!("LAYER#{cache_key}"), "LAYER")
}

impl Store {
    /// The layer that was built of these ingredients, if one was.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn layer(&self, cache_key: &str) -> Result<Option<Layer>> {
        self.get(&key(cache_key)).await
    }

    /// Remembers the layer built of these ingredients.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn remember_layer(&self, cache_key: &str, layer: &Layer) -> Result<()> {
        self.put(NewItem::new(&key(cache_key), layer)?).await.map(drop)
    }
}
