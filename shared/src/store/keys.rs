//! The access patterns: who asks, and which key or index answers. One table, `pk` and `sk`, and two global secondary
//! indexes, `gsi1` and `gsi2`, each with a partition and a sort key of its own.
//!
//! | who asks | what | answered by |
//! |---|---|---|
//! | job routes, every task | a job | `pk = JOB#<id>`, `sk = JOB` |
//! | job routes | a job's output, in order | `pk = JOB#<id>`, `sk` begins with `LOG#` |
//! | job_logs | how far a job's output has come | `pk = JOB#<id>`, `sk = OUTPUT` |
//! | finish_training | the runs that a job's script made | `pk = JOB#<id>`, `sk` begins with `RUN#` |
//! | predictions, privacy-policy routes | a privacy policy | `pk = PRIVACY_POLICY#<id>`, `sk = PRIVACY_POLICY` |
//! | privacy_policies_list | a project's privacy policies (at most a hundred), newest first | `gsi1`: `PROJECT#<id>#PRIVACY_POLICIES`, by id |
//! | job lists | jobs of a kind of a user (or nobody's in particular), newest first | `gsi1`: `JOBS#<kind>#<user id or anyone>`, by id (ids sort by time) |
//! | totals of job lists | how many those are | `pk = COUNTER#<kind>_JOBS#<user id or anyone>`, `sk = COUNTER` |
//! | reconcile_jobs | jobs that have not ended | `gsi2`: `OPEN_JOBS`, by id; only open jobs carry it |
//! | routes with an Idempotency-Key | what the key started | `pk = IDEMPOTENCY#<scope>#<user id, if any>#<key>`, `sk = IDEMPOTENCY` |
//! | deploy by upload_id | an upload of a model file | `pk = UPLOAD#<id>`, `sk = UPLOAD` |
//! | deploy tasks, inference | the deployment of a model | `pk = MODEL#<name>`, `sk = ENDPOINT`, which names it |
//! | every view | a deployment | `pk = DEPLOYMENT#<id>`, `sk = DEPLOYMENT` |
//! | deployment lists | a user's deployments (or nobody's in particular), newest first | `gsi1`: `DEPLOYMENTS#<user id or anyone>`, by id |
//! | deployment lists | those that were deleted | `gsi1`: `DELETED_DEPLOYMENTS#<user id or anyone>`, by id |
//! | versions, rollback, delete | a deployment's versions, newest first | `pk = DEPLOYMENT#<id>`, `sk` begins with `VERSION#` |
//! | model_log, logs views | a deployment's predictions, newest first | `pk = DEPLOYMENT#<id>`, `sk` begins with `PREDICTION#` |
//! | model_log, metrics | a deployment's counters by minute, hour, day | `pk = DEPLOYMENT#<id>`, `sk` begins with `MINUTE#`, `HOUR#`, `DAY#` |
//! | model_log, metrics | a sample of a deployment's callers by hour | `pk = DEPLOYMENT#<id>`, `sk` begins with `CALLERS#` |
//! | model_log | whether lines were counted before | `pk = DEPLOYMENT#<id>`, `sk = COUNTED#<mark>` |
//! | deployment views | a deployment's counters in all | `pk = DEPLOYMENT#<id>`, `sk = TOTALS` |
//! | every project view | a project with what is in production | `pk = PROJECT#<id>`, `sk = PROJECT` |
//! | projects_list | a user's projects, newest first; how many | `pk = USER#<id>`, `sk` begins with `PROJECT#`; `sk = PROJECT_TOTALS` |
//! | deployments of a project | those made in it, newest first; how many | `gsi1`: `PROJECT#<id>#DEPLOYMENTS`, by id; `pk = PROJECT#<id>`, `sk = TOTALS` |
//! | models of a project | those in it, newest first; how many, in parts | `pk = PROJECT#<id>`, `sk` begins with `MODEL#`; with `MODELS_TOTAL#` |
//! | models of a project | the version of an id, and its projects | `pk = MODEL_ID#<id>`, `sk = MODEL_ID` |
//! | models_list | how far versions from before ids were looked through | `pk = PROJECT#<default>`, `sk = BACKFILL` |
//! | deploy_function, publish_version | who may give a project's function its code | `pk = PROJECT#<id>`, `sk = LEASE` |
//! | reconcile_jobs | projects whose alias does not follow the table yet | `gsi2`: `UNROUTED_PROJECTS`; only those carry it |
//! | schedule_drift | deployments that take production traffic | `gsi2`: `PRODUCTION_DEPLOYMENTS`; only those carry it |
//! | inference_logs_list, exports, drift | records of a span of time, newest first | `pk = DEPLOYMENT#<id>`, `sk` between `PREDICTION#<time>` and another: ids begin with their time |
//! | inference_logs_list | how many those are | `pk = DEPLOYMENT#<id>`, `sk` begins with `RECORDS_OF_DAY#`, `RECORDS_OF_HOUR#`, `RECORDS_OF_MINUTE#`: the parts of each span are attributes |
//! | ground truth, accuracy | what turned out to be true, by the prediction's time | `pk = DEPLOYMENT#<id>`, `sk` begins with `GROUND_TRUTH#` |
//! | drift | the newest report, those before it, why there is none | `pk = DEPLOYMENT#<id>`, `sk = DRIFT`, begins with `DRIFT#`, `= DRIFT_PROBLEM` |
//! | alert-rule routes, evaluations | an alert rule; where it stands with a deployment | `pk = ALERT_RULE#<id>`, `sk = ALERT_RULE`; `= STATE#<deployment>` |
//! | alert_rules_list | a project's rules (in everybody's project a user's), at most a hundred, newest first | `gsi1`: `PROJECT#<scope>#ALERT_RULES`, by id |
//! | evaluate_alerts | every rule; where the next run begins | `gsi2`: `ALERT_RULES`, by id; `pk = ALERT_RULES`, `sk = CURSOR` |
//! | alert routes, evaluations | an alert | `pk = ALERT#<id>`, `sk = ALERT` |
//! | alerts_list | alerts by any of status, severity, rule, deployment, newest first; how many | `pk = ALERTS#<scope>#<status or *>#<severity or *>#<rule or *>#<deployment or *>`, `sk` begins with `ENTRY#`; `TOTAL` |
//! | publish_event, rule routes | a rule's channels | `pk = WEBHOOKS#ALERT_RULE#<id>`, `sk` begins with `WEBHOOK#` |
//! | build | the dependency layer of a set of requirements | `pk = LAYER#<key>`, `sk = LAYER` |
//! | status, totals of lists | a counter | `pk = COUNTER#<name>`, `sk = COUNTER` |
//! | finish_training | the models that a job's script logged | `pk = JOB#<id>`, `sk` begins with `LOGGED_MODEL#` |
//! | finish_training | the version that a job registered | `pk = JOB#<id>`, `sk = VERSION` |
//! | every writer of long texts | a text too long for its item, by its hash | the item's own `pk`, `sk = VALUE#<hash>` |
//! | publish_event, deliver_webhook | an event that is not told of everywhere yet | `pk = OUTBOX#<id>`, `sk = OUTBOX` |
//! | reconcile_events | those events, oldest first | `gsi2`: `OPEN_EVENTS`, by id; only open events carry it |
//! | model_log | whether a minute's failed predictions were told of | `pk = DEPLOYMENT#<id>`, `sk = TOLD#<minute>` |
//! | webhook routes, publish_event | an owner's webhooks; one of them | `pk = WEBHOOKS#<owner>`, `sk = WEBHOOK#<id>` |
//! | publish_event, deliver_webhook | a delivery | `pk = WEBHOOK#<id>`, `sk = DELIVERY#<id>` |
//! | webhook_deliveries | attempts to tell a webhook, newest first | `pk = WEBHOOK#<id>`, `sk` begins with `ATTEMPT#` |
//! | recipe routes, runs | a recipe; its example data | `pk = RECIPE#<id>`, `sk = RECIPE`, `EXAMPLE` |
//! | version routes | a recipe's versions, newest first | `pk = RECIPE#<id>`, `sk` begins with `VERSION#` |
//! | recipe_delete | what points at a recipe | `pk = RECIPE#<id>`, `sk` begins with `CHILD#`, `MODEL#`; the list of its runs |
//! | recipe_create, recipe_update | the recipe of a name | `pk = RECIPE_NAME#<name>`, `sk = RECIPE_NAME` |
//! | recipes_list | recipes by any of family, level, status, newest first; how many | `pk = RECIPES#<family or *>#<level or *>#<status or *>`, `sk` begins with `ENTRY#`; `TOTAL` |
//! | run routes, follow_job | a run of a recipe | `pk = RECIPE_RUN#<id>`, `sk = RECIPE_RUN` |
//! | runs_list | such runs by any of model, recipe, status, newest first; how many | `pk = RECIPE_RUNS#<model or *>#<recipe or *>#<status or *>`, the same way |
//! | model routes | the name of a model of the ML development API | `pk = DEVELOPMENT_MODEL#<id>`, `sk = DEVELOPMENT_MODEL` |
//! | development models_list | such models by any of family, status, newest first; how many | `pk = DEVELOPMENT_MODELS#<family or *>#<status or *>`, the same way |
//! | monitoring routes, capture_monitoring | a model's monitoring snapshots, newest first; how many | `pk = MONITORING#<model id>`, `sk` begins with `SNAPSHOT#`; `TOTAL` |
//! | register, users' views | a user | `pk = USER#<id>`, `sk = USER` |
//! | me, deployment lists | a user's totals, and those of `anyone` | `pk = USER#<id>`, `sk = TOTALS` |
//! | register, login | the user of an address, of a username | `pk = USER_EMAIL#<address>`, `USER_NAME#<name>` |
//! | every route | the owner of an API key | `pk = API_KEY#<hash>`, `sk = API_KEY` |
//! | api_keys routes | a user's API keys | `pk = USER#<id>`, `sk` begins with `API_KEY#` |
//! | every route | the secret that signs session tokens | `pk = SECRET#SESSION_SIGNING`, `sk = SECRET` |
//! | limited routes | a caller's requests in a window | `pk = RATE_LIMIT#<scope>#<caller>#<begin>`, `sk = RATE_LIMIT` |
//! | tracking | an experiment | `pk = EXPERIMENT#<id>`, `sk = EXPERIMENT` |
//! | tracking | the experiment of a name | `pk = EXPERIMENT_NAME#<name>`, `sk = EXPERIMENT_NAME` |
//! | tracking | experiments of a lifecycle stage, newest first | `gsi1`: `EXPERIMENTS#<stage>`, by creation time |
//! | tracking | a run with its params, tags and (up to a bound) latest metrics | `pk = RUN#<id>`, `sk = RUN` |
//! | tracking | the latest metrics that a run's own item has no room for | `pk = RUN#<id>`, `sk` begins with `METRICS#` |
//! | tracking | runs of an experiment in the order of a metric's latest value | `pk = EXPERIMENT#<id>#METRIC#<metric>`, by value; `METRIC_NAN` for those that are NaN |
//! | tracking | a metric's history in segments, one for each request | `pk = HISTORY#<run id>#<metric>`, by the first point's time, step, value |
//! | tracking | segments of several metrics, of requests that log very many | `pk = SHARED_HISTORY#<run id>#<hash of the metric>`, the same way |
//! | tracking | runs of an experiment, newest first | `gsi1`: `EXPERIMENT#<id>#RUNS#<stage>`, by start time |
//! | tracking | the datasets that a run used | `pk = RUN#<id>`, `sk` begins with `INPUT#` |
//! | tracking | the datasets that an experiment's runs used | `pk = EXPERIMENT#<id>`, `sk` begins with `DATASET#` |
//! | tracking | a logged model; what was measured on it | `pk = LOGGED_MODEL#<id>`, `sk = LOGGED_MODEL`, or begins with `METRIC#` |
//! | tracking, registry | the models that a run logged | `gsi2`: `RUN#<id>#LOGGED_MODELS`, by creation time |
//! | tracking | logged models of an experiment, newest first | `gsi1`: `EXPERIMENT#<id>#LOGGED_MODELS#<stage>`, by creation time |
//! | every registry view | a registered model with its tags and aliases | `pk = MODEL#<name>`, `sk = MODEL` |
//! | every registry view | a model's versions, newest first | `pk = MODEL#<name>`, `sk` begins with `VERSION#` |
//! | every registry view | registered models by name | `gsi1`: `MODELS`, by name |
//! | every registry view, for members | registered models of a project by name | `gsi1`: `PROJECT#<id>#MODELS`, by name |
//! | tracking | versions of all models, the last changed first | `gsi1`: `MODEL_VERSIONS` |
//! | tracking, for members | versions of a project's models, the last changed first | `gsi1`: `PROJECT#<id>#MODEL_VERSIONS` |
//! | tracking | a model's versions, the last changed first | `pk = MODEL#<name>`, `sk` begins with `VERSION_PLACE#`; `gsi1`: `MODEL#<name>#VERSIONS` |
//! | tracking | the versions made of a run's models, the last changed first | `gsi2`: `RUN#<id>#VERSIONS` |
//! | tracking, for members | those of a project's models | `gsi2`: `PROJECT#<id>#RUN#<id>#VERSIONS` |
//! | registry views, `/api/v1` | whether a user is in a project; in which | `pk = USER#<id>`, `sk = PROJECT#<id>`; `sk` begins with `PROJECT#` |

use aws_sdk_dynamodb::types::AttributeValue;

use super::Item;
use crate::{Error, Result};

/// The primary key of an item.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

    /// The key of an item that was read.
    ///
    /// # Errors
    /// `Internal` when the item has no key, which no item of the table lacks.
    pub(crate) fn of(item: &Item) -> Result<Self> {
        let text = |attribute| item.get(attribute).and_then(|value| value.as_s().ok()).cloned();
        match (text("pk"), text("sk")) {
            (Some(partition), Some(sort)) => Ok(Self { partition, sort }),
            _ => Err(Error::broken("an item of the table has no key")),
        }
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
