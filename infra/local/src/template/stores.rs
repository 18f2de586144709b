//! Tables, buckets, repositories and log groups: what keeps data.

use serde_json::{Value, json};

use super::error::Refusal;
use super::function::expect;
use super::properties::Properties;

/// `AWS::DynamoDB::Table`.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The table's name.
    pub name: String,
    /// DynamoDB's own `CreateTable` request for it.
    pub create_request: Value,
    /// The attribute that says when an item ends, if one does.
    pub time_to_live: Option<String>,
}

impl Table {
    /// Reads a table from its resolved properties.
    pub fn read(name: String, properties: Properties) -> Result<Self, Refusal> {
        let mut request = json!({ "TableName": name, "BillingMode": "PAY_PER_REQUEST" });
        let list = |property: &str| -> Result<Value, Refusal> {
            Ok(Value::Array(properties.list(property)?.iter().map(|item| item.to_json()).collect()))
        };
        for property in ["AttributeDefinitions", "KeySchema"] {
            let value = list(property)?;
            if value.as_array().is_none_or(Vec::is_empty) {
                return Err(Refusal::new(properties.line(), format!("table {name} needs {property}")));
            }
            request[property] = value;
        }
        for property in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
            let mut value = list(property)?;
            let Some(indexes) = value.as_array_mut().filter(|indexes| !indexes.is_empty()) else { continue };
            for index in indexes {
                // Throughput is the account's business; on the laptop everything is on demand.
                if let Some(index) = index.as_object_mut() {
                    index.retain(|key, _| matches!(key.as_str(), "IndexName" | "KeySchema" | "Projection"));
                }
            }
            request[property] = value;
        }
        let time_to_live = match properties.inner("TimeToLiveSpecification")? {
            None => None,
            Some(inner) => {
                let attribute = inner.text("AttributeName")?;
                let enabled = inner.truth("Enabled")?.unwrap_or(false);
                inner.finish()?;
                attribute.filter(|_| enabled)
            }
        };
        properties.accept(&[
            "TableName",
            "BillingMode",
            "ProvisionedThroughput",
            "OnDemandThroughput",
            "SSESpecification",
            "PointInTimeRecoverySpecification",
            "DeletionProtectionEnabled",
            "TableClass",
            "Tags",
            "ContributorInsightsSpecification",
            "WarmThroughput",
        ]);
        properties.finish()?;
        Ok(Self { name, create_request: request, time_to_live })
    }
}

/// Reads `AWS::S3::Bucket`: only its name matters here. Encryption, access blocks and lifecycle rules are AWS's.
pub fn read_bucket(name: String, line: usize, properties: Properties) -> Result<String, Refusal> {
    properties.accept(&[
        "BucketName",
        "BucketEncryption",
        "PublicAccessBlockConfiguration",
        "LifecycleConfiguration",
        "OwnershipControls",
        "Tags",
        "CorsConfiguration",
        "AccessControl",
        "LoggingConfiguration",
    ]);
    properties.finish()?;
    let allowed = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || "-.".contains(character);
    if !(3..=63).contains(&name.len()) || !name.chars().all(allowed) {
        return Err(Refusal::new(line, format!("{name} is not a bucket name: 3 to 63 lower-case letters, digits, - and .")));
    }
    Ok(name)
}

/// Reads `AWS::ECR::Repository`: only its name matters here.
pub fn read_repository(name: String, properties: Properties) -> Result<String, Refusal> {
    properties.accept(&[
        "RepositoryName",
        "ImageScanningConfiguration",
        "EncryptionConfiguration",
        "LifecyclePolicy",
        "RepositoryPolicyText",
        "EmptyOnDelete",
        "Tags",
    ]);
    expect(&properties, "ImageTagMutability", &["MUTABLE", "IMMUTABLE"], "MUTABLE")?;
    properties.finish()?;
    Ok(name)
}

/// Reads `AWS::Logs::LogGroup`: only its name matters here.
pub fn read_log_group(name: String, properties: Properties) -> Result<String, Refusal> {
    properties.accept(&["LogGroupName", "RetentionInDays", "KmsKeyId", "Tags", "DataProtectionPolicy", "LogGroupClass"]);
    properties.finish()?;
    Ok(name)
}

/// `AWS::Logs::SubscriptionFilter`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionFilter {
    /// Its name.
    pub name: String,
    /// The group whose events it passes on.
    pub log_group: String,
    /// Which events: empty for all, or a word that must be in them.
    pub pattern: String,
    /// The ARN of the function that gets them.
    pub destination: String,
}

impl SubscriptionFilter {
    /// Reads a filter from its resolved properties.
    pub fn read(name: String, properties: Properties) -> Result<Self, Refusal> {
        properties.accept(&["FilterName", "RoleArn", "Distribution"]);
        let filter = Self {
            name,
            log_group: properties.required_text("LogGroupName")?,
            pattern: properties.text("FilterPattern")?.unwrap_or_default(),
            destination: properties.required_text("DestinationArn")?,
        };
        if let Err(message) = crate::logs::Pattern::parse(&filter.pattern) {
            let line = properties.node("FilterPattern").map_or(properties.line(), |node| node.line);
            return Err(Refusal::new(line, message));
        }
        if !filter.destination.contains(":function:") {
            return Err(Refusal::new(properties.line(), "the laptop cloud passes log events to functions only"));
        }
        properties.finish()?;
        Ok(filter)
    }
}
