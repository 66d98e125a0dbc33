//! Range checks for numbers in the configuration. Each range is declared once, beside its field: what reads the number and
//! what the reference of the configuration says of it come from there.

use std::borrow::Cow;
use std::fmt::Display;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

/// A number that MUST be from `MIN` to `MAX`, for `#[serde(with = "Within::<MIN, MAX>")]`.
#[derive(Debug)]
pub struct Within<const MIN: u64, const MAX: u64>;

impl<const MIN: u64, const MAX: u64> Within<MIN, MAX> {
    /// Reads a number, and refuses one outside of the range.
    pub fn deserialize<'de, D, N>(deserializer: D) -> Result<N, D::Error>
    where
        D: Deserializer<'de>,
        N: Deserialize<'de> + Copy + Display + TryInto<u64>,
    {
        let number = N::deserialize(deserializer)?;
        let fits = number.try_into().is_ok_and(|number| (MIN..=MAX).contains(&number));
        if fits { Ok(number) } else { Err(D::Error::custom(format!("{number} is not from {MIN} to {MAX}"))) }
    }

    /// Writes the number as it is.
    pub fn serialize<S: Serializer, N: Serialize>(number: &N, serializer: S) -> Result<S::Ok, S::Error> {
        number.serialize(serializer)
    }
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Within<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Within_{MIN}_{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq, serde::Deserialize)]
    struct Limits {
        #[serde(deserialize_with = "Within::<2, 300>::deserialize")]
        most: u16,
    }

    #[test]
    fn a_number_is_within_its_range() {
        let read = |text: &str| toml::from_str::<Limits>(text).map_err(|error| error.message().to_owned());
        for most in [2, 3, 300] {
            assert_eq!(read(&format!("most = {most}")), Ok(Limits { most }));
        }
        for most in [0, 1, 301, 65_535] {
            assert_eq!(read(&format!("most = {most}")), Err(format!("{most} is not from 2 to 300")));
        }
        for other in ["-1", "65536", "1.5", "'3'", "9223372036854775807"] {
            assert!(read(&format!("most = {other}")).is_err(), "{other}");
        }
    }
}
