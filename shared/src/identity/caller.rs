//! Who asks, and what a route asks of its callers.

use tokio::sync::OnceCell;

use super::api_key::is_api_key;
use super::session::SigningKey;
use crate::{Error, Platform, Request, Result, config, token};

/// What a route asks of its callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: health, status, documentation, registering, logging in.
    Public,
    /// A user, unless the platform is set to leave open what its documents show without authentication.
    Documented,
    /// As [`Access::Documented`]; the token of a training job is good too, and the handler bounds what it may do.
    Jobs,
    /// A user where a token is sent, as [`Access::Documented`] where none is; the handler shows less to nobody.
    Optional,
    /// A user, always.
    User,
    /// Whatever the handler itself asks: it checks a secret of its own.
    Own,
}

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Caller {
    /// Nobody that is known.
    #[default]
    Anyone,
    /// A user, by id.
    User(String),
}

impl Caller {
    /// The user's id, if a user asks.
    pub fn user_id(&self) -> Option<&str> {
        match self {
            Caller::Anyone => None,
            Caller::User(id) => Some(id),
        }
    }

    /// The user's id, on routes that have [`Access::User`].
    ///
    /// # Errors
    /// `Unauthorized` when nobody that is known asks.
    pub fn user(&self) -> Result<&str> {
        self.user_id().ok_or_else(missing)
    }

    /// Whether the caller may see and change what `owner` made. What nobody in particular made is everybody's.
    pub fn may_use(&self, owner: Option<&str>) -> bool {
        owner.is_none() || self.user_id() == owner
    }
}

/// Who sent a request to a route.
///
/// # Errors
/// `Unauthorized` when the route needs a user and none is named, or the token or key is not good; `Internal` when
/// DynamoDB does not answer.
pub async fn of(platform: &Platform, access: Access, request: &Request) -> Result<Caller> {
    // A job's token counts only where handlers look for it, and never unchecked: not every handler looks.
    if let (Access::Jobs, Some(bearer)) = (access, request.bearer_token())
        && token::parse_job_token(bearer).is_some()
    {
        return platform.store()?.job_of_token(bearer).await.map(|_| Caller::Anyone);
    }
    let credential = request.bearer_token().or_else(|| request.header("x-api-key"));
    match (access, credential) {
        (Access::Public | Access::Own, _) => Ok(Caller::Anyone),
        (_, Some(credential)) => user_of(platform, credential).await.map(Caller::User),
        (Access::User, None) => Err(missing()),
        (Access::Documented | Access::Jobs | Access::Optional, None) => {
            if platform.config.get(config::AUTHENTICATION)? == "documented" {
                Ok(Caller::Anyone)
            } else {
                Err(missing())
            }
        }
    }
}

async fn user_of(platform: &Platform, credential: &str) -> Result<String> {
    if is_api_key(credential) {
        let user = platform.store()?.user_of_api_key(credential).await?;
        return user.ok_or_else(|| Error::unauthorized("The API key is not valid, or was revoked."));
    }
    // Read once by each process.
    let key = platform.signing_key().get_or_try_init(|| async {
        let key = platform.store()?.session_signing_key().await?;
        key.ok_or_else(|| Error::unauthorized("The token is not valid: nobody has registered here yet."))
    });
    key.await?.user_of(credential)
}

/// Where a platform keeps its signing key.
pub type SigningKeyCell = OnceCell<SigningKey>;

fn missing() -> Error {
    Error::unauthorized(
        "This needs a user: send the header Authorization: Bearer <token or API key>; POST /api/v1/auth/login gives a token.",
    )
}
