//! `GET /api/v1/deployments`: the caller's deployments, and those that nobody in particular made. Document: serveml-api,
//! "List Deployments".

use std::cmp::Reverse;

use serde::Serialize;
use shared::domain::deployment::{Deployment, DeploymentStatus};
use shared::error::FieldProblem;
use shared::http::response;
use shared::paging::PageRequest;
use shared::store::Store;
use shared::{Error, ErrorKind, Platform, Request, Response, Result};
use utoipa::ToSchema;

use crate::views::deployment::DeploymentView;
use crate::views::problem::Problem;

const MOST: u32 = 100;
const FARTHEST_OFFSET: u32 = 10_000;
const LONGEST_SEARCH: usize = 256;
/// How many deployments are read at once.
const PAGE: u32 = 500;
/// How many deployments a filter looks through at the most.
const MOST_SEARCHED: usize = 20_000;

/// A page of deployments.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentsPage {
    /// The deployments, newest first.
    pub items: Vec<DeploymentView>,
    /// How many there are in all.
    #[schema(example = 42)]
    pub total: u64,
    /// The most deployments of a page.
    #[schema(example = 20)]
    pub limit: u32,
    /// How many were left out before the first.
    #[schema(example = 0)]
    pub offset: u32,
}

/// What is asked for.
#[derive(Debug, Default)]
struct Filter {
    status: Option<DeploymentStatus>,
    framework: Option<String>,
    search: Option<String>,
}

impl Filter {
    fn of(request: &Request) -> Result<Self> {
        let text = |name: &str| request.query_parameter(name).filter(|text| !text.is_empty());
        let status = text("status").map(|asked| {
            let known = DeploymentStatus::ALL.into_iter().find(|status| status.name() == asked);
            known.ok_or_else(|| wrong("status", "must be active, building, updating, failed or deleted".to_owned()))
        });
        let search = text("search").map(|search| match search.len() {
            0..=LONGEST_SEARCH => Ok(search.to_lowercase()),
            length => Err(wrong("search", format!("must have at most {LONGEST_SEARCH} bytes, not {length}"))),
        });
        let framework = text("framework").map(|framework| match framework.len() {
            0..=LONGEST_SEARCH => Ok(framework.to_lowercase()),
            length => Err(wrong("framework", format!("must have at most {LONGEST_SEARCH} bytes, not {length}"))),
        });
        Ok(Self { status: status.transpose()?, framework: framework.transpose()?, search: search.transpose()? })
    }

    fn is_empty(&self) -> bool {
        self.status.is_none() && self.framework.is_none() && self.search.is_none()
    }

    fn matches(&self, deployment: &Deployment) -> bool {
        self.status.is_none_or(|status| deployment.status == status)
            && self.framework.as_ref().is_none_or(|framework| deployment.model.framework.as_ref() == Some(framework))
            && self.search.as_ref().is_none_or(|search| deployment.shown_name().to_lowercase().contains(search))
    }
}

fn wrong(parameter: &str, message: String) -> Error {
    let problem = FieldProblem { location: vec!["query".into(), parameter.into()], message: message.clone(), kind: "value_error" };
    Error::new(ErrorKind::Unprocessable, format!("{parameter}: {message}")).with_fields(vec![problem])
}

/// List deployments
///
/// Newest first. Without a token only those that nobody in particular made; deleted ones only where `status` asks for them.
#[utoipa::path(
    get,
    path = "/api/v1/deployments",
    operation_id = "serving_deployments_list",
    tag = "Deployments",
    params(
        ("limit" = Option<u32>, Query, description = "The most deployments of a page, 1 to 100; 20 where absent", minimum = 1, maximum = 100),
        ("offset" = Option<u32>, Query, description = "How many to leave out before the first", minimum = 0, maximum = 10000),
        ("status" = Option<String>, Query, description = "`active`, `building`, `updating`, `failed` or `deleted`"),
        ("framework" = Option<String>, Query, description = "`sklearn`, `pytorch`, `tensorflow`, `onnx`, …"),
        ("search" = Option<String>, Query, description = "A part of the name, whatever the case"),
    ),
    responses(
        (status = 200, description = "A page of deployments", body = DeploymentsPage),
        (status = 401, description = "The token is not good", body = Problem),
        (status = 422, description = "A parameter does not hold what it must", body = Problem),
    )
)]
pub async fn handle(platform: &Platform, request: Request) -> Result<Response> {
    let limit: u32 = request.query_number("limit", 20)?;
    if !(1..=MOST).contains(&limit) {
        return Err(wrong("limit", format!("must be from 1 to {MOST}, not {limit}")));
    }
    let offset: u32 = request.query_number("offset", 0)?;
    if offset > FARTHEST_OFFSET {
        return Err(wrong("offset", format!("must be at most {FARTHEST_OFFSET}, not {offset}; narrow the list with a filter")));
    }
    let filter = Filter::of(&request)?;
    let owners: Vec<Option<&str>> = match request.caller.user_id() {
        Some(user) => vec![Some(user), None],
        None => vec![None],
    };
    let store = platform.store()?;
    // Without a filter no more is read than the page needs, and the totals are counted already.
    let most = if filter.is_empty() { (offset + limit) as usize } else { MOST_SEARCHED };
    let mut total = 0;
    let mut found = Vec::new();
    for owner in owners {
        if filter.is_empty() {
            total += store.owner_totals(owner).await?.deployments;
        }
        found.extend(read(store, owner, &filter, most).await?);
    }
    if !filter.is_empty() {
        total = found.len() as u64;
    }
    // Ids sort by the time they were made.
    found.sort_by(|one, other| Reverse(&one.id).cmp(&Reverse(&other.id)));
    let page = found.into_iter().skip(offset as usize).take(limit as usize);
    let items = page.map(|deployment| DeploymentView::new(platform, &request.base_url, deployment)).collect();
    response::ok(&DeploymentsPage { items, total, limit, offset })
}

