//! What models are developed with: recipes in versions, the models and runs that are made from them, what is watched of
//! deployed models, and example data. Document: ml-development-api.

pub mod choices;
pub mod manifest;
pub mod monitoring;
pub mod recipe;
pub mod recipe_run;
pub mod synthetic;
pub mod version_number;
