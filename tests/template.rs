//! The route tables of the crates and `template.yaml` against each other, in both directions.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use local::template::{Settings, Template};
use serveml::programs::FUNCTION_SETS;

fn template() -> Template {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("template.yaml");
    let settings = Settings { stack_name: "serveml".into(), region: "us-east-1".into(), api_url: "http://localhost:8000".into() };
    Template::load(&path, &settings, &BTreeMap::new(), Duration::from_secs(30)).unwrap()
}

/// Program, handler, method and path of each route.
type Routes = BTreeSet<(String, String, String, String)>;

#[test]
fn every_route_is_in_the_template_and_every_route_of_the_template_has_a_handler() {
    let coded: Routes = FUNCTION_SETS
        .iter()
        .flat_map(|set| {
            set.routes.iter().map(|route| (set.name.to_owned(), route.handler.to_owned(), route.method.to_string(), route.path.to_owned()))
        })
        .collect();
    let templated: Routes = template()
        .functions
        .iter()
        .flat_map(|function| {
            function
                .routes
                .iter()
                .map(|route| (function.program.clone(), function.handler.clone(), route.method.clone(), route.path.clone()))
        })
        .collect();
    let missing: Vec<_> = coded.difference(&templated).collect();
    let unknown: Vec<_> = templated.difference(&coded).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "not in template.yaml: {missing:#?}\nnot in the code: {unknown:#?}");
}

#[test]
fn every_task_is_a_function_and_every_function_is_a_handler() {
    let coded: BTreeSet<_> = FUNCTION_SETS
        .iter()
        .flat_map(|set| {
            let handlers = set.routes.iter().map(|route| route.handler).chain(set.tasks.iter().map(|task| task.handler));
            handlers.map(|handler| (set.name.to_owned(), handler.to_owned()))
        })
        .collect();
    let templated: BTreeSet<_> = template().functions.iter().map(|function| (function.program.clone(), function.handler.clone())).collect();
    assert_eq!(coded, templated);
}

#[test]
fn the_variables_that_the_template_sets_are_those_that_the_code_documents() {
    let documented: BTreeSet<_> = shared::config::VARIABLES.iter().map(|variable| variable.name).collect();
    let template = template();
    let set: BTreeSet<&str> = template
        .functions
        .iter()
        .flat_map(|function| function.environment.keys().map(String::as_str))
        .filter(|name| *name != "RUST_LOG")
        .collect();
    assert_eq!(documented, set);
}

#[test]
fn the_stack_stays_within_cloudformations_limits() {
    let template = template();
    // A function, its role, and a permission for each of its routes, schedules and subscriptions.
    let of_functions: usize = template.functions.iter().map(|function| 2 + function.routes.len() + function.schedules.len() * 2).sum();
    let routes: usize = template.functions.iter().map(|function| function.routes.len()).sum();
    assert!(of_functions + 40 < 500, "{of_functions} resources for functions alone; CloudFormation takes 500 a stack");
    assert!(routes < 300, "{routes} routes; an HTTP API takes 300");
}
