//! What a message asks.

use serde_json::{Map, Value};

use crate::facts::Facts;
use crate::vocabulary::{
    ACTIONS, BEST, COMPARE, COUNT, DEFINITIONS, DESCRIBE, FAILURE, GOAL, GREETINGS, HELP, HOW, LIST, MODELS, MONITORING, MONITORING_STATE,
    NEXT, OTHERS, OVERVIEW, POLITE, PRIVATE, RECIPES, RUNS, WHY, WORST,
};
use crate::words::{Words, families};

/// What the conversation is about already, as the caller says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The recipe, `recipe_…`.
    pub recipe_id: Option<String>,
    /// The model, `model_…`.
    pub model_id: Option<String>,
    /// The run, `run_…`.
    pub run_id: Option<String>,
}

impl Context {
    /// Reads a request's `context`; what it does not know of is left.
    pub fn of(context: &Map<String, Value>, recipe_id: Option<&str>) -> Self {
        let text =
            |field: &str| context.get(field).and_then(Value::as_str).filter(|id| !id.is_empty() && id.len() <= 256).map(str::to_owned);
        Self { recipe_id: recipe_id.map(str::to_owned).or_else(|| text("recipe_id")), model_id: text("model_id"), run_id: text("run_id") }
    }
}

/// A kind of thing that a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Recipes,
    Models,
    Runs,
}

/// Something that changes the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Train,
    Evaluate,
    Clone,
    NewVersion,
    Approve,
    Archive,
    Register,
    Promote,
    Retire,
    Monitor,
    Delete,
    Synthesize,
    CreateRecipe,
    Record,
}

/// Why a question is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is about something else than the user's platform.
    OffTopic,
    /// It asks for secrets, or for what belongs to others.
    Private,
    /// It asks the assistant to change something: it reads only.
    Change(Option<Action>),
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Recipes for a goal.
    FindRecipes,
    /// Why a run failed.
    ExplainFailure,
    /// Two or more of a kind beside each other.
    Compare(Subject),
    /// The best of a kind, or the worst.
    Best { subject: Subject, worst: bool },
    /// What to do next.
    NextStep,
    /// Which there are of a kind.
    List(Subject),
    /// How many there are of a kind.
    Count(Subject),
    /// What is known of one thing.
    Describe,
    /// How a model does in production.
    Monitoring,
    /// How something is done.
    HowTo(Action),
    /// How things are altogether.
    Overview,
    /// What the platform's own words mean.
    Define,
    /// What the assistant can do.
    Help,
    /// Something that is not answered.
    Decline(Refusal),
}

/// A message, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub ask: Ask,
    /// Its words.
    pub words: Words,
    /// The ids that it names, in the order of the message: `recipe_…`, `model_…`, `run_…`, `ver_…`, `snap_…`.
    pub ids: Vec<String>,
    /// The families of models that it speaks of.
    pub families: Vec<&'static str>,
    /// The status that it asks for, as the API spells it.
    pub status: Option<&'static str>,
    /// What the conversation was about before.
    pub context: Context,
}

impl Question {
    /// The ids of a kind that the message names; where it names none, that of the context.
    pub fn ids_of(&self, prefix: &str) -> Vec<&str> {
        let named: Vec<&str> = self.ids.iter().map(String::as_str).filter(|id| id.starts_with(prefix)).collect();
        if !named.is_empty() {
            return named;
        }
        let context = match prefix {
            "recipe_" => &self.context.recipe_id,
            "model_" => &self.context.model_id,
            _ => &self.context.run_id,
        };
        context.as_deref().into_iter().collect()
    }
}

/// Understands a message about a platform; of `facts` it takes the names that things have there.
pub fn understand(message: &str, context: Context, facts: &Facts) -> Question {
    let mut ids = ids(message);
    let words = Words::of(message);
    // What a thing is called tells nothing of what is asked: a model named "Retail Pricing" is no wish for prices.
    let mut spoken = words.clone();
    for (id, name) in named(&words, facts) {
        spoken = spoken.without_name(name);
        if !ids.contains(id) {
            ids.push(id.clone());
        }
    }
    let families = families(&spoken);
    // The family's name has "next" and "best" in it, which mean something else alone.
    let spoken = spoken.without("next best action").without("next best actions");
    let status = status(&spoken);
    let ask = ask(&spoken, &ids, &families, &context);
    Question { ask, words, ids, families, status, context }
}

