//! `infergrid-node`: makes, finalizes and serves the blocks of the Infergrid chain.

#![allow(
	clippy::result_large_err,
	reason = "the SDK's errors, one at most in a process's life"
)]

mod chain_spec;
mod cli;
mod command;
mod rpc;
mod service;
mod types;
mod watch;

use std::process::ExitCode;

#[expect(clippy::print_stderr, reason = "the program's last words")]
fn main() -> ExitCode {
	match command::run() {
		Ok(()) => ExitCode::SUCCESS,
		Err(failure) => {
			eprintln!("Error: {failure}");
			failure.exit_code()
		}
	}
}
