//! Range checks for numbers in the configuration. Each range is declared beside its field.

use std::fmt::Display;

use serde::de::{Deserialize, Deserializer, Error as _};

/// Reads a number that MUST be from `MIN` to `MAX`.
pub fn within<'de, D, N, const MIN: u64, const MAX: u64>(deserializer: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: Deserialize<'de> + Copy + Display + TryInto<u64>,
{
    let number = N::deserialize(deserializer)?;
    let fits = number.try_into().is_ok_and(|number| (MIN..=MAX).contains(&number));
    if fits { Ok(number) } else { Err(D::Error::custom(format!("{number} is not from {MIN} to {MAX}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq, serde::Deserialize)]
    struct Limits {
        #[serde(deserialize_with = "within::<_, _, 2, 300>")]
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
