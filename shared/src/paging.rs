//! Pages of a list: a limit with a bound, and a token that says where the next page starts.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{Error, Result};

/// What a caller asks of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items at the most.
    pub limit: u32,
    /// The sort key after which the page starts; `None` for the first page.
    pub after: Option<String>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// What to ask for the next page with; `None` on the last.
    pub next_page_token: Option<String>,
}

impl PageRequest {
    /// A page of `limit` items (1 to `most`), from the token that the page before it carried.
    ///
    /// # Errors
    /// `BadRequest` when the limit is out of its bounds or the token is not one that a page carried.
    pub fn new(limit: u32, most: u32, page_token: Option<&str>) -> Result<Self> {
        if limit == 0 || limit > most {
            return Err(Error::bad_request(format!("limit must be from 1 to {most}, not {limit}")));
        }
        let after = page_token.filter(|token| !token.is_empty()).map(decode).transpose()?;
        Ok(Self { limit, after })
    }
}

impl<T> Page<T> {
    /// The same page with each item turned into something else.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next_page_token: self.next_page_token }
    }
}

/// The token for a page that starts after the sort key given. The partition is never part of it: a token that was
/// tampered with can move within the caller's own list and nowhere else.
pub fn encode(sort_key: &str) -> String {
    URL_SAFE_NO_PAD.encode(sort_key)
}

fn decode(token: &str) -> Result<String> {
    let invalid =
        || Error::bad_request("Invalid page token: it is not one that this list returned; leave page_token out for the first page");
    // A sort key has at most 1024 bytes.
    if token.len() > 1360 {
        return Err(invalid());
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty()).ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_back_to_its_key() {
        let page = PageRequest::new(10, 100, Some(&encode("2025#abc"))).expect("a token of ours");
        assert_eq!(page.after.as_deref(), Some("2025#abc"));
    }

    #[test]
    fn limits_and_tokens_are_checked() {
        for limit in [0, 101] {
            assert!(PageRequest::new(limit, 100, None).is_err());
        }
        assert!(PageRequest::new(1, 100, Some("§§")).is_err());
    }
}
