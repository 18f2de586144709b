//! `POST logged-models/search`: logged models that satisfy a filter.

use serde_json::json;
use shared::domain::search::{Clause, Field, Order, filter, rules};
use shared::domain::tracking_rules;
use shared::http::response;
use shared::store::search::{DatasetChoice, LoggedModelOrder, LoggedModelSearch};
use shared::{Error, Platform, Request, Response, Result};

use crate::access::Caller;
use crate::message::Message;
use crate::searching;
use crate::shapes;

const MOST_CHOICES: usize = 100;

/// Takes `experiment_ids`, `filter`, `datasets`, `max_results`, `order_by`, `page_token`; gives `models`, `next_page_token`.
///
/// # Errors
/// In MLflow's shape and codes.
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    Caller::of(platform, &request).await?;
    let message = Message::of(&request)?;
    let mut experiment_ids = message.texts("experiment_ids")?;
    experiment_ids.iter().try_for_each(|id| tracking_rules::check_experiment_id(id))?;
    experiment_ids.sort_unstable();
    experiment_ids.dedup();
    let (datasets, orders) = (message.messages("datasets")?, message.messages("order_by")?);
    if experiment_ids.len() > MOST_CHOICES || datasets.len() > MOST_CHOICES || orders.len() > MOST_CHOICES {
        return Err(Error::bad_request(format!("A search can name at most {MOST_CHOICES} experiments, datasets and orders each.")));
    }
    let datasets = datasets.iter().map(|(path, dataset)| {
        let name = dataset.text("dataset_name")?.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| tracking_rules::missing_value(&format!("{path}.dataset_name")))?;
        Ok(DatasetChoice { name, digest: dataset.text("dataset_digest")?.filter(|digest| !digest.is_empty()) })
    });
    let search = LoggedModelSearch {
        experiment_ids,
        clauses: clauses(&message.text_or_empty("filter")?)?,
        datasets: datasets.collect::<Result<_>>()?,
        orders: orders.iter().map(|(path, order)| order_of(path, order)).collect::<Result<_>>()?,
        limit: searching::limit(&message, 50, 50_000)?,
    };
    let page = platform.store()?.search_logged_models(&search, message.text("page_token")?.as_deref()).await?;
    let models: Vec<_> = page.items.iter().map(shapes::logged_model).collect();
    response::ok(&shapes::object(json!({ "models": models, "next_page_token": page.next_page_token })))
}

/// A filter that is none is told of in the words that MLflow has for logged models alone.
fn clauses(text: &str) -> Result<Vec<Clause>> {
    filter::parse(text, &rules::LOGGED_MODELS).map_err(|error| match error.public_message() {
        message if message.starts_with("Invalid clause(s)") => Error::bad_request(format!("Invalid filter string: {text:?}. {message}")),
        _ => error,
    })
}

fn order_of(path: &str, message: &Message) -> Result<LoggedModelOrder> {
    let name = message.text("field_name")?.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| tracking_rules::missing_value(&format!("{path}.field_name")))?;
    let field = match name.split_once('.') {
        Some(("metrics", metric)) => Field::Metric(metric.to_owned()),
        Some(_) => return Err(Error::bad_request(format!("Invalid order by field name: {name}. Only metrics are supported."))),
        None => {
            let proper = rules::LOGGED_MODELS.proper(&name);
            if !rules::LOGGED_MODELS.orders.contains(&proper.as_str()) {
                return Err(Error::bad_request(format!("Invalid order by field name: {name}")));
            }
            Field::Attribute(proper)
        }
    };
    let dataset = message.text("dataset_name")?.filter(|name| !name.is_empty());
    let digest = message.text("dataset_digest")?.filter(|digest| !digest.is_empty());
    Ok(LoggedModelOrder {
        order: Order { field, ascending: message.flag_or("ascending", true)? },
        dataset: dataset.map(|name| DatasetChoice { name, digest }),
    })
}
