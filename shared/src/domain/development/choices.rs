//! The fixed sets of values of the ML development document.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::fields::Choice;

macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        pub enum $name { $($(#[$value_doc])* #[serde(rename = $text)] $value),+ }

        impl Choice for $name {
            const ALL: &'static [Self] = &[$(Self::$value),+];
            fn name(self) -> &'static str {
                match self { $(Self::$value => $text),+ }
            }
        }
    };
}

choices! {
    /// What a recipe's models decide.
    ModelFamily {
        /// Prices.
        Pricing = "pricing",
        /// The next offer or contact of a customer.
        NextBestAction = "next_best_action",
        /// How good a place is.
        LocationScoring = "location_scoring",
        /// What is to come.
        Forecasting = "forecasting",
    }
}

choices! {
    /// How special a recipe is; a recipe's children are at its level or below.
    RecipeLevel {
        /// Foundation recipes.
        Baseline = "baseline",
        /// Industry-specific variants.
        Industry = "industry",
        /// Client-specific customizations.
        Client = "client",
    }
}

choices! {
    /// Where a recipe is.
    RecipeStatus {
        /// Work in progress.
        Draft = "draft",
        /// Ready for use.
        Approved = "approved",
        /// No longer active.
        Archived = "archived",
    }
}

choices! {
    /// Where a model is.
    ModelStatus {
        /// Development.
        Draft = "draft",
        /// Pre-production testing.
        Staging = "staging",
        /// Live deployment.
        Production = "production",
        /// No longer in use.
        Retired = "retired",
    }
}

choices! {
    /// What a run does.
    RunType {
        /// Model training.
        Train = "train",
        /// Model evaluation.
        Eval = "eval",
        /// Historical backtesting.
        Backtest = "backtest",
    }
}

choices! {
    /// Where a run is.
    RecipeRunStatus {
        /// Waiting to start.
        Queued = "queued",
        /// In progress.
        Running = "running",
        /// Completed successfully.
        Succeeded = "succeeded",
        /// Completed with errors.
        Failed = "failed",
    }
}

impl RecipeLevel {
    /// The level of a variant that is made of a recipe of this level.
    pub fn of_variant(self) -> Self {
        match self {
            RecipeLevel::Baseline => RecipeLevel::Industry,
            RecipeLevel::Industry | RecipeLevel::Client => RecipeLevel::Client,
        }
    }
}

impl ModelStatus {
    /// The statuses that a model may go to from this one.
    pub fn allowed_next(self) -> &'static [ModelStatus] {
        use ModelStatus::{Draft, Production, Retired, Staging};
        match self {
            Draft => &[Staging, Production, Retired],
            Staging => &[Draft, Production, Retired],
            Production => &[Staging, Retired],
            Retired => &[Draft],
        }
    }
}

impl RecipeRunStatus {
    /// The statuses that somebody may set by hand from this one.
    pub fn allowed_next(self) -> &'static [RecipeRunStatus] {
        use RecipeRunStatus::{Failed, Queued, Running, Succeeded};
        match self {
            Queued => &[Running, Succeeded, Failed],
            Running => &[Succeeded, Failed],
            Succeeded | Failed => &[],
        }
    }

    /// True when the run has ended.
    pub fn is_final(self) -> bool {
        matches!(self, RecipeRunStatus::Succeeded | RecipeRunStatus::Failed)
    }
}

/// Names of values for a person, for example `staging, production`; `none` where there is none.
pub fn listed<T: Choice>(choices: &[T]) -> String {
    if choices.is_empty() {
        return "none".to_owned();
    }
    choices.iter().map(|choice| choice.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for family in ModelFamily::ALL {
            assert_eq!(ModelFamily::of_name(family.name()), Some(*family));
            assert_eq!(serde_json::to_value(family).ok(), Some(serde_json::json!(family.name())));
        }
        assert_eq!(ModelFamily::of_name("Pricing"), None);
    }

    #[test]
    fn what_has_ended_goes_nowhere() {
        assert!(RecipeRunStatus::Succeeded.allowed_next().is_empty());
        assert!(!ModelStatus::Retired.allowed_next().contains(&ModelStatus::Production));
        assert_eq!(listed(ModelStatus::Draft.allowed_next()), "staging, production, retired");
        assert_eq!(listed::<ModelStatus>(&[]), "none");
    }
}