/// The recipes and models that a message names, longer names before those that are a part of them.
fn named<'a>(words: &Words, facts: &'a Facts) -> Vec<(&'a String, &'a str)> {
    let recipes = facts.recipes.iter().map(|recipe| (&recipe.id, recipe.name.as_str()));
    let models = facts.models.iter().map(|model| (&model.id, model.name.as_str()));
    let mut known: Vec<_> = models.chain(recipes).collect();
    known.sort_by_key(|(_, name)| std::cmp::Reverse(name.len()));
    let mut rest = words.clone();
    let mut found = Vec::new();
    for (id, name) in known {
        if rest.names(name) && is_meant(&rest, name) {
            rest = rest.without_name(name);
            found.push((id, name));
        }
    }
    found
}

/// Whether a name that is one word means the thing: one that is an ordinary word too must stand beside what it is.
fn is_meant(words: &Words, name: &str) -> bool {
    let name = Words::of(name);
    let [word] = &name.words[..] else { return true };
    let beside = ["model", "recipe"].iter().any(|noun| words.phrase(&format!("{noun} {word}")) || words.phrase(&format!("{word} {noun}")));
    let ordinary = word.len() < 4
        || !families(&name).is_empty()
        || [WHY, FAILURE, COMPARE, BEST, WORST, LIST, COUNT, RECIPES, MODELS, RUNS, MONITORING, PRIVATE, HELP]
            .iter()
            .any(|words| name.any(words))
        || action(&name).is_some();
    beside || !ordinary
}

