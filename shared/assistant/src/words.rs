//! A message as words: lower case, without endings, and what groups of them stand for.

use std::collections::BTreeSet;

/// A message, cut into words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// The words in their order, lower case.
    pub words: Vec<String>,
    /// The words without their endings.
    stems: BTreeSet<String>,
    /// The words with single spaces between them, and at both ends.
    line: String,
}

impl Words {
    pub fn of(text: &str) -> Self {
        let text = text.to_lowercase().replace(['\u{2019}', '\''], "");
        let words: Vec<String> =
            text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let stems = words.iter().map(|word| stem(word)).collect();
        let line = format!(" {} ", words.join(" "));
        Self { words, stems, line }
    }

    /// Whether one of these words is in the message, whatever its ending.
    pub fn any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| if word.contains(' ') { self.phrase(word) } else { self.stems.contains(&stem(word)) })
    }

    /// Whether these words stand in the message one after the other, just so.
    pub fn phrase(&self, phrase: &str) -> bool {
        self.line.contains(&format!(" {phrase} "))
    }

    /// Whether a name stands in the message, however it was spelt: with spaces, hyphens, underscores, in any case.
    pub fn names(&self, name: &str) -> bool {
        let name = Self::of(name);
        !name.words.is_empty() && self.line.contains(&name.line)
    }

    /// Whether the first words are these.
    pub fn begin_with(&self, phrase: &str) -> bool {
        self.line.starts_with(&format!(" {phrase} "))
    }

    /// The same words without a phrase.
    pub fn without(&self, phrase: &str) -> Self {
        Self::of(&self.line.replace(&format!(" {phrase} "), " "))
    }

    /// The same words without a name, however it was spelt.
    pub fn without_name(&self, name: &str) -> Self {
        self.without(Self::of(name).line.trim())
    }

    /// Whether the stem of a word is in the message.
    pub fn has_stem_of(&self, word: &str) -> bool {
        self.stems.contains(&stem(word))
    }
}

/// A word without its commonest endings: enough to let singular and plural, and the forms of a verb, meet.
pub fn stem(word: &str) -> String {
    if let Some(rest) = word.strip_suffix("ies").or_else(|| word.strip_suffix("ied")).filter(|rest| rest.len() >= 3) {
        return format!("{rest}y");
    }
    let mut stem = word;
    for (ending, shortest) in [("ings", 4), ("ing", 4), ("ed", 4), ("es", 4), ("s", 3)] {
        if let Some(rest) = stem.strip_suffix(ending)
            && rest.len() >= shortest
            && !(ending == "s" && (rest.ends_with('s') || rest.ends_with('u') || rest.ends_with('i')))
        {
            stem = rest;
            break;
        }
    }
    let stem = stem.strip_suffix('e').filter(|rest| rest.len() >= 3).unwrap_or(stem);
    let mut letters = stem.chars().rev();
    match (letters.next(), letters.next()) {
        // "planned", "dropped": the doubled letter goes with the ending.
        (Some(last), Some(before)) if last == before && stem.len() >= 4 && !"aeiousl".contains(last) => {
            stem[..stem.len() - last.len_utf8()].to_owned()
        }
        _ => stem.to_owned(),
    }
}

/// What each family of models is for, in the words that people have for it.
pub const FAMILIES: [(&str, &[&str]); 4] = [
    (
        "pricing",
        &[
            "price",
            "pricing",
            "repricing",
            "discount",
            "markdown",
            "elasticity",
            "margin",
            "markup",
            "charge",
            "tariff",
            "quote",
            "revenue",
            "surcharge",
            "promotion price",
            "willingness to pay",
        ],
    ),
    (
        "next_best_action",
        &[
            "next best action",
            "nba",
            "recommend",
            "recommendation",
            "recommender",
            "personalise",
            "personalize",
            "personalisation",
            "personalization",
            "offer",
            "campaign",
            "upsell",
            "upselling",
            "cross sell",
            "cross selling",
            "churn",
            "retention",
            "retain",
            "engagement",
            "marketing",
            "conversion",
            "coupon",
        ],
    ),
    (
        "location_scoring",
        &[
            "location",
            "site",
            "sites",
            "branch",
            "branches",
            "geography",
            "geographic",
            "geospatial",
            "footfall",
            "real estate",
            "neighbourhood",
            "neighborhood",
            "catchment",
            "where to open",
            "new store",
            "new stores",
            "new shop",
            "new shops",
            "store placement",
            "spot",
        ],
    ),
    (
        "forecasting",
        &[
            "forecast",
            "forecasting",
            "demand",
            "time series",
            "seasonality",
            "seasonal",
            "inventory",
            "stock level",
            "stock levels",
            "replenishment",
            "next month",
            "next week",
            "next quarter",
            "next year",
            "sales volume",
            "units sold",
            "future sales",
            "trend",
        ],
    ),
];

/// The families that a message speaks of.
pub fn families(words: &Words) -> Vec<&'static str> {
    FAMILIES.iter().filter(|(_, spoken)| words.any(spoken)).map(|(family, _)| *family).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_word_meet() {
        for forms in [
            &["recipe", "recipes"][..],
            &["fail", "failed", "failing", "fails"],
            &["price", "prices", "pricing", "priced"],
            &["compare", "compared", "comparing"],
            &["retry", "retries", "retried"],
            &["plan", "planned", "planning"],
        ] {
            let stems: BTreeSet<String> = forms.iter().map(|form| stem(form)).collect();
            assert_eq!(stems.len(), 1, "{forms:?}: {stems:?}");
        }
        assert_ne!(stem("loss"), stem("lose"));
        assert_ne!(stem("stores"), stem("story"));
    }

    #[test]
    fn a_name_is_found_however_it_is_spelt() {
        let words = Words::of("How is the production-pricing model doing?");
        assert!(words.names("Production Pricing Model") && words.names("production_pricing_model"));
        assert!(!words.names("pricing production"));
    }
}
