//! The datasets that runs used.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Store;
use super::keys::Key;
use super::query::Query;
use super::values::{HoldsTexts, Texts, all_stored};
use super::write::NewItem;
use crate::Result;
use crate::domain::run::DatasetInput;

/// The tag that says what a run used a dataset for.
pub(crate) const CONTEXT_TAG: &str = "mlflow.data.context";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct InputItem {
    run_id: String,
    name: String,
    digest: String,
    source_type: String,
    texts: Texts,
    tags: Texts,
}

/// A dataset that runs of an experiment used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetSummary {
    /// The experiment.
    pub experiment_id: String,
    /// The dataset's name.
    pub name: String,
    /// The digest of its content.
    pub digest: String,
    /// What it was used for.
    pub context: Option<String>,
}

impl HoldsTexts for InputItem {
    fn partition(&self) -> String {
        partition(&self.run_id)
    }
    fn texts(&mut self) -> Vec<&mut Texts> {
        vec![&mut self.texts, &mut self.tags]
    }
}

fn partition(run_id: &str) -> String {
    format!("RUN#{run_id}")
}

fn hash(parts: &[&str]) -> String {
    hex::encode(Sha256::digest(format!("{parts:?}")))
}

impl Store {
    /// Records datasets that a run used. One that is recorded already, by name and digest, stays as it is.
    ///
    /// # Errors
    /// `NotFound` when there is no such run; `BadRequest` when it is deleted; `Internal` when DynamoDB does not answer.
    pub async fn log_datasets(&self, run_id: &str, datasets: &[DatasetInput]) -> Result<()> {
        let experiment_id = self.mark_datasets(run_id).await?;
        let mut summaries = BTreeMap::new();
        for dataset in datasets {
            let optional = [("schema", &dataset.schema), ("profile", &dataset.profile)];
            let mut texts: Texts = optional.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.clone()?))).collect();
            texts.insert("source".to_owned(), dataset.source.clone());
            self.keep_texts(&partition(run_id), texts.values().chain(dataset.tags.values())).await?;
            let item = InputItem {
                run_id: run_id.to_owned(),
                name: dataset.name.clone(),
                digest: dataset.digest.clone(),
                source_type: dataset.source_type.clone(),
                texts: all_stored(&texts),
                tags: all_stored(&dataset.tags),
            };
            let key = Key::new(partition(run_id), format!("INPUT#{}", hash(&[&dataset.name, &dataset.digest])));
            self.put(NewItem::new(&key, &item)?.if_absent()).await?;
            let context = dataset.tags.get(CONTEXT_TAG).cloned();
            let sort = format!("DATASET#{}", hash(&[&dataset.name, &dataset.digest, context.as_deref().unwrap_or_default()]));
            let summary = DatasetSummary {
                experiment_id: experiment_id.clone(),
                name: dataset.name.clone(),
                digest: dataset.digest.clone(),
                context,
            };
            summaries.insert(Key::new(format!("EXPERIMENT#{experiment_id}"), sort), summary);
        }
        self.put_all(summaries.iter().map(|(key, summary)| NewItem::new(key, summary)).collect::<Result<_>>()?).await
    }

    /// The datasets that a run used.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn dataset_inputs(&self, run_id: &str) -> Result<Vec<DatasetInput>> {
        let mut items: Vec<InputItem> = self.all(&Query::table(partition(run_id)).prefix("INPUT#")).await?;
        self.restore_texts(&mut items).await?;
        let inputs = items.into_iter().map(|mut item| DatasetInput {
            name: item.name,
            digest: item.digest,
            source_type: item.source_type,
            source: item.texts.remove("source").unwrap_or_default(),
            schema: item.texts.remove("schema"),
            profile: item.texts.remove("profile"),
            tags: item.tags,
        });
        Ok(inputs.collect())
    }

    /// The datasets that an experiment's runs used, at most `most` of them.
    ///
    /// # Errors
    /// `Internal` when DynamoDB does not answer.
    pub async fn datasets(&self, experiment_id: &str, most: u32) -> Result<Vec<DatasetSummary>> {
        let query = Query::table(format!("EXPERIMENT#{experiment_id}")).prefix("DATASET#");
        Ok(self.page(&query, &crate::paging::PageRequest { limit: most, after: None }).await?.items)
    }
}