fn ask(words: &Words, ids: &[String], families: &[&str], context: &Context) -> Ask {
    let nouns = [(RECIPES, Subject::Recipes), (MODELS, Subject::Models), (RUNS, Subject::Runs)];
    // "models" beside "runs": what stands first is asked for ("which model has the best run" is rare, "runs of the model" is not).
    let named = first_noun(words, &nouns);
    // "What is live?": only one kind of thing has that status.
    let implied = subject_of_status(words).filter(|_| named.is_none() && ids.is_empty() && words.any(LIST) && !general(words));
    let subject = named.or(implied);
    let about_the_platform = subject.is_some() || !ids.is_empty() || !families.is_empty();
    let in_context = context.recipe_id.is_some() || context.model_id.is_some() || context.run_id.is_some();
    let refers_back = in_context && words.any(&["it", "this", "that", "them", "its", "these", "those"]);

    if words.any(PRIVATE) || words.any(OTHERS) {
        return Ask::Decline(Refusal::Private);
    }
    if GREETINGS.iter().any(|greeting| words.phrase(greeting)) && words.words.len() <= 4 {
        return Ask::Help;
    }
    if words.any(DEFINITIONS) && ids.is_empty() {
        return Ask::Define;
    }
    if words.any(&[
        "what can you do",
        "who are you",
        "what are you",
        "what do you do",
        "how can you help",
        "what can i ask",
        "what questions",
    ]) || (words.words.len() <= 3 && words.any(HELP))
    {
        return Ask::Help;
    }
    if let Some(order) = order(words) {
        return Ask::Decline(Refusal::Change(order));
    }
    if words.any(HOW)
        && !words.any(&["start from", "start with"])
        && let Some(action) = action(words)
        && !words.any(MONITORING_STATE)
    {
        return Ask::HowTo(action);
    }
    if words.any(NEXT)
        || (words.any(&["should i", "should we", "what can i do", "what can we do"])
            && !words.any(RECIPES)
            && (action(words).is_some() || subject.is_some()))
    {
        return Ask::NextStep;
    }
    if words.any(OVERVIEW) && subject.is_none() && ids.is_empty() && families.is_empty() {
        return Ask::Overview;
    }
    let of_platform = about_the_platform || refers_back;
    let failure = words.any(FAILURE);
    let newest_failure = failure
        && words.any(&["last", "latest", "newest", "recent"])
        && !words.words.iter().any(|word| word == "runs" || word == "trainings" || word == "jobs");
    let measure = words.any(&["error rate", "absolute error", "squared error", "percentage error", "less error", "lowest error"]);
    let one_error =
        words.any(&["error", "exception", "traceback"]) && !measure && !words.any(&["which runs", "list"]) && !words.phrase("errors");
    if failure
        && (words.any(WHY)
            || one_error
            || newest_failure
            || words.phrase("what was wrong")
            || words.phrase("whats wrong")
            || words.phrase("what is wrong"))
        && (of_platform || in_context || words.any(&["last", "latest", "it", "my"]))
    {
        return Ask::ExplainFailure;
    }
    if words.any(MONITORING)
        && !words.any(COUNT)
        && !words.any(BEST)
        && (subject != Some(Subject::Runs) || words.any(MODELS))
        && (of_platform || words.any(&["production", "my", "drift"]))
        && !words.any(COMPARE)
    {
        return Ask::Monitoring;
    }
    if words.any(COUNT)
        && let Some(subject) = subject
    {
        return Ask::Count(subject);
    }
    let comparable = match subject {
        Some(Subject::Recipes) | None => (ids.iter().filter(|id| !id.starts_with("ver_")).count() > 1).then(|| subject_of(ids)),
        Some(subject) => Some(subject),
    };
    if words.any(COMPARE)
        && let Some(subject) = comparable
    {
        return Ask::Compare(subject);
    }
    if (words.any(BEST) || words.any(WORST))
        && let Some(subject) = subject.filter(|subject| *subject != Subject::Recipes)
        && (!words.any(GOAL) || words.any(&["my", "our", "run", "runs"]))
        && !general(words)
    {
        return Ask::Best { subject, worst: words.any(WORST) };
    }
    if general(words) {
        return Ask::Decline(Refusal::OffTopic);
    }
    if !families.is_empty()
        && ids.is_empty()
        && subject != Some(Subject::Runs)
        && (subject != Some(Subject::Models) || words.any(GOAL))
        && !possessive(words)
    {
        return Ask::FindRecipes;
    }
    if words.any(RECIPES) && (words.any(GOAL) || words.any(&["for"])) && ids.is_empty() {
        return Ask::FindRecipes;
    }
    if let Some(subject) = implied {
        return Ask::List(subject);
    }
    match subject {
        Some(Subject::Runs) if !names_any(ids, &["run_"]) && words.any(LIST) && plural(words, Subject::Runs) => Ask::List(Subject::Runs),
        Some(Subject::Models) if !names_any(ids, &["run_", "model_"]) && words.any(LIST) && plural(words, Subject::Models) => {
            Ask::List(Subject::Models)
        }
        Some(_) if !ids.is_empty() => Ask::Describe,
        Some(subject) if failure => {
            if words.any(LIST) && subject == Subject::Runs {
                Ask::List(Subject::Runs)
            } else {
                Ask::ExplainFailure
            }
        }
        Some(Subject::Recipes) if words.any(GOAL) || (words.phrase("which recipe") && !words.any(DESCRIBE)) => Ask::FindRecipes,
        Some(subject) if words.any(LIST) && plural(words, subject) => Ask::List(subject),
        Some(_) if words.any(DESCRIBE) || possessive(words) => Ask::Describe,
        Some(subject) if words.any(LIST) => Ask::List(subject),
        _ if !ids.is_empty() && (words.any(DESCRIBE) || words.any(LIST) || words.words.len() <= 6) => Ask::Describe,
        _ if refers_back => {
            if failure {
                Ask::ExplainFailure
            } else {
                Ask::Describe
            }
        }
        _ => Ask::Decline(Refusal::OffTopic),
    }
}

/// Whether a message asks what can be known without any platform.
fn general(words: &Words) -> bool {
    words.any(&[
        "in general",
        "generally speaking",
        "in the world",
        "ever made",
        "algorithm",
        "algorithms",
        "neural network",
        "neural networks",
        "library",
        "gpt",
        "chatgpt",
        "book",
        "paper",
        "papers",
        "tutorial",
        "fashion",
        "poem",
        "joke",
        "story",
    ])
}

fn possessive(words: &Words) -> bool {
    words.any(&["my", "our", "the"]) && words.any(DESCRIBE)
}

fn names_any(ids: &[String], prefixes: &[&str]) -> bool {
    ids.iter().any(|id| prefixes.iter().any(|prefix| id.starts_with(prefix)))
}

fn plural(words: &Words, subject: Subject) -> bool {
    let plurals: &[&str] = match subject {
        Subject::Recipes => &["recipes", "templates", "blueprints", "baselines"],
        Subject::Models => &["models"],
        Subject::Runs => &["runs", "trainings", "jobs", "evaluations", "backtests", "experiments"],
    };
    words.words.iter().any(|word| plurals.contains(&word.as_str())) || words.any(&["which", "any", "all", "list"])
}

