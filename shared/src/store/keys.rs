//! The access patterns: who asks, and which key or index answers. One table, `pk` and `sk`, and two global secondary
//! indexes, `gsi1` and `gsi2`, each with a partition and a sort key of its own.
//!
//! | who asks | what | answered by |
//! |---|---|---|
//! | job routes, every task | a job | `pk = JOB#<id>`, `sk = JOB` |
//! | job routes | a job's output, in order | `pk = JOB#<id>`, `sk` begins with `LOG#` |
//! | finish_training | the runs that a job's script made | `pk = JOB#<id>`, `sk` begins with `RUN#` |
//! | job lists | jobs of a kind, newest first | `gsi1`: `JOBS#<kind>`, by id (ids sort by time) |
//! | reconcile_jobs | jobs that have not ended | `gsi2`: `OPEN_JOBS`, by id; only open jobs carry it |
//! | routes with an Idempotency-Key | what the key started | `pk = IDEMPOTENCY#<scope>#<key>`, `sk = IDEMPOTENCY` |
//! | deploy tasks, inference | the deployment of a model | `pk = MODEL#<name>`, `sk = ENDPOINT`, which names it |
//! | every view | a deployment | `pk = DEPLOYMENT#<id>`, `sk = DEPLOYMENT` |
//! | deployment lists | deployments, newest first | `gsi1`: `DEPLOYMENTS`, by id |
//! | model_log, logs views | a deployment's predictions, newest first | `pk = DEPLOYMENT#<id>`, `sk` begins with `PREDICTION#` |
//! | model_log, metrics views | a deployment's counters by minute | `pk = DEPLOYMENT#<id>`, `sk` begins with `MINUTE#` |
//! | build | the dependency layer of a set of requirements | `pk = LAYER#<key>`, `sk = LAYER` |
//! | status, totals of lists | a counter | `pk = COUNTER#<name>`, `sk = COUNTER` |
//! | tracking | an experiment | `pk = EXPERIMENT#<id>`, `sk = EXPERIMENT` |
//! | tracking | the experiment of a name | `pk = EXPERIMENT_NAME#<name>`, `sk = EXPERIMENT_NAME` |
//! | tracking | experiments of a lifecycle stage, newest first | `gsi1`: `EXPERIMENTS#<stage>`, by creation time |
//! | tracking | a run; its params, tags, latest metrics | `pk = RUN#<id>`, `sk = RUN`, or begins with `PARAM#`, `TAG#`, `METRIC#` |
//! | tracking | a metric's history | `pk = RUN#<id>`, `sk` begins with `HISTORY#<metric>#` |
//! | tracking | runs of an experiment, newest first | `gsi1`: `EXPERIMENT#<id>#RUNS#<stage>`, by start time |
//! | tracking | a logged model | `pk = LOGGED_MODEL#<id>`, `sk = LOGGED_MODEL` |
//! | tracking, registry | the models that a run logged | `gsi2`: `RUN#<id>#LOGGED_MODELS`, by creation time |
//! | tracking | logged models of an experiment, newest first | `gsi1`: `EXPERIMENT#<id>#LOGGED_MODELS`, by creation time |
//! | every registry view | a registered model | `pk = MODEL#<name>`, `sk = MODEL` |
//! | every registry view | a model's versions, newest first | `pk = MODEL#<name>`, `sk` begins with `VERSION#` |
//! | every registry view | registered models by name | `gsi1`: `MODELS`, by name |

use aws_sdk_dynamodb::types::AttributeValue;

use super::Item;

/// The primary key of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The partition.
    pub partition: String,
    /// The place in the partition.
    pub sort: String,
}

impl Key {
    /// The key of that partition and sort key.
    pub fn new(partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self { partition: partition.into(), sort: sort.into() }
    }

    /// As DynamoDB takes it.
    pub fn attributes(&self) -> Item {
        Item::from([("pk".to_owned(), AttributeValue::S(self.partition.clone())), ("sk".to_owned(), AttributeValue::S(self.sort.clone()))])
    }
}

/// One of the table's global secondary indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// Lists of everything of a kind.
    First,
    /// What the first index already serves otherwise for the same item.
    Second,
}

impl Index {
    /// Its name in `template.yaml`.
    pub fn name(self) -> &'static str {
        match self {
            Index::First => "gsi1",
            Index::Second => "gsi2",
        }
    }

    /// Its partition's attribute.
    pub fn partition_attribute(self) -> &'static str {
        match self {
            Index::First => "gsi1pk",
            Index::Second => "gsi2pk",
        }
    }

    /// Its sort key's attribute.
    pub fn sort_attribute(self) -> &'static str {
        match self {
            Index::First => "gsi1sk",
            Index::Second => "gsi2sk",
        }
    }
}

/// A number as sort key: digits enough that text order is number order.
pub fn sortable(number: u64) -> String {
    format!("{number:020}")
}
