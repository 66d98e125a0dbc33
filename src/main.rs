//! `comity`: the gateway and everything around it, one command each.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// It returns memory that an attack made the gateway allocate. The system's allocator keeps it in each thread's arena
/// (docs/decisions/0022-memory-given-back.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    comity::cli::main()
}
