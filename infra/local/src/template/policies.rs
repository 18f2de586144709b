//! Policies: the statements that roles, functions and state machines of the template have.

use std::sync::Arc;

use super::error::Refusal;
use super::node::{Data, Key, Node};
use super::properties::Properties;
use crate::rights::{Condition, Effect, Role, Statement};

/// Managed policies that give no right to anything that the laptop cloud has: they let a function write its log.
const WITHOUT_EFFECT: [&str; 2] = ["AWSLambdaBasicExecutionRole", "service-role/AWSLambdaBasicExecutionRole"];

/// Reads `AWS::IAM::Role`.
pub fn read_role(owner: &str, arn: String, properties: Properties) -> Result<Role, Refusal> {
    properties.accept(&["RoleName", "Description", "AssumeRolePolicyDocument", "MaxSessionDuration", "Path", "Tags"]);
    for node in properties.list("ManagedPolicyArns")? {
        check_managed(node)?;
    }
    let mut statements = Vec::new();
    for policy in properties.list("Policies")? {
        let policy = Properties::new(Some(policy), format!("{owner}'s policy"), policy.line)?;
        policy.required_text("PolicyName")?;
        let document = policy.node("PolicyDocument").ok_or_else(|| Refusal::new(policy.line(), "a policy needs a PolicyDocument"))?;
        read_document(document, &mut statements)?;
        policy.finish()?;
    }
    properties.finish()?;
    Ok(Role { arn, owner: owner.to_owned(), statements })
}

/// The role of a function or a state machine: the one that it names, else one that is made of its `Policies`. Gives its ARN, and
/// the role if it is made.
pub fn read_own(owner: &str, generated: String, properties: &Properties) -> Result<(String, Option<Arc<Role>>), Refusal> {
    let policies = properties.node("Policies");
    if let Some(arn) = properties.text("Role")? {
        return match policies {
            None => Ok((arn, None)),
            Some(node) => Err(Refusal::new(node.line, format!("{owner} has a Role, so its Policies would have no effect"))),
        };
    }
    let mut statements = Vec::new();
    match policies {
        None => {}
        Some(Node { data: Data::Sequence(policies), .. }) => {
            for policy in policies {
                read_policy(policy, &mut statements)?;
            }
        }
        Some(policy) => read_policy(policy, &mut statements)?,
    }
    let role = Role { arn: generated.clone(), owner: owner.to_owned(), statements };
    Ok((generated, Some(Arc::new(role))))
}

/// One of SAM's `Policies`: a document of its own, or the name of a managed policy.
fn read_policy(policy: &Node, statements: &mut Vec<Statement>) -> Result<(), Refusal> {
    if policy.scalar().is_some() {
        return check_managed(policy);
    }
    if policy.get("Statement").is_none() {
        return Err(Refusal::new(policy.line, "the laptop cloud has no policy templates; write the policy's statements out"));
    }
    read_document(policy, statements)
}

fn check_managed(policy: &Node) -> Result<(), Refusal> {
    let text = policy.scalar().unwrap_or_default();
    let name = text.split_once(":policy/").map_or(text, |(_, name)| name);
    if WITHOUT_EFFECT.contains(&name) {
        return Ok(());
    }
    Err(Refusal::new(policy.line, format!("the laptop cloud does not know the managed policy {text}; write its statements out")))
}

fn read_document(document: &Node, statements: &mut Vec<Statement>) -> Result<(), Refusal> {
    let properties = Properties::new(Some(document), "a policy's", document.line)?;
    properties.accept(&["Id"]);
    if properties.text("Version")?.is_some_and(|version| version != "2012-10-17") {
        return Err(Refusal::new(document.line, "a policy's Version must be 2012-10-17"));
    }
    match properties.node("Statement") {
        None => return Err(Refusal::new(document.line, "a policy needs a Statement")),
        Some(Node { data: Data::Sequence(items), .. }) => {
            for item in items {
                statements.push(read_statement(item)?);
            }
        }
        Some(one) => statements.push(read_statement(one)?),
    }
    properties.finish()
}