/// The newest deployments of an owner that match, from at most `most` of them.
async fn read(store: &Store, owner: Option<&str>, filter: &Filter, most: usize) -> Result<Vec<Deployment>> {
    let mut found = Vec::new();
    let mut looked_at = 0;
    let limit = PAGE.min(u32::try_from(most).unwrap_or(PAGE));
    let mut page = PageRequest { limit, after: None };
    loop {
        let read = match filter.status {
            Some(DeploymentStatus::Deleted) => store.deleted_deployments(owner, &page).await?,
            _ => store.deployments(owner, &page).await?,
        };
        looked_at += read.items.len();
        found.extend(read.items.into_iter().filter(|deployment| filter.matches(deployment)));
        match read.next_page_token {
            Some(token) if looked_at < most => page = PageRequest::new(limit, PAGE, Some(&token))?,
            _ => return Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use testing::TestPlatform;

    use crate::fixtures::{delete_as, deploy, get, get_as, live, of_nobody, register};

    async fn names(test: &TestPlatform, query: &str, token: &str) -> (Vec<String>, u64) {
        let (status, page) = get_as(test, &format!("/api/v1/deployments{query}"), token).await;
        assert_eq!(status, 200, "{page}");
        let names = page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect();
        (names, page["total"].as_u64().unwrap())
    }

    #[tokio::test]
    async fn a_user_sees_their_own_and_what_is_everybodys() {
        let test = TestPlatform::start().await;
        let (token, other) = (register(&test, "johndoe").await, register(&test, "janedoe").await);
        deploy(&test, &token, &[("name", None, b"one")]).await;
        of_nobody(&test, "anyones").await;
        deploy(&test, &token, &[("name", None, b"two")]).await;
        deploy(&test, &other, &[("name", None, b"theirs")]).await;
        assert_eq!(names(&test, "", &token).await, (vec!["two".to_owned(), "anyones".to_owned(), "one".to_owned()], 3));
        assert_eq!(names(&test, "", &other).await, (vec!["theirs".to_owned(), "anyones".to_owned()], 2));
        let (status, page) = get(&test, "/api/v1/deployments").await;
        assert_eq!((status, &page["total"], &page["items"][0]["name"]), (200, &json!(1), &json!("anyones")));
        assert_eq!(get_as(&test, "/api/v1/deployments", "nonsense").await.0, 401);
    }

    #[tokio::test]
    async fn filters_search_and_pages() {
        let test = TestPlatform::start().await;
        let token = register(&test, "johndoe").await;
        let active = live(&test, &token).await;
        for name in ["a1", "a2", "b1"] {
            deploy(&test, &token, &[("name", None, name.as_bytes())]).await;
        }
        let gone = deploy(&test, &token, &[("name", None, b"gone")]).await;
        assert_eq!(delete_as(&test, &format!("/api/v1/deployments/{gone}"), &token).await.0, 200);
        let listed = |names: &[&str], total| (names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), total);
        assert_eq!(names(&test, "", &token).await, listed(&["b1", "a2", "a1", "forest"], 4));
        assert_eq!(names(&test, "?limit=2&offset=1", &token).await, listed(&["a2", "a1"], 4));
        assert_eq!(names(&test, "?offset=10", &token).await, listed(&[], 4));
        assert_eq!(names(&test, "?search=A&limit=1", &token).await, listed(&["a2"], 2));
        assert_eq!(names(&test, "?status=active", &token).await, listed(&["forest"], 1));
        assert_eq!(names(&test, "?status=deleted", &token).await, listed(&["gone"], 1));
        assert_eq!(names(&test, "?framework=onnx&status=building", &token).await, listed(&["b1", "a2", "a1"], 3));
        assert_eq!(names(&test, "?framework=sklearn", &token).await, listed(&[], 0));
        let (_, page) = get_as(&test, "/api/v1/deployments?status=active", &token).await;
        let item: &Value = &page["items"][0];
        assert_eq!(item["endpoint_url"], format!("http://127.0.0.1:1/api/v1/predict/{active}"));
        for (query, field) in [
            ("?limit=0", "limit"),
            ("?limit=101", "limit"),
            ("?limit=x", "limit"),
            ("?offset=-1", "offset"),
            ("?offset=10001", "offset"),
            ("?status=gone", "status"),
        ] {
            let (status, answer) = get_as(&test, &format!("/api/v1/deployments{query}"), &token).await;
            assert_eq!((status, answer["error"]["details"]["field"].as_str()), (422, Some(field)), "{query}: {answer}");
        }
    }
}
