//! Lambda: an operation's own action on the function, the version or the alias; for a new function the right to give it its
//! role and its image too.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ecr;
use crate::lambda::Qualified;
use crate::lambda::model::function_arn;
use crate::rights::Needed;

/// What an operation needs, by its method, its path behind the date, its query and its body. Nothing where the path names no
/// operation or no function: the service says so itself.
pub fn of(region: &str, method: &str, segments: &[&str], query: &BTreeMap<String, String>, body: &Value) -> Vec<Needed> {
    let parse = |name: &str| Qualified::parse(name, query.get("Qualifier").map(String::as_str)).ok();
    // The function whatever its version, or the one version or alias that the call names.
    let whole = |action: &str, name: &str| {
        parse(name).map(|target| Needed::new(format!("lambda:{action}"), function_arn(region, &target.name, None))).into_iter().collect()
    };
    let exact = |action: &str, name: &str| {
        let arn = |target: Qualified| function_arn(region, &target.name, target.qualifier.as_deref());
        parse(name).map(|target| Needed::new(format!("lambda:{action}"), arn(target))).into_iter().collect()
    };
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut needed: Vec<Needed> = match (method, segments) {
        ("POST", ["functions", name, "invocations"]) => exact("InvokeFunction", name),
        ("POST", ["functions"]) => whole("CreateFunction", text("FunctionName")),
        ("GET", ["functions"]) => vec![Needed::new("lambda:ListFunctions", "*")],
        ("GET", ["functions", name]) => exact("GetFunction", name),
        ("DELETE", ["functions", name]) => exact("DeleteFunction", name),
        ("GET", ["functions", name, "configuration"]) => exact("GetFunctionConfiguration", name),
        ("PUT", ["functions", name, "configuration"]) => whole("UpdateFunctionConfiguration", name),
        ("PUT", ["functions", name, "code"]) => whole("UpdateFunctionCode", name),
        ("POST", ["functions", name, "versions"]) => whole("PublishVersion", name),
        ("GET", ["functions", name, "versions"]) => whole("ListVersionsByFunction", name),
        ("POST", ["functions", name, "aliases"]) => whole("CreateAlias", name),
        ("GET", ["functions", name, "aliases"]) => whole("ListAliases", name),
        ("GET", ["functions", name, "aliases", _]) => whole("GetAlias", name),
        ("PUT", ["functions", name, "aliases", _]) => whole("UpdateAlias", name),
        ("DELETE", ["functions", name, "aliases", _]) => whole("DeleteAlias", name),
        ("POST", ["functions", name, "url"]) => exact("CreateFunctionUrlConfig", name),
        ("GET", ["functions", name, "url"]) => exact("GetFunctionUrlConfig", name),
        ("PUT", ["functions", name, "url"]) => exact("UpdateFunctionUrlConfig", name),
        ("DELETE", ["functions", name, "url"]) => exact("DeleteFunctionUrlConfig", name),
        ("GET", ["functions", name, "urls"]) => whole("ListFunctionUrlConfigs", name),
        ("POST", ["functions", name, "policy"]) => exact("AddPermission", name),
        ("GET", ["functions", name, "policy"]) => exact("GetPolicy", name),
        ("DELETE", ["functions", name, "policy", _]) => exact("RemovePermission", name),
        ("PUT", ["functions", name, "concurrency"]) => whole("PutFunctionConcurrency", name),
        ("GET", ["functions", name, "concurrency"]) => whole("GetFunctionConcurrency", name),
        ("DELETE", ["functions", name, "concurrency"]) => whole("DeleteFunctionConcurrency", name),
        ("PUT", ["functions", name, "provisioned-concurrency"]) => exact("PutProvisionedConcurrencyConfig", name),
        ("GET", ["functions", name, "provisioned-concurrency"]) => exact("GetProvisionedConcurrencyConfig", name),
        ("DELETE", ["functions", name, "provisioned-concurrency"]) => exact("DeleteProvisionedConcurrencyConfig", name),
        ("POST", ["tags", arn]) => whole("TagResource", arn),
        ("GET", ["tags", arn]) => whole("ListTags", arn),
        ("DELETE", ["tags", arn]) => whole("UntagResource", arn),
        _ => Vec::new(),
    };
    if matches!((method, segments), ("POST", ["functions"]) | ("PUT", ["functions", _, "code" | "configuration"])) {
        if let Some(role) = body.get("Role").and_then(Value::as_str) {
            needed.push(Needed::new("iam:PassRole", role).with("iam:PassedToService", "lambda.amazonaws.com"));
        }
        let image = body["Code"]["ImageUri"].as_str().or_else(|| body["ImageUri"].as_str());
        needed.extend(image.into_iter().flat_map(|uri| ecr::image(region, uri)));
        if body.get("Tags").and_then(Value::as_object).is_some_and(|tags| !tags.is_empty()) {
            needed.extend::<Vec<Needed>>(whole("TagResource", text("FunctionName")));
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of_call(method: &str, path: &str, query: &[(&str, &str)], body: &Value) -> Vec<String> {
        let segments: Vec<&str> = path.split('/').collect();
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let short = |needed: Needed| format!("{} {}", needed.action, needed.resource.rsplit("000000000000:").next().unwrap_or_default());
        super::of("us-east-1", method, &segments, &query, body).into_iter().map(short).collect()
    }

    #[test]
    fn calls_of_versions_need_the_right_to_them_and_changes_the_right_to_the_function() {
        let none = Value::Null;
        let live = [("Qualifier", "live")];
        assert_eq!(of_call("POST", "functions/f/invocations", &live, &none), ["lambda:InvokeFunction function:f:live"]);
        assert_eq!(of_call("GET", "functions/f", &[], &none), ["lambda:GetFunction function:f"]);
        assert_eq!(of_call("PUT", "functions/f/aliases/live", &[], &none), ["lambda:UpdateAlias function:f"]);
        assert_eq!(of_call("GET", "functions", &[], &none), ["lambda:ListFunctions *"]);
        assert!(of_call("GET", "functions/a b", &[], &none).is_empty());
    }

    #[test]
    fn a_new_function_needs_its_role_and_its_image() {
        let body = json!({
            "FunctionName": "f",
            "Role": "arn:aws:iam::000000000000:role/r",
            "Code": {"ImageUri": "000000000000.dkr.ecr.us-east-1.amazonaws.com/images@sha256:0"},
        });
        let expected = [
            "lambda:CreateFunction function:f",
            "iam:PassRole role/r",
            "ecr:BatchGetImage repository/images",
            "ecr:GetDownloadUrlForLayer repository/images",
        ];
        assert_eq!(of_call("POST", "functions", &[], &body), expected);
    }
}
