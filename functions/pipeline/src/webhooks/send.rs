//! One attempt to send a webhook.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, USER_AGENT};
use shared::domain::network::Networks;
use shared::domain::webhook::check_url;
use shared::{Error, Result, Timestamp};

use super::resolve::{self, Pinned};
use super::sign;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How long all of it may take: a receiver takes an event in and works afterwards.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// What a receiver made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status that it answered with, if it answered.
    pub status: Option<u16>,
    /// Why it did not succeed; absent where it did. For the webhook's owner.
    pub error: Option<String>,
}

impl Answer {
    fn failed(error: impl Into<String>) -> Self {
        Self { status: None, error: Some(error.into()) }
    }
}

/// What is sent.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// Where to.
    pub url: &'a str,
    /// What the signature is made with; absent where the receiver looks at none.
    pub secret: Option<&'a str>,
    /// The delivery's id.
    pub delivery_id: &'a str,
    /// The body.
    pub body: &'a str,
}

/// Sends a webhook once, within `patience` in all. Redirects are not followed, and nothing of the answer but its status is read.
///
/// # Errors
/// `Internal` when the client cannot be set up or the message not be signed; whatever the receiver does is an [`Answer`].
pub async fn send(message: Message<'_>, networks: Networks, patience: Duration) -> Result<Answer> {
    // The rules may be stricter than they were when the webhook was made.
    let url = match check_url(message.url, networks) {
        Ok(url) => url,
        Err(error) => return Ok(Answer::failed(format!("Nothing was sent: {}.", error.public_message()))),
    };
    let addresses = match resolve::addresses(&url, networks).await {
        Ok(addresses) => addresses,
        Err(reason) => return Ok(Answer::failed(reason)),
    };
    let client = client(addresses.into(), patience)?;
    let signed = |secret| sign::headers(secret, message.delivery_id, Timestamp::now().seconds(), message.body);
    let headers = message.secret.map(signed).transpose()?;
    let request = client.post(url).header(CONTENT_TYPE, "application/json").header(USER_AGENT, "ServeML-Webhooks/1.0");
    let request = headers.into_iter().flatten().fold(request, |request, (name, value)| request.header(name, value));
    Ok(match request.body(message.body.to_owned()).send().await {
        Ok(response) => told(response.status().as_u16()),
        Err(error) if error.is_timeout() && error.is_connect() => {
            Answer::failed(format!("No connection was made within {} seconds.", CONNECT.as_secs()))
        }
        Err(error) if error.is_timeout() => Answer::failed(format!("There was no answer within {patience:?}.")),
        Err(error) if error.is_connect() => Answer::failed("No connection could be made."),
        Err(error) => {
            tracing::info!(%error, "a webhook could not be sent");
            Answer::failed("The connection broke off, or what came back was not HTTP.")
        }
    })
}

fn told(status: u16) -> Answer {
    let error = match status {
        200..=299 => None,
        300..=399 => Some(format!("The receiver answered {status}; redirects are not followed.")),
        _ => Some(format!("The receiver answered {status}.")),
    };
    Answer { status: Some(status), error }
}

fn client(addresses: Arc<[std::net::SocketAddr]>, patience: Duration) -> Result<reqwest::Client> {
    // The second installation is refused; the first one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .timeout(patience)
        .pool_max_idle_per_host(0)
        .dns_resolver(Arc::new(Pinned(addresses)))
        .build();
    client.map_err(|error| Error::internal("setting up the client of webhooks", error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Mutex;

    use axum::Router;
    use axum::extract::State;
    use axum::http::{HeaderMap, StatusCode};
    use axum::response::{IntoResponse as _, Redirect};
    use axum::routing::post;

    use super::*;

    type Received = Arc<Mutex<Vec<(HeaderMap, String)>>>;

    async fn receiver() -> (String, Received) {
        let received = Received::default();
        let take = |State(received): State<Received>, headers: HeaderMap, body: String| async move {
            received.lock().unwrap().push((headers, body));
        };
        let endless = || async {
            let pieces = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(bytes::Bytes::from_static(&[b'x'; 1024])));
            axum::body::Body::from_stream(pieces).into_response()
        };
        let router = Router::new()
            .route("/take", post(take))
            .route("/fail", post(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
            .route("/away", post(|| async { Redirect::temporary("/take") }))
            .route("/hang", post(std::future::pending::<()>))
            .route("/endless", post(endless))
            .with_state(Arc::clone(&received));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (url, received)
    }

    async fn sent(url: &str, networks: Networks) -> Answer {
        send(Message { url, secret: Some("webhook-secret"), delivery_id: "id", body: "{\"event\":\"x\"}" }, networks, PATIENCE)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn what_a_receiver_does_is_told() {
        let (url, received) = receiver().await;
        assert_eq!(sent(&format!("{url}/take"), Networks::Any).await, Answer { status: Some(200), error: None });
        let (headers, body) = received.lock().unwrap()[0].clone();
        assert_eq!(body, "{\"event\":\"x\"}");
        let verifier = standardwebhooks::Webhook::from_bytes(b"webhook-secret".to_vec()).unwrap();
        verifier.verify(body.as_bytes(), &headers).unwrap();
        assert_eq!(headers["content-type"], "application/json");

        let failed = sent(&format!("{url}/fail"), Networks::Any).await;
        assert_eq!((failed.status, failed.error.as_deref()), (Some(500), Some("The receiver answered 500.")));
        let away = sent(&format!("{url}/away"), Networks::Any).await;
        assert_eq!((away.status, away.error.unwrap().contains("not followed")), (Some(307), true));
        assert_eq!(sent(&format!("{url}/endless"), Networks::Any).await.status, Some(200));
        assert_eq!(received.lock().unwrap().len(), 1);
        let nobody = sent("http://127.0.0.1:1/", Networks::Any).await;
        assert_eq!((nobody.status, nobody.error.as_deref()), (None, Some("No connection could be made.")));
    }

    #[tokio::test]
    async fn a_receiver_that_hangs_is_left() {
        let (url, _) = receiver().await;
        let message = Message { url: &format!("{url}/hang"), secret: Some("webhook-secret"), delivery_id: "id", body: "{}" };
        let hung = send(message, Networks::Any, Duration::from_millis(300)).await.unwrap();
        assert_eq!((hung.status, hung.error.as_deref()), (None, Some("There was no answer within 300ms.")));
    }

    #[tokio::test]
    async fn nothing_is_sent_where_nothing_may_be() {
        let (url, received) = receiver().await;
        let refused = sent(&format!("{url}/take"), Networks::Public).await;
        assert!(refused.error.unwrap().starts_with("Nothing was sent: url: must begin with https://"));
        let metadata = sent("http://169.254.169.254/latest/meta-data/", Networks::Any).await;
        assert!(metadata.error.unwrap().starts_with("Nothing was sent"));
        assert!(received.lock().unwrap().is_empty());
    }
}
