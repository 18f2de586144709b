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
    // A function and its role; a rule and a permission for each of its schedules. Routes need none: see ApiRole.
    let of_functions: usize = template.functions.iter().map(|function| 2 + function.schedules.len() * 2).sum();
    let routes: usize = template.functions.iter().map(|function| function.routes.len()).sum();
    assert!(of_functions + 40 < 500, "{of_functions} resources for functions alone; CloudFormation takes 500 a stack");
    assert!(routes < 300, "{routes} routes; an HTTP API takes 300");
}

/// What the resources of the template refer to, by name. The API's definition names the function of each of its routes.
fn references() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("template.yaml")).unwrap();
    let mut resources = BTreeMap::<String, String>::new();
    let mut name = None;
    for line in text.lines() {
        match line.strip_prefix("  ").and_then(|rest| rest.strip_suffix(':')) {
            Some(key) if key.chars().all(|character| character.is_ascii_alphanumeric()) => name = Some(key.to_owned()),
            _ if !line.starts_with(' ') && !line.is_empty() => name = None,
            _ => {}
        }
        if let Some(name) = &name {
            resources.entry(name.clone()).or_default().extend([line, "\n"]);
        }
    }
    let is_name = |character: char| character.is_ascii_alphanumeric();
    resources
        .iter()
        .map(|(name, text)| {
            let starts = ["!Ref ", "!GetAtt ", "${"].into_iter().flat_map(|mark| text.split(mark).skip(1));
            let named = starts.map(|rest| rest.chars().take_while(|character| is_name(*character)).collect::<String>());
            (name.clone(), named.filter(|named| resources.contains_key(named)).collect())
        })
        .collect()
}

/// CloudFormation makes a resource behind all that it refers to: one that refers to itself, by whatever way, can never be made.
#[test]
fn no_resource_waits_for_itself() {
    let references = references();
    assert!(references["HttpApi"].len() > 100 && references["TrainFunction"].contains("HttpApi"), "{references:?}");
    for start in references.keys() {
        let mut came_from = BTreeMap::<&str, &str>::new();
        let mut next = vec![start.as_str()];
        while let Some(name) = next.pop() {
            for named in references.get(name).into_iter().flatten() {
                assert!(named != start, "{start} waits for itself by way of {name}, which comes from {:?}", came_from.get(name));
                if !came_from.contains_key(named.as_str()) {
                    came_from.insert(named, name);
                    next.push(named);
                }
            }
        }
    }
}
