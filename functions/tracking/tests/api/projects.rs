//! What is a project's: its members see it, and for everybody else it is not there.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};
use shared::domain::artifact_uri;
use shared::domain::project::Project;
use shared::domain::registered_model::{ModelVersion, NewModelVersion};
use shared::identity::api_key::ApiKey;
use shared::objects::keys;

use super::{API, Server};

/// A platform with a project of Ann's, of which Bob is a member, and with a model of that project.
struct Shared {
    server: Server,
    project: Project,
    version: ModelVersion,
    file: String,
}

const MODEL: &str = "secret model";

impl Shared {
    async fn start() -> Self {
        let server = Server::start().await;
        let store = server.store();
        let project = Project::new("Fraud", None, "ann", "serveml-model-");
        store.create_project(&project).await.unwrap();
        store.add_member(&project.id, "bob").await.unwrap();
        let folder = artifact_uri::of_project(&project.id, "1");
        let file = format!("{folder}/MLmodel");
        server.test.platform.objects().unwrap().put(&keys::artifact(&file), "flavors: {}").await.unwrap();
        let run_id = server.run().await;
        let new = NewModelVersion {
            model_name: MODEL.to_owned(),
            source: artifact_uri::of_path(&folder),
            artifact_path: Some(folder),
            run_id: Some(run_id),
            project_id: Some(project.id.clone()),
            ..NewModelVersion::default()
        };
        let version = store.create_model_version(new).await.unwrap();
        store.set_alias(MODEL, "best", 1).await.unwrap();
        store.set_registered_model_tag(MODEL, "a", "b").await.unwrap();
        store.set_model_version_tag(MODEL, 1, "a", "b").await.unwrap();
        Self { server, project, version, file }
    }

    /// From here on a user asks, or nobody that is known.
    async fn become_user(&mut self, user: Option<&str>) {
        self.server.token = None;
        if let Some(user) = user {
            let (kept, key) = ApiKey::new(user, "test").unwrap();
            self.server.store().create_api_key(&kept).await.unwrap();
            self.server.token = Some(key);
        }
    }

    /// A request for each route that takes the name of a model, a version of it, or the path of a file of it. Those that change
    /// something undo it themselves, or come last.
    fn requests(&self) -> Vec<(Method, String, Value)> {
        let get = |path: &str| (Method::GET, path.to_owned(), Value::Null);
        let post = |path: &str, body: Value| (Method::POST, path.to_owned(), body);
        let patch = |path: &str, body: Value| (Method::PATCH, path.to_owned(), body);
        let delete = |path: &str, body: Value| (Method::DELETE, path.to_owned(), body);
        let (file, folder) = (&self.file, self.version.artifact_path.as_ref().unwrap());
        vec![
            get("registered-models/get?name=secret model"),
            get("registered-models/alias?name=secret model&alias=best"),
            get("registered-models/alias?name=secret model&alias=latest"),
            get("registered-models/get-latest-versions?name=secret model"),
            post("registered-models/get-latest-versions", json!({ "name": MODEL })),
            patch("registered-models/update", json!({ "name": MODEL, "description": "d" })),
            post("registered-models/set-tag", json!({ "name": MODEL, "key": "k", "value": "v" })),
            delete("registered-models/delete-tag", json!({ "name": MODEL, "key": "k" })),
            post("registered-models/alias", json!({ "name": MODEL, "alias": "new", "version": "1" })),
            delete("registered-models/alias", json!({ "name": MODEL, "alias": "new" })),
            get("model-versions/get?name=secret model&version=1"),
            get("model-versions/get-download-uri?name=secret model&version=1"),
            get("model-versions/get-artifact?name=secret model&version=1&path=MLmodel"),
            get("get-artifact?name=secret model&version=1&path=MLmodel"),
            get("/model-versions/get-artifact?name=secret model&version=1&path=MLmodel"),
            get("/get-artifact?name=secret model&version=1&path=MLmodel"),
            patch("model-versions/update", json!({ "name": MODEL, "version": "1", "description": "d" })),
            post("model-versions/set-tag", json!({ "name": MODEL, "version": "1", "key": "k", "value": "v" })),
            delete("model-versions/delete-tag", json!({ "name": MODEL, "version": "1", "key": "k" })),
            post("model-versions/transition-stage", json!({ "name": MODEL, "version": "1", "stage": "Staging" })),
            post("model-versions/create", json!({ "name": MODEL, "source": "s3://bucket/model" })),
            post("model-versions/create", json!({ "name": "open model", "source": "models:/secret model/1" })),
            post("model-versions/create", json!({ "name": "open model", "source": "models:/secret model@best" })),
            post("model-versions/create", json!({ "name": "open model", "source": format!("mlflow-artifacts:/{folder}") })),
            delete("model-versions/delete", json!({ "name": MODEL, "version": "2" })),
            get(&format!("/api/2.0/mlflow-artifacts/artifacts?path={folder}")),
            get(&format!("/api/2.0/mlflow-artifacts/artifacts?path=project-files/{}", self.project.id)),
            get(&format!("/api/2.0/mlflow-artifacts/artifacts/{file}")),
            get(&format!("/api/2.0/mlflow-artifacts/presigned/{file}")),
            (Method::PUT, format!("/api/2.0/mlflow-artifacts/artifacts/{folder}/more"), json!("text")),
            delete(&format!("/api/2.0/mlflow-artifacts/artifacts/{folder}/more"), Value::Null),
            post(&format!("/api/2.0/mlflow-artifacts/mpu/create/{folder}"), json!({ "path": "more", "num_parts": 1 })),
            post("registered-models/rename", json!({ "name": MODEL, "new_name": "another" })),
            post("registered-models/rename", json!({ "name": "another", "new_name": MODEL })),
            delete("registered-models/delete", json!({ "name": MODEL })),
        ]
    }
}

