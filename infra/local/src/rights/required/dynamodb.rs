//! DynamoDB: an operation's own action on the table or the index; of transactions, the action of each item.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::account::arn;
use crate::rights::Needed;

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct Body {
    table_name: Option<String>,
    index_name: Option<String>,
    request_items: Option<BTreeMap<String, IgnoredAny>>,
    transact_items: Option<Vec<BTreeMap<String, Target>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    table_name: String,
}

/// What an operation needs. A body that cannot be read needs the action on everything.
pub fn of(region: &str, operation: &str, body: &[u8]) -> Vec<Needed> {
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    let table = |name: &str| if name.starts_with("arn:") { name.to_owned() } else { arn("dynamodb", region, &format!("table/{name}")) };
    let own = format!("dynamodb:{operation}");
    let mut needed = Vec::new();
    let mut add = |action: String, resource: String| {
        let wanted = Needed::new(action, resource);
        if !needed.contains(&wanted) {
            needed.push(wanted);
        }
    };
    match operation {
        "TransactWriteItems" | "TransactGetItems" => {
            for (kind, target) in body.transact_items.iter().flatten().flatten() {
                let action = if kind == "ConditionCheck" { "ConditionCheckItem".to_owned() } else { format!("{kind}Item") };
                add(format!("dynamodb:{action}"), table(&target.table_name));
            }
        }
        "BatchGetItem" | "BatchWriteItem" => {
            for name in body.request_items.iter().flat_map(BTreeMap::keys) {
                add(own.clone(), table(name));
            }
        }
        _ => {}
    }
    match (&body.table_name, &body.index_name) {
        (Some(name), Some(index)) => add(own, format!("{}/index/{index}", table(name))),
        (Some(name), None) => add(own, table(name)),
        (None, _) if needed.is_empty() => needed.push(Needed::new(own, "*")),
        (None, _) => {}
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_call(operation: &str, body: &str) -> Vec<String> {
        let short = |needed: Needed| format!("{} {}", needed.action, needed.resource.rsplit("000000000000:").next().unwrap_or_default());
        super::of("us-east-1", operation, body.as_bytes()).into_iter().map(short).collect()
    }

    #[test]
    fn each_operation_needs_its_action_where_it_acts() {
        assert_eq!(of_call("GetItem", r#"{"TableName":"t","Key":{"pk":{"S":"1"}}}"#), ["dynamodb:GetItem table/t"]);
        assert_eq!(of_call("Query", r#"{"TableName":"t","IndexName":"gsi1"}"#), ["dynamodb:Query table/t/index/gsi1"]);
        assert_eq!(of_call("BatchGetItem", r#"{"RequestItems":{"t":{"Keys":[]}}}"#), ["dynamodb:BatchGetItem table/t"]);
        let transaction = r#"{"TransactItems":[{"Put":{"TableName":"t","Item":{}}},{"Put":{"TableName":"t"}},
            {"ConditionCheck":{"TableName":"t"}},{"Delete":{"TableName":"t"}},{"Update":{"TableName":"t"}}]}"#;
        let expected = ["PutItem", "ConditionCheckItem", "DeleteItem", "UpdateItem"].map(|action| format!("dynamodb:{action} table/t"));
        assert_eq!(of_call("TransactWriteItems", transaction), expected);
        assert_eq!(of_call("TransactGetItems", r#"{"TransactItems":[{"Get":{"TableName":"t"}}]}"#), ["dynamodb:GetItem table/t"]);
        assert_eq!(of_call("TransactWriteItems", "no JSON"), ["dynamodb:TransactWriteItems *"]);
    }
}
