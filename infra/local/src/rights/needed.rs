//! What a caller must be allowed to do so that its call is answered.

/// An action on a resource, with what the call says beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// The action, for example `dynamodb:GetItem`.
    pub action: String,
    /// The action in small letters.
    pub(super) folded: String,
    /// The ARN, or `*` where the action has no resource.
    pub resource: String,
    context: Vec<(&'static str, String)>,
}

impl Needed {
    /// An action on a resource.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        let action = action.into();
        Self { folded: action.to_ascii_lowercase(), action, resource: resource.into(), context: Vec::new() }
    }

    /// The same with a condition key's value.
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.context.push((key, value.into()));
        self
    }

    /// The value of a condition key. Their case has no meaning.
    pub fn context(&self, key: &str) -> Option<&str> {
        self.context.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
    }
}