/// The names and versions in each of the lists that the caller gets.
async fn listed(shared: &Shared) -> Vec<BTreeSet<String>> {
    let run_id = shared.version.run_id.as_ref().unwrap();
    let names = |answer: &Value, list: &str, name: &str| -> BTreeSet<String> {
        answer[list].as_array().into_iter().flatten().map(|item| item[name].as_str().unwrap().to_owned()).collect()
    };
    let mut lists = Vec::new();
    for query in ["", "?order_by=name DESC", "?order_by=last_updated_timestamp ASC", "?filter=name ILIKE '%25MODEL'", "?max_results=1"] {
        let mut all = BTreeSet::new();
        let mut token = String::new();
        loop {
            let and = if query.is_empty() { "?" } else { "&" };
            let token_query = if token.is_empty() { String::new() } else { format!("{and}page_token={token}") };
            let query = query.replace("%25", "%");
            let answer = shared.server.get(&format!("registered-models/search{query}{token_query}")).await;
            all.extend(names(&answer, "registered_models", "name"));
            match answer["next_page_token"].as_str() {
                Some(next) if !next.is_empty() => token = next.to_owned(),
                _ => break,
            }
        }
        lists.push(all);
    }
    for query in ["", "?order_by=name ASC", "?order_by=creation_timestamp ASC", &format!("?filter=run_id = '{run_id}'")] {
        let answer = shared.server.get(&format!("model-versions/search{query}")).await;
        lists.push(names(&answer, "model_versions", "name"));
    }
    let query = "query { mlflowSearchModelVersions(input: {}) { modelVersions { name } } }";
    let answer = shared.server.post("/graphql", json!({ "query": query })).await;
    lists.push(names(&answer["data"]["mlflowSearchModelVersions"], "modelVersions", "name"));
    lists
}

#[tokio::test]
async fn a_projects_model_is_there_for_its_members_alone_on_every_route() {
    let mut shared = Shared::start().await;
    shared.server.post("registered-models/create", json!({ "name": "open model" })).await;
    let requests = shared.requests();
    for user in [None, Some("eve"), Some("bob")] {
        shared.become_user(user).await;
        for (method, path, body) in &requests {
            let path = if path.starts_with('/') { path.clone() } else { format!("{API}/{path}") };
            let mut request = testing::request(method.clone(), &path);
            if !body.is_null() {
                request = testing::with_header(testing::with_json(request, body), "content-type", "application/json");
            }
            if let Some(token) = &shared.server.token {
                request = testing::with_header(request, "authorization", &format!("Bearer {token}"));
            }
            let answer = shared.server.test.send(tracking::FUNCTIONS, request).await;
            let expected = if user == Some("bob") { 200 } else { 404 };
            assert_eq!(answer.status().as_u16(), expected, "{user:?} {method} {path} {body}: {:?}", answer.body());
        }
    }
}

