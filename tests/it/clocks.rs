//! The legal clocks: when each runs out, what it is recorded as, and that it fires once whatever happens to the gateway.

mod entries;
mod hold;
mod month;
mod queue;
mod running;
mod unsilenced;
