//! Why a run failed.

use serde_json::json;

use super::{run_in_words, targets, with_run};
use crate::facts::Facts;
use crate::hints::hint;
use crate::question::Question;
use crate::reply::{Kind, Reply};

pub fn explain(question: &Question, facts: &Facts) -> Reply {
    let intent = "explain_failure";
    let Some(run) = targets::failed_run(question, facts) else {
        let scope = targets::models(question, facts).first().map(|model| format!(" of {}", model.name)).unwrap_or_default();
        return Reply::new(intent, format!("No run{scope} has failed, as far as I can see.")).suggest(
            "GET",
            "/runs?status=failed",
            None,
            "list the runs that failed",
        );
    };
    if run.status != "failed" {
        let text = match run.status.as_str() {
            "succeeded" => format!("Run {} did not fail: it succeeded.", run_in_words(run, facts)),
            status => format!("Run {} has not failed: it is {status}.", run_in_words(run, facts)),
        };
        return with_run(Reply::new(intent, text), run, facts).suggest("GET", &format!("/runs/{}", run.id), None, "read the run");
    }
    let mut text = format!("Run {} failed", run_in_words(run, facts));
    if let Some(at) = run.finished_at {
        text.push_str(&format!(" at {at}"));
    }
    match &run.error {
        Some(error) => text.push_str(&format!(": {}", error.trim())),
        None => text.push_str(", and no error was recorded with it"),
    }
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    let tail: Vec<&str> = run.log_tail.iter().map(|line| line.trim_end()).filter(|line| !line.is_empty()).collect();
    if tail.is_empty() {
        text.push_str("\nIt wrote no log.");
    } else {
        text.push_str("\nThe last lines of its log:");
        for line in &tail[tail.len().saturating_sub(10)..] {
            text.push_str("\n  ");
            text.extend(line.chars().take(300));
        }
    }
    let evidence = format!("{}\n{}", run.error.as_deref().unwrap_or_default(), tail.join("\n"));
    if let Some(hint) = hint(run.error.as_deref().unwrap_or_default()).or_else(|| hint(&evidence)) {
        text.push_str(&format!("\nWhat to do: {hint}"));
    }
    let name = facts.recipe(&run.recipe_id).map(|recipe| recipe.name.as_str());
    with_run(Reply::new(intent, text), run, facts)
        .made_from(Kind::Recipe, &run.recipe_id, name)
        .suggest("GET", &format!("/runs/{}", run.id), None, "read the whole run with its log")
        .suggest(
            "POST",
            &format!("/recipes/{}/versions", run.recipe_id),
            Some(json!({ "recipe_id": run.recipe_id, "manifest_json": {}, "change_note": "what was mended" })),
            "make a version of the recipe that mends it; put the whole manifest in manifest_json",
        )
        .suggest(
            "POST",
            "/runs",
            Some(json!({
                "recipe_id": run.recipe_id,
                "recipe_version_id": run.recipe_version_id,
                "run_type": run.run_type,
                "model_id": run.model_id,
            })),
            "run it again; with the new version's id once there is one",
        )
}
