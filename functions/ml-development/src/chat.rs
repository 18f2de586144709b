//! `POST /api/ml-development/chat`. Document: ml-development-api, "Chat".

mod facts;
mod look_ups;
mod with_model;

use assistant::{Context, LONGEST_MESSAGE, Reply, answer, details, understand};
use serde::Deserialize;
use serde_json::Value;
use shared::config;
use shared::http::fields::Fields;
use shared::http::response;
use shared::identity::Caller;
use shared::{Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::views::problem::{Problem, ValidationProblem};
use crate::{find, rules};

/// The longest and the deepest `context`.
const LONGEST_CONTEXT: usize = 16 * 1024;
const DEEPEST_CONTEXT: usize = 8;

/// A message.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ChatRequest {
    /// What is asked, at most 4,000 characters.
    #[schema(example = "Why did my last run fail?")]
    pub message: String,
    /// What the conversation is about: `recipe_id`, `model_id` and `run_id` are read, so that "it" means those. Send back the
    /// `context` of the answer before.
    #[schema(value_type = Option<Object>)]
    pub context: Option<Value>,
    /// The recipe that the conversation is about.
    pub recipe_id: Option<String>,
}

/// Chat with the assistant
///
/// It answers about the recipes, models, runs and snapshots of this platform, from what it reads there and from nothing else:
/// recipes for a goal, why a run failed, runs and models compared by a metric, how a model does in production, how something is
/// done, and what to do next. It changes nothing. What it declines has `answered` false. Where the stack has a `ChatModel`, that
/// model of Amazon Bedrock answers, with the same look-ups as its tools; `model` then names it.
#[utoipa::path(
    post,
    path = "/api/ml-development/chat",
    operation_id = "chat",
    tag = "Chat",
    request_body = ChatRequest,
    responses(
        (status = 200, description = "The answer", body = Reply),
        (status = 404, description = "No such recipe", body = Problem),
        (status = 413, description = "The body is too large", body = Problem),
        (status = 422, description = "Fields are not as they must be", body = ValidationProblem),
        (status = 503, description = "The language model did not answer", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let mut fields = Fields::of_body(&request, rules::LONGEST_BODY)?;
    fields.require("message");
    let message = fields.text("message", 1..=LONGEST_MESSAGE).unwrap_or_default();
    let context = fields.object("context", LONGEST_CONTEXT, DEEPEST_CONTEXT);
    let recipe_id = fields.text("recipe_id", 1..=find::LONGEST_ID);
    fields.finish()?;
    let recipe_id = match &recipe_id {
        Some(id) => Some(facts::recipe_id(&find::recipe(platform, id).await?)),
        None => None,
    };
    let context = Context::of(context.as_ref().and_then(Value::as_object).unwrap_or(&serde_json::Map::new()), recipe_id.as_deref());
    let reply = match platform.config.optional(config::CHAT_MODEL) {
        Some(model_id) => with_model::answer(platform, &request.caller, model_id, &message, &context).await?,
        None => built_in(platform, &request.caller, &message, context).await?,
    };
    response::ok(&reply)
}

async fn built_in(platform: &Platform, caller: &Caller, message: &str, context: Context) -> Result<Reply> {
    let mut facts = facts::lists(platform).await?;
    let question = understand(message, context, &facts);
    facts::add_named(platform, caller, &question, &mut facts).await?;
    facts::add_details(platform, caller, &question, &details(&question, &facts), &mut facts).await?;
    Ok(answer(&question, &facts))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use testing::TestPlatform;

    use crate::fixtures::{id, model, post, put, recipe};

    async fn ask(test: &TestPlatform, body: Value) -> Value {
        let (status, reply) = post(test, "/chat", &body).await;
        assert_eq!(status, 200, "{reply}");
        reply
    }

    fn referred(reply: &Value) -> Vec<&str> {
        reply["references"].as_array().unwrap().iter().map(|reference| reference["id"].as_str().unwrap()).collect()
    }

    #[tokio::test]
    async fn an_empty_platform_offers_its_baselines() {
        let test = TestPlatform::start().await;
        let reply = ask(&test, json!({ "message": "Which recipe suits retail discounts?", "context": {}, "recipe_id": null })).await;
        assert_eq!((&reply["intent"], &reply["answered"], &reply["model"]), (&json!("find_recipes"), &json!(true), &Value::Null));
        assert_eq!(referred(&reply), ["recipe_pricing_base"]);
        assert_eq!(reply["context"]["recipe_id"], "recipe_pricing_base");
        let reply = ask(&test, json!({ "message": "what should I do next?" })).await;
        assert!(reply["reply"].as_str().unwrap().contains("clone"), "{reply}");
    }

    #[tokio::test]
    async fn a_failure_is_explained_from_its_log_and_runs_are_compared() {
        let test = TestPlatform::start().await;
        let made = recipe(&test, "Retail", json!({})).await;
        let model_id = model(&test, "Retail Prices", &made).await;
        let mut runs = Vec::new();
        for body in [
            json!({ "status": "succeeded", "metrics_json": { "revenue_lift": 0.041 } }),
            json!({ "status": "succeeded", "metrics_json": { "revenue_lift": 0.045 } }),
            json!({ "status": "failed", "logs_text": "reading rows\nModuleNotFoundError: No module named 'lightgbm'" }),
        ] {
            let run = json!({ "recipe_id": made.0, "recipe_version_id": made.1, "run_type": "train", "model_id": model_id });
            let run_id = id(&post(&test, "/runs", &run).await.1, "id");
            assert_eq!(put(&test, &format!("/runs/{run_id}"), &body).await.0, 200);
            runs.push(run_id);
        }
        let reply = ask(&test, json!({ "message": "Why did my last run fail?" })).await;
        let text = reply["reply"].as_str().unwrap();
        assert!(text.contains("No module named 'lightgbm'") && text.contains("add lightgbm to the requirements"), "{text}");
        assert_eq!(referred(&reply), [&runs[2], &model_id, &made.0]);
        let reply = ask(&test, json!({ "message": "and what should I do next with it?", "context": reply["context"] })).await;
        assert!(reply["reply"].as_str().unwrap().contains("lightgbm"), "{reply}");
        let reply = ask(&test, json!({ "message": "Which run of Retail Prices is best by revenue lift?" })).await;
        assert!(reply["reply"].as_str().unwrap().contains(&format!("{} (train of Retail Prices) is best: 0.045", runs[1])), "{reply}");
        let reply = ask(&test, json!({ "message": format!("why did {} fail?", runs[0]) })).await;
        assert!(reply["reply"].as_str().unwrap().contains("did not fail"), "{reply}");
        let reply = ask(&test, json!({ "message": "delete the model Retail Prices" })).await;
        assert_eq!(reply["answered"], json!(false));
        assert_eq!(reply["suggested_calls"][0]["path"], json!(format!("/api/ml-development/models/{model_id}")));
    }

    #[tokio::test]
    async fn what_is_not_a_message_is_refused() {
        let test = TestPlatform::start().await;
        for (body, expected) in [
            (json!({}), 422),
            (json!({ "message": 5 }), 422),
            (json!({ "message": "" }), 422),
            (json!({ "message": "a".repeat(4001) }), 422),
            (json!({ "message": "hello", "context": [] }), 422),
            (json!({ "message": "hello", "recipe_id": "recipe_none" }), 404),
        ] {
            assert_eq!(post(&test, "/chat", &body).await.0, expected, "{body}");
        }
    }
}
