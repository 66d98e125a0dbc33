//! `comity`: the gateway and everything around it, one command each.
fn main() {}
