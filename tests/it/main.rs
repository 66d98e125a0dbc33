//! The one integration binary. A module is a subject; `harness`, `sample` and `world` are what they share.

#[cfg(test)]
mod accounting;
#[cfg(test)]
mod admin;
#[cfg(test)]
mod appeals;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod availability;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod booked;
#[cfg(test)]
mod bulk;
#[cfg(test)]
mod call;
#[cfg(test)]
mod canaries;
#[cfg(test)]
mod client;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod clocks;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod console;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod corrections;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod curl;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod dev;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod drain;
mod duties;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod export;
#[cfg(test)]
mod expunged;
#[cfg(test)]
mod failover;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod flood;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod gateways;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod hand_over;
#[cfg(test)]
mod handing_on;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod inbox;
#[cfg(test)]
mod interviews;
#[cfg(test)]
mod law;
#[cfg(test)]
mod leak;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod live;
#[cfg(test)]
mod matches;
#[cfg(test)]
mod methods;
#[cfg(test)]
mod migrate;
#[cfg(test)]
mod minors;
#[cfg(test)]
mod model;
#[cfg(test)]
mod mutate;
#[cfg(test)]
mod niem;
#[cfg(test)]
mod not_here;
#[cfg(test)]
mod operated;
#[cfg(test)]
mod packaging;
#[cfg(test)]
mod paper;
#[cfg(test)]
mod partner;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod provenance;
#[cfg(test)]
mod reasons;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod roster;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod search;
#[cfg(test)]
mod service_manager;
#[cfg(test)]
mod spans;
#[cfg(test)]
mod store_contract;
#[cfg(test)]
mod stubs;
#[cfg(test)]
mod texts;
#[cfg(test)]
mod tiles;
#[cfg(test)]
mod times;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod traces;
#[cfg(test)]
mod unopened;
#[cfg(test)]
mod verify;
#[cfg(test)]
mod warrants;
#[cfg(test)]
mod watching;
#[cfg(test)]
mod witness;
#[cfg(test)]
mod world;
