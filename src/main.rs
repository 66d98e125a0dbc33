//! `comity`: the gateway and everything around it, one command each.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// It gives back what an attack made the gateway take. The system's own keeps it in the arena of each thread
/// (docs/decisions/0022-memory-given-back.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    comity::cli::main()
}
