//! Signatures, as Standard Webhooks describes them.

use shared::domain::webhook::signing_key;
use shared::{Error, Result};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};

/// The headers that tell a receiver who sends: the delivery's id, the time in seconds since 1970, the signature of both with
/// the body.
///
/// # Errors
/// `Internal` when the stored secret is not one.
pub fn headers(secret: &str, delivery_id: &str, seconds: i64, body: &str) -> Result<[(&'static str, String); 3]> {
    let failed = |error| Error::internal("signing a webhook", error);
    let signer = Webhook::from_bytes(signing_key(secret)?).map_err(failed)?;
    let signature = signer.sign(delivery_id, seconds, body.as_bytes()).map_err(failed)?;
    Ok([
        (HEADER_WEBHOOK_ID, delivery_id.to_owned()),
        (HEADER_WEBHOOK_TIMESTAMP, seconds.to_string()),
        (HEADER_WEBHOOK_SIGNATURE, signature),
    ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_specifications_own_example_is_signed_as_there() {
        let body = "{\"test\": 2432232314}";
        let headers = headers("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body).unwrap();
        assert_eq!(headers[2].1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_plain_secret_is_the_keys_bytes() {
        let now = shared::Timestamp::now().seconds();
        let signed = headers("webhook-secret", "id", now, "{}").unwrap();
        let mut received = http::HeaderMap::new();
        for (name, value) in signed {
            received.insert(name, value.parse().unwrap());
        }
        let receiver = Webhook::from_bytes(b"webhook-secret".to_vec()).unwrap();
        assert!(receiver.verify(b"{}", &received).is_ok());
        assert!(receiver.verify(b"{ }", &received).is_err());
    }
}