fn first_noun(words: &Words, nouns: &[(&[&str], Subject)]) -> Option<Subject> {
    let at = |spoken: &[&str]| {
        words.words.iter().position(|word| {
            let word = Words::of(word);
            // "running" is a status, no run.
            !word.phrase("running") && spoken.iter().any(|noun| !noun.contains(' ') && word.has_stem_of(noun))
        })
    };
    let single =
        nouns.iter().filter_map(|(spoken, subject)| Some((at(spoken)?, *subject))).min_by_key(|(at, _)| *at).map(|(_, subject)| subject);
    single.or_else(|| {
        nouns.iter().find(|(spoken, _)| spoken.iter().any(|noun| noun.contains(' ') && words.phrase(noun))).map(|(_, subject)| *subject)
    })
}

/// What has a status that a message names without saying of what.
fn subject_of_status(words: &Words) -> Option<Subject> {
    match status(words)? {
        "production" | "staging" | "retired" | "draft" => Some(Subject::Models),
        "approved" | "archived" | "baseline" => Some(Subject::Recipes),
        _ => Some(Subject::Runs),
    }
}

fn subject_of(ids: &[String]) -> Subject {
    match ids.first().and_then(|id| id.split('_').next()) {
        Some("recipe") => Subject::Recipes,
        Some("model") => Subject::Models,
        _ => Subject::Runs,
    }
}

/// What a message orders to be done, where it orders something: a verb of change stands first, after what is polite.
fn order(words: &Words) -> Option<Option<Action>> {
    let mut rest = words.clone();
    while let Some(polite) = POLITE.iter().find(|polite| rest.begin_with(polite)) {
        rest = Words::of(&rest.words[polite.split(' ').count()..].join(" "));
    }
    let first = rest.words.first()?.as_str();
    // What reads like an order and asks for something to be shown.
    if matches!(
        first,
        "show" | "list" | "give" | "tell" | "compare" | "explain" | "find" | "help" | "describe" | "summarise" | "summarize" | "count"
    ) {
        return None;
    }
    ACTIONS.iter().find(|(verbs, _)| verbs.iter().any(|verb| rest.begin_with(verb))).map(|(_, action)| match action {
        // "set", "change", "rename" and the like say too little.
        Action::NewVersion if !rest.any(&["version", "manifest"]) => self::action(&rest).filter(|action| *action != Action::NewVersion),
        Action::Train if matches!(first, "stop" | "cancel") => None,
        action => Some(*action),
    })
}

fn action(words: &Words) -> Option<Action> {
    ACTIONS.iter().find(|(verbs, _)| words.any(verbs)).map(|(_, action)| *action)
}

fn status(words: &Words) -> Option<&'static str> {
    let spoken: [(&[&str], &'static str); 11] = [
        (&["queued", "waiting", "pending"], "queued"),
        (&["failed", "failing", "failures", "unsuccessful", "crashed"], "failed"),
        (&["succeeded", "successful", "success", "completed", "finished"], "succeeded"),
        (&["approved"], "approved"),
        (&["archived"], "archived"),
        (&["retired"], "retired"),
        (&["staging", "staged"], "staging"),
        (&["production", "live", "in prod"], "production"),
        (&["draft", "drafts", "unapproved"], "draft"),
        (&["baseline", "baselines"], "baseline"),
        (&["active"], "production"),
    ];
    if words.words.iter().any(|word| word == "running") || words.any(&["in progress", "ongoing"]) {
        return Some("running");
    }
    spoken.iter().find(|(spoken, _)| words.any(spoken)).map(|(_, status)| *status)
}

/// The ids in a message: a known prefix and what follows it, of letters, digits, hyphens and underscores.
fn ids(message: &str) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for word in message.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_' || letter == '-')) {
        // A run's id is shown without the hyphens of its UUID, and understood with them.
        let word = word.trim_matches('-');
        let word = if word.starts_with("run_") { word.replace('-', "") } else { word.to_owned() };
        let word = word.as_str();
        let known =
            ["recipe_", "model_", "run_", "ver_", "snap_"].iter().any(|prefix| word.len() > prefix.len() && word.starts_with(prefix));
        if known
            && word.len() <= 256
            && !matches!(word, "model_family" | "model_id" | "run_id" | "run_type" | "recipe_id" | "recipe_version_id")
            && !ids.iter().any(|id| id == word)
        {
            ids.push(word.to_owned());
        }
    }
    ids.truncate(20);
    ids
}
