//! The one integration binary. A module is a subject; `sample` and `world` are what they share.

#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod world;
