//! What a definition must be as a whole: every target exists, every state can be reached, names are unique.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::definition::{Definition, Graph, Kind, Next, State};
use super::expression::Template;

/// Adds to `problems` what is wrong with how the definition's states hang together.
pub(super) fn check(definition: &Definition, problems: &mut Vec<String>) {
    let mut names = BTreeMap::new();
    check_graph(&definition.graph, "The state machine", &mut names, problems);
    for (name, count) in names {
        if count > 1 {
            problems.push(format!("State '{name}': the name is used {count} times; it must be unique in the whole state machine."));
        }
    }
    check_variables(&definition.graph, &BTreeSet::new(), problems);
}

fn check_graph(graph: &Graph, place: &str, names: &mut BTreeMap<String, u32>, problems: &mut Vec<String>) {
    if graph.states.is_empty() {
        // A graph whose states were all unreadable has had its problems named already.
        return;
    }
    if !graph.start_at.is_empty() && !graph.states.contains_key(&graph.start_at) {
        problems.push(format!("{place}: StartAt names '{}', which is not one of its states.", graph.start_at));
    }
    for (name, state) in &graph.states {
        *names.entry(name.clone()).or_default() += 1;
        for target in targets(state) {
            if !target.is_empty() && !graph.states.contains_key(target) {
                problems.push(format!("State '{name}': leads to '{target}', which does not exist beside it."));
            }
        }
        match &state.kind {
            Kind::Parallel { branches, .. } => {
                for (index, branch) in branches.iter().enumerate() {
                    check_graph(branch, &format!("State '{name}', Branches[{index}]"), names, problems);
                }
            }
            Kind::Map(map) => check_graph(&map.processor, &format!("State '{name}', ItemProcessor"), names, problems),
            _ => {}
        }
    }
    let reachable = reachable(graph);
    for name in graph.states.keys().filter(|name| !reachable.contains(name.as_str())) {
        problems.push(format!("State '{name}': no other state leads to it."));
    }
    // What is wrong with a state or a target can hide the end: it is looked for where all else is well.
    if problems.is_empty() && !reachable.iter().filter_map(|name| graph.states.get(*name)).any(|state| ends(state)) {
        problems.push(format!("{place}: no state ends it: there must be one with \"End\": true, or a Succeed or Fail state."));
    }
}

fn targets(state: &State) -> Vec<&str> {
    let mut targets: Vec<&str> = state.catch.iter().map(|catcher| catcher.next.as_str()).collect();
    if let Next::State(next) = &state.next {
        targets.push(next);
    }
    if let Kind::Choice(choice) = &state.kind {
        targets.extend(choice.rules.iter().map(|rule| rule.next.as_str()));
        targets.extend(choice.default.as_deref());
    }
    targets
}

fn ends(state: &State) -> bool {
    state.next == Next::End || matches!(state.kind, Kind::Succeed | Kind::Fail { .. })
}

fn reachable(graph: &Graph) -> BTreeSet<&str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![graph.start_at.as_str()];
    while let Some(name) = open.pop() {
        if let Some((name, state)) = graph.states.get_key_value(name)
            && reached.insert(name.as_str())
        {
            open.extend(targets(state));
        }
    }
    reached
}

/// Variables of an inner scope must not hide those of an outer one.
fn check_variables(graph: &Graph, outer: &BTreeSet<String>, problems: &mut Vec<String>) {
    let mut own = BTreeSet::new();
    for (name, state) in &graph.states {
        for variable in assigned(state) {
            if outer.contains(&variable) {
                problems
                    .push(format!("State '{name}': Assign sets '{variable}', which is a variable of an outer scope; use another name."));
            }
            own.insert(variable);
        }
    }
    let visible: BTreeSet<String> = outer.union(&own).cloned().collect();
    for state in graph.states.values() {
        match &state.kind {
            Kind::Parallel { branches, .. } => branches.iter().for_each(|branch| check_variables(branch, &visible, problems)),
            Kind::Map(map) => check_variables(&map.processor, &visible, problems),
            _ => {}
        }
    }
}

fn assigned(state: &State) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add = |assign: &Option<Template>| match assign {
        Some(Template::Object(members)) => names.extend(members.iter().map(|(name, _)| name.clone())),
        Some(Template::Literal(Value::Object(members))) => names.extend(members.keys().cloned()),
        _ => {}
    };
    add(&state.assign);
    state.catch.iter().for_each(|catcher| add(&catcher.assign));
    if let Kind::Choice(choice) = &state.kind {
        choice.rules.iter().for_each(|rule| add(&rule.assign));
    }
    names
}
