//! What a resource is called: its physical name, its ARN, what `!Ref` and `!GetAtt` give for it.

use std::collections::BTreeMap;

use super::error::Refusal;
use super::intrinsics::{Resolver, Settings};
use super::node::Node;
use crate::account::{ACCOUNT_ID, arn};

/// The kinds of resources that the laptop cloud reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    Function,
    HttpApi,
    LayerVersion,
    StateMachine,
    Table,
    Bucket,
    Repository,
    Project,
    LogGroup,
    SubscriptionFilter,
    Permission,
    Role,
    BucketPolicy,
    Alarm,
}

impl ResourceKind {
    /// The kind for a CloudFormation type, if the laptop cloud has it.
    pub fn of(type_name: &str) -> Option<Self> {
        Some(match type_name {
            "AWS::Serverless::Function" => Self::Function,
            "AWS::Serverless::HttpApi" => Self::HttpApi,
            "AWS::Serverless::LayerVersion" => Self::LayerVersion,
            "AWS::Serverless::StateMachine" => Self::StateMachine,
            "AWS::DynamoDB::Table" => Self::Table,
            "AWS::S3::Bucket" => Self::Bucket,
            "AWS::ECR::Repository" => Self::Repository,
            "AWS::CodeBuild::Project" => Self::Project,
            "AWS::Logs::LogGroup" => Self::LogGroup,
            "AWS::Logs::SubscriptionFilter" => Self::SubscriptionFilter,
            "AWS::Lambda::Permission" => Self::Permission,
            "AWS::IAM::Role" => Self::Role,
            "AWS::S3::BucketPolicy" => Self::BucketPolicy,
            "AWS::CloudWatch::Alarm" => Self::Alarm,
            _ => return None,
        })
    }

    /// The property that names a resource of this kind.
    fn name_property(self) -> Option<&'static str> {
        Some(match self {
            Self::Function => "FunctionName",
            Self::LayerVersion => "LayerName",
            Self::StateMachine | Self::Project => "Name",
            Self::Table => "TableName",
            Self::Bucket => "BucketName",
            Self::Repository => "RepositoryName",
            Self::LogGroup => "LogGroupName",
            Self::Role => "RoleName",
            Self::Alarm => "AlarmName",
            Self::SubscriptionFilter => "FilterName",
            Self::HttpApi | Self::Permission | Self::BucketPolicy => return None,
        })
    }
}

/// A resource as it stands in the template.
#[derive(Debug, Clone, Copy)]
pub struct Declared<'a> {
    /// What it is.
    pub kind: ResourceKind,
    /// Its `Properties`.
    pub properties: Option<&'a Node>,
}

/// The names of all resources of a template whose condition holds.
pub struct Identities<'a> {
    /// The resources by logical id.
    pub resources: BTreeMap<String, Declared<'a>>,
    /// What the names are made from.
    pub settings: &'a Settings,
}

