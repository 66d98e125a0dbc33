//! Enumerations of the field with one plain word for each variant. The word is the same in policies, case tables,
//! stored cases and, in upper snake case, on the wire.

/// An enumeration with one plain word for each variant.
pub trait Vocabulary: Copy + PartialEq + 'static {
    /// Every variant, in order.
    const VARIANTS: &'static [Self];

    /// The plain word.
    fn plain_word(self) -> &'static str;
}

/// Defines an enumeration with one plain word for each variant.
macro_rules! vocabulary {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every variant, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The plain word.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl crate::domain::vocabulary::Vocabulary for $name {
            const VARIANTS: &'static [Self] = Self::ALL;

            fn plain_word(self) -> &'static str {
                self.word()
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::domain::ids::InvalidId;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|variant| variant.word() == text)
                    .ok_or(crate::domain::ids::InvalidId { expected: concat!("a word for ", stringify!($name)) })
            }
        }
    };
}

pub(crate) use vocabulary;
