//! Ctrl-C: ends a command with the exit code that shells give it, even where it is a container's first process.

use std::process::{ExitCode, exit};
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

/// 128 plus the number of the signal.
const INTERRUPTED: u8 = 130;

/// The exit code of a command that was interrupted and ended in good order.
pub(super) fn exit_code() -> ExitCode {
    INTERRUPTED.into()
}

/// Ends the process at the first Ctrl-C, for commands that have nothing to finish.
pub(super) fn ends_the_process() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut interrupt = {
        let _context = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        if runtime.block_on(interrupt.recv()).is_some() {
            exit(INTERRUPTED.into());
        }
    })?;
    Ok(())
}