impl Identities<'_> {
    /// What `!Ref` of a resource gives.
    pub fn reference(&self, resolver: &Resolver, logical: &str, line: usize, depth: usize) -> Result<String, Refusal> {
        match self.find(logical, line)? {
            Found::Resource(declared) => match declared.kind {
                ResourceKind::StateMachine | ResourceKind::LayerVersion => self.arn(resolver, logical, declared, depth),
                _ => self.name(resolver, logical, declared, depth),
            },
            Found::GeneratedRole => Ok(self.generated_name(logical)),
        }
    }

    /// What `!GetAtt` of a resource gives.
    pub fn attribute(&self, resolver: &Resolver, logical: &str, attribute: &str, line: usize, depth: usize) -> Result<String, Refusal> {
        let declared = match self.find(logical, line)? {
            Found::Resource(declared) => declared,
            Found::GeneratedRole if attribute == "Arn" => return Ok(self.role_arn(&self.generated_name(logical))),
            Found::GeneratedRole => return Err(no_attribute(logical, attribute, line)),
        };
        let name = || self.name(resolver, logical, declared, depth);
        match (declared.kind, attribute) {
            (ResourceKind::HttpApi, "ApiEndpoint") => Ok(self.settings.api_url.clone()),
            (ResourceKind::HttpApi, "ApiId") => name(),
            (ResourceKind::HttpApi | ResourceKind::Permission | ResourceKind::BucketPolicy, _) => {
                Err(no_attribute(logical, attribute, line))
            }
            (ResourceKind::StateMachine, "Name") => name(),
            (ResourceKind::Bucket, "DomainName" | "RegionalDomainName") => Ok(format!("{}.s3.amazonaws.com", name()?)),
            (ResourceKind::Repository, "RepositoryUri") => Ok(self.repository_uri(&name()?)),
            (ResourceKind::LayerVersion, "LayerVersionArn") | (_, "Arn") => self.arn(resolver, logical, declared, depth),
            _ => Err(no_attribute(logical, attribute, line)),
        }
    }

    /// A resource's physical name.
    pub fn name(&self, resolver: &Resolver, logical: &str, declared: Declared, depth: usize) -> Result<String, Refusal> {
        let named = declared.kind.name_property().and_then(|property| declared.properties?.get(property));
        if let Some(node) = named
            && let Some(resolved) = resolver.resolve_at(node, depth + 1)?
        {
            return match resolved.scalar() {
                Some(name) if !name.is_empty() => Ok(name.to_owned()),
                _ => Err(Refusal::new(node.line, "a name must be text")),
            };
        }
        Ok(match declared.kind {
            ResourceKind::HttpApi => "laptop".to_owned(),
            ResourceKind::Bucket | ResourceKind::Repository => self.generated_name(logical).to_lowercase(),
            ResourceKind::LogGroup => format!("/{}/{logical}", self.settings.stack_name),
            _ => self.generated_name(logical),
        })
    }

    /// A resource's ARN.
    pub fn arn(&self, resolver: &Resolver, logical: &str, declared: Declared, depth: usize) -> Result<String, Refusal> {
        let name = self.name(resolver, logical, declared, depth)?;
        let region = &self.settings.region;
        Ok(match declared.kind {
            ResourceKind::Function => arn("lambda", region, &format!("function:{name}")),
            ResourceKind::LayerVersion => arn("lambda", region, &format!("layer:{name}:1")),
            ResourceKind::StateMachine => arn("states", region, &format!("stateMachine:{name}")),
            ResourceKind::Table => arn("dynamodb", region, &format!("table/{name}")),
            ResourceKind::Bucket => format!("arn:aws:s3:::{name}"),
            ResourceKind::Repository => arn("ecr", region, &format!("repository/{name}")),
            ResourceKind::Project => arn("codebuild", region, &format!("project/{name}")),
            ResourceKind::LogGroup => arn("logs", region, &format!("log-group:{name}:*")),
            ResourceKind::Role => self.role_arn(&name),
            ResourceKind::Alarm => arn("cloudwatch", region, &format!("alarm:{name}")),
            ResourceKind::HttpApi | ResourceKind::SubscriptionFilter | ResourceKind::Permission | ResourceKind::BucketPolicy => name,
        })
    }

    fn repository_uri(&self, name: &str) -> String {
        format!("{ACCOUNT_ID}.dkr.ecr.{}.amazonaws.com/{name}", self.settings.region)
    }

    /// The ARN of the role that SAM makes for a function or a state machine that names none.
    pub fn generated_role(&self, logical: &str) -> String {
        self.role_arn(&self.generated_name(&format!("{logical}Role")))
    }

    fn role_arn(&self, name: &str) -> String {
        format!("arn:aws:iam::{ACCOUNT_ID}:role/{name}")
    }

    fn generated_name(&self, logical: &str) -> String {
        format!("{}-{logical}", self.settings.stack_name)
    }

    fn find(&self, logical: &str, line: usize) -> Result<Found<'_>, Refusal> {
        if let Some(declared) = self.resources.get(logical) {
            return Ok(Found::Resource(*declared));
        }
        // SAM makes a role for each function and state machine that names none: `<LogicalId>Role`.
        let owner = logical.strip_suffix("Role").and_then(|owner| self.resources.get(owner));
        if owner.is_some_and(|owner| matches!(owner.kind, ResourceKind::Function | ResourceKind::StateMachine)) {
            return Ok(Found::GeneratedRole);
        }
        Err(Refusal::new(line, format!("{logical} is neither a parameter nor a resource of this template")))
    }
}

enum Found<'a> {
    Resource(Declared<'a>),
    GeneratedRole,
}

fn no_attribute(logical: &str, attribute: &str, line: usize) -> Refusal {
    Refusal::new(line, format!("the laptop cloud has no attribute {attribute} for {logical}"))
}