fn read_statement(node: &Node) -> Result<Statement, Refusal> {
    let properties = Properties::new(Some(node), "a statement's", node.line)?;
    properties.accept(&["Sid"]);
    let effect = match properties.required_text("Effect")?.as_str() {
        "Allow" => Effect::Allow,
        "Deny" => Effect::Deny,
        other => return Err(Refusal::new(node.line, format!("a statement's Effect is Allow or Deny, not {other}"))),
    };
    let actions = properties.texts("Action")?.unwrap_or_default();
    let resources = properties.texts("Resource")?.unwrap_or_default();
    let mut conditions = Vec::new();
    for (operator, keys) in entries(properties.node("Condition"), "Condition")? {
        for (key, value) in entries(Some(keys), &operator.name)? {
            let values = match &value.data {
                Data::Sequence(items) => items.iter().map(|item| item.scalar().map(String::from)).collect(),
                Data::Scalar { text, .. } => Some(vec![text.clone()]),
                Data::Mapping(_) => None,
            };
            let values = values.ok_or_else(|| Refusal::new(value.line, format!("the values of {} must be texts", key.name)))?;
            conditions.push(Condition::new(&operator.name, &key.name, values).map_err(|message| Refusal::new(operator.line, message))?);
        }
    }
    properties.finish()?;
    Statement::new(node.line, effect, actions, resources, conditions).map_err(|message| Refusal::new(node.line, message))
}

fn entries<'a>(node: Option<&'a Node>, name: &str) -> Result<&'a [(Key, Node)], Refusal> {
    match node {
        Some(Node { data: Data::Mapping(entries), .. }) => Ok(entries),
        Some(node) => Err(Refusal::new(node.line, format!("{name} must be a mapping"))),
        None => Ok(&[]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rights::{Decision, Needed};

    fn own(policies: &str) -> Result<Arc<Role>, Refusal> {
        let node = Node::parse(policies).unwrap();
        let properties = Properties::new(Some(&node), "F's", 1).unwrap();
        read_own("F", "arn:aws:iam::000000000000:role/F".into(), &properties).map(|(_, role)| role.unwrap())
    }

    #[test]
    fn every_form_of_a_policy_is_read() {
        let role = own("Policies:\n  - AWSLambdaBasicExecutionRole\n  - Statement: {Effect: Allow, Action: s3:Get*, Resource: \"*\"}\n  - \
                        Version: \"2012-10-17\"\n    Statement:\n      - {Effect: Allow, Action: [s3:ListBucket], Resource: [arn:aws:s3:::b], \
                        Condition: {StringLike: {\"s3:prefix\": [a/*, b/*]}}}\n")
        .unwrap();
        let list = Needed::new("s3:ListBucket", "arn:aws:s3:::b");
        assert_eq!(role.decide(&Needed::new("s3:GetObject", "arn:aws:s3:::b/k")), Decision::Allowed);
        assert_eq!(role.decide(&list), Decision::NotAllowed);
        assert_eq!(role.decide(&list.with("s3:prefix", "b/1")), Decision::Allowed);
        assert!(own("Timeout: 3\n").unwrap().statements.is_empty());
    }

    #[test]
    fn what_cannot_be_evaluated_is_refused_with_its_line() {
        for (policies, line, part) in [
            ("Policies:\n  - DynamoDBCrudPolicy: {TableName: t}\n", 2, "policy templates"),
            ("Policies: AdministratorAccess\n", 1, "AdministratorAccess"),
            ("Policies:\n  Statement:\n    - Effect: Allow\n      NotAction: s3:*\n      Resource: \"*\"\n", 4, "NotAction"),
            ("Policies:\n  Statement:\n    - Effect: Allow\n      Action: s3:*\n      Resource: b\n", 3, "not an ARN"),
            (
                "Policies:\n  Statement:\n    - Effect: Allow\n      Action: s3:*\n      Resource: \"*\"\n      Condition:\n        IpAddress: {\"aws:SourceIp\": a}\n",
                7,
                "IpAddress",
            ),
            ("Role: arn:aws:iam::000000000000:role/r\nPolicies: []\n", 2, "has a Role"),
        ] {
            let refusal = own(policies).unwrap_err();
            assert!(refusal.message.contains(part), "{}", refusal.message);
            assert_eq!(refusal.line, line, "{}", refusal.message);
        }
    }
}