#[tokio::test]
async fn no_route_of_the_registry_is_forgotten() {
    // These list what is there for the caller, or make something new under a name.
    let others = ["registered-models/create", "registered-models/search", "model-versions/search"];
    let of_registry = |path: &str| {
        let is_of = ["registered-models/", "model-versions/", "get-artifact"].iter().any(|part| path.contains(part));
        is_of && !others.iter().any(|other| path.ends_with(other))
    };
    let served = tracking::FUNCTIONS.routes.iter().filter(|route| of_registry(route.path));
    let served = served.map(|route| format!("{} {}", route.method, route.path.replace("/{api}/2.0/mlflow/", "")));
    let requests = Shared::start().await.requests().into_iter();
    let tested: BTreeSet<String> =
        requests.map(|(method, path, _)| format!("{method} {}", path.split('?').next().unwrap_or_default())).collect();
    let forgotten: Vec<String> = served.filter(|route| !tested.contains(route)).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

#[tokio::test]
async fn lists_have_what_is_everybodys_and_what_is_of_ones_own_projects() {
    let mut shared = Shared::start().await;
    let open = NewModelVersion { model_name: "open model".to_owned(), run_id: shared.version.run_id.clone(), ..NewModelVersion::default() };
    shared.server.store().create_model_version(open).await.unwrap();
    let only_open = BTreeSet::from(["open model".to_owned()]);
    let both = BTreeSet::from(["open model".to_owned(), MODEL.to_owned()]);
    for (user, expected) in [(None, &only_open), (Some("eve"), &only_open), (Some("ann"), &both), (Some("bob"), &both)] {
        shared.become_user(user).await;
        for list in listed(&shared).await {
            assert_eq!(&list, expected, "{user:?}");
        }
        for filter in [format!("name = '{MODEL}'"), format!("name='{MODEL}' AND version_number = 1")] {
            let found = shared.server.get(&format!("model-versions/search?filter={filter}")).await;
            assert_eq!(found["model_versions"].as_array().is_some_and(|found| !found.is_empty()), expected == &both, "{user:?} {found}");
        }
        let found = shared.server.get(&format!("registered-models/search?filter=name = '{MODEL}'")).await;
        assert_eq!(found["registered_models"].as_array().is_some_and(|found| !found.is_empty()), expected == &both, "{user:?} {found}");
        let root = shared.server.get("/api/2.0/mlflow-artifacts/artifacts").await;
        assert!(!root.to_string().contains("project-files"), "{root}");
    }
    // Who is no member any more sees nothing of it from then on.
    shared.server.store().remove_member(&shared.project.id, "bob").await.unwrap();
    for list in listed(&shared).await {
        assert_eq!(list, only_open);
    }
    assert_eq!(shared.server.refused(Method::GET, "registered-models/get?name=secret model", None).await.0, 404);
    assert_eq!(shared.server.store().count_registered_models().await.unwrap(), 1, "totals that everybody sees do not count it");
}

#[tokio::test]
async fn the_name_of_a_projects_model_is_taken_for_everybody() {
    let mut shared = Shared::start().await;
    shared.become_user(Some("eve")).await;
    let refused = shared.server.refused(Method::POST, "registered-models/create", Some(json!({ "name": MODEL }))).await;
    assert_eq!((refused.0, refused.1.as_str()), (400, "RESOURCE_ALREADY_EXISTS"));
    shared.server.post("registered-models/create", json!({ "name": "open model" })).await;
    let rename = json!({ "name": "open model", "new_name": MODEL });
    let refused = shared.server.refused(Method::POST, "registered-models/rename", Some(rename)).await;
    assert_eq!((refused.0, refused.1.as_str()), (400, "RESOURCE_ALREADY_EXISTS"));
    // What a member registers under the name is the project's too.
    shared.become_user(Some("bob")).await;
    shared.server.post("model-versions/create", json!({ "name": MODEL, "source": "s3://bucket/model" })).await;
    let made = shared.server.store().model_version(MODEL, 2).await.unwrap().unwrap();
    assert_eq!(made.project_id.as_ref(), Some(&shared.project.id));
}
