//! Words that tell what stands after them.

use crate::PiiType;

/// How far before a finding a word counts, in bytes.
const REACH: usize = 40;
/// How much of a key is looked at, in bytes.
const KEY_LIMIT: usize = 200;
/// The lengths of the words that are known.
const LENGTHS: std::ops::RangeInclusive<usize> = 1..=24;

/// The hints of a text and of the key under which it stands.
pub struct Hints {
    /// The words of the text that name a type, and where each ends.
    near: Vec<(usize, Words)>,
    key: Words,
}

/// Which types a piece of text names.
#[derive(Clone, Copy, Default, PartialEq)]
struct Words {
    phone: bool,
    card: bool,
    national: bool,
    address: bool,
    version: bool,
}

impl Hints {
    pub fn new(text: &str, key: &str) -> Self {
        let mut near = Vec::new();
        each_word(text.as_bytes(), |end, word| {
            let named = word_names(word);
            if named != Words::default() {
                near.push((end, named));
            }
        });
        let mut all = Words::default();
        each_word(&key.as_bytes()[..key.len().min(KEY_LIMIT)], |_, word| all = all.and(word_names(word)));
        Self { near, key: all }
    }

    /// Whether the key or the words before this place name the type.
    pub fn name(&self, kind: PiiType, at: usize) -> bool {
        let near = self.near(at);
        match kind {
            PiiType::Phone => self.key.phone || near.phone,
            PiiType::CreditCard => self.key.card || near.card,
            PiiType::NationalId => self.key.national || near.national,
            PiiType::IpAddress => self.key.address || near.address,
            _ => false,
        }
    }

    /// Whether the key or the words before this place speak of a version.
    pub fn version(&self, at: usize) -> bool {
        self.key.version || self.near(at).version
    }

    fn near(&self, at: usize) -> Words {
        let from = self.near.partition_point(|(end, _)| *end + REACH < at);
        let words = self.near[from..].iter().take_while(|(end, _)| *end <= at);
        words.fold(Words::default(), |all, (_, word)| all.and(*word))
    }
}

impl Words {
    fn and(self, other: Self) -> Self {
        Self {
            phone: self.phone || other.phone,
            card: self.card || other.card,
            national: self.national || other.national,
            address: self.address || other.address,
            version: self.version || other.version,
        }
    }
}

/// Calls for every word of letters and digits, with its end.
fn each_word(text: &[u8], mut call: impl FnMut(usize, &[u8])) {
    let mut start = 0;
    for word in text.split(|byte| !byte.is_ascii_alphanumeric()) {
        if LENGTHS.contains(&word.len()) && word[0].is_ascii_alphabetic() {
            call(start + word.len(), word);
        }
        start += word.len() + 1;
    }
}

/// The types that a word names.
fn word_names(word: &[u8]) -> Words {
    let word = word.to_ascii_lowercase();
    let is = |whole: &[&str], begins: &[&str]| {
        whole.iter().any(|name| word == name.as_bytes()) || begins.iter().any(|name| word.starts_with(name.as_bytes()))
    };
    Words {
        phone: is(
            &["tel", "fax", "cell", "call", "sms", "handy", "telf", "tlf", "text"],
            &["phone", "telep", "telef", "mobil", "whatsapp", "dial", "msisdn"],
        ),
        card: is(&["cc", "pan", "card", "cards", "amex", "visa"], &["creditcard", "cardn", "mastercard", "kreditk", "debit", "credit"]),
        national: is(
            &[
                "ssn", "nino", "dni", "nie", "nif", "bsn", "cpf", "sin", "nir", "idnr", "tin", "uid", "pesel", "aadhaar", "insee", "nhs",
                "national", "tax",
            ],
            &["social", "insurance", "steuer", "nationalid", "fiscal", "codice", "aadhar", "taxid", "citizen"],
        ),
        address: is(&["ip", "ipv4", "ipv6", "host", "from", "addr", "client", "server", "login"], &["ipaddr", "remote"]),
        version: is(&["v", "ver", "build", "release", "firmware", "section"], &["version"]),
    }
}
