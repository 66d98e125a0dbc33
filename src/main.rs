//! `comity`: the gateway and everything around it, one command each.

use std::process::ExitCode;

fn main() -> ExitCode {
    comity::cli::main()
}
