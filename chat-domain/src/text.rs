//! What the validated texts (names, bodies, keys) have in common.

use thiserror::Error;

/// Why a text is not a good value. The text is fit for the person who sent it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ValueError {
    /// Nothing visible in it.
    #[error("{what} is empty")]
    Empty {
        /// What was to be made.
        what: &'static str,
    },
    /// Longer (or shorter) than allowed.
    #[error("{what} has {actual} {unit}; {} to {} are allowed", .allowed.start(), .allowed.end())]
    Length {
        /// What was to be made.
        what: &'static str,
        /// Its length.
        actual: usize,
        /// The unit of the length.
        unit: &'static str,
        /// The allowed lengths.
        allowed: std::ops::RangeInclusive<usize>,
    },
    /// A character that may not stand there.
    #[error("{what} has a character that is not allowed (U+{:04X}): {allowed}", u32::from(*.character))]
    Character {
        /// What was to be made.
        what: &'static str,
        /// The first such character.
        character: char,
        /// What is allowed.
        allowed: &'static str,
    },
}

/// Checks the length of a text that was measured in `unit`.
pub(crate) fn check_length(
    what: &'static str,
    unit: &'static str,
    actual: usize,
    allowed: std::ops::RangeInclusive<usize>,
) -> Result<(), ValueError> {
    if allowed.contains(&actual) { Ok(()) } else { Err(ValueError::Length { what, actual, unit, allowed }) }
}

/// Checks a text for the first character that is not allowed.
pub(crate) fn check_characters(
    what: &'static str,
    text: &str,
    allowed: &'static str,
    is_allowed: impl Fn(char) -> bool,
) -> Result<(), ValueError> {
    match text.chars().find(|&character| !is_allowed(character)) {
        Some(character) => Err(ValueError::Character { what, character, allowed }),
        None => Ok(()),
    }
}

/// Checks `[a-z0-9][a-z0-9._-]*`, the alphabet of user and room names.
pub(crate) fn check_name(
    what: &'static str,
    text: &str,
    chars: std::ops::RangeInclusive<usize>,
) -> Result<(), ValueError> {
    const ALLOWED: &str = "a-z, 0-9, and after the first character . _ -";
    check_length(what, "characters", text.chars().count(), chars)?;
    check_characters(what, text, ALLOWED, |c| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c)
    })?;
    match text.chars().next() {
        Some(first) if "._-".contains(first) => {
            Err(ValueError::Character { what, character: first, allowed: ALLOWED })
        }
        _ => Ok(()),
    }
}

/// Whether a text shows anything: not just white space, fillers and zero-width characters.
pub(crate) fn is_visible(text: &str) -> bool {
    text.chars().any(|c| !c.is_whitespace() && !c.is_control() && !is_invisible(c))
}

/// Bidirectional overrides and isolates: they make a name read as another one.
pub(crate) fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Characters that take part in a text without showing.
pub(crate) fn is_invisible(c: char) -> bool {
    is_bidi_control(c)
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E0FFF}')
}

/// Implements the ways in and out of a validated text: `new`, `as_str`, `FromStr`, `Display`, and `serde`.
macro_rules! validated_text {
    ($name:ident, $check:expr) => {
        impl $name {
            /// Checks a text and makes the value of it.
            ///
            /// # Errors
            /// [`ValueError`](crate::ValueError) names the rule that the text breaks.
            pub fn new(text: impl Into<String>) -> Result<Self, crate::ValueError> {
                let text: String = text.into();
                let check: fn(&str) -> Result<(), crate::ValueError> = $check;
                check(&text)?;
                Ok(Self(text))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::ValueError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use validated_text;
