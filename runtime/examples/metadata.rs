//! Writes the runtime's metadata to a file, as the node gives it.
//!
//! usage: `metadata FILE`

#![allow(
	clippy::print_stderr,
	reason = "a program for whoever changes the runtime"
)]

use codec::Encode;
use infergrid_runtime::Runtime;
use std::{env, fs, process::ExitCode};

/// The newest version that workers can read.
const VERSION: u32 = 16;

fn main() -> ExitCode {
	let Some(file) = env::args().nth(1) else {
		eprintln!("usage: metadata FILE");
		return ExitCode::from(2);
	};
	let metadata = Runtime::metadata_at_version(VERSION).encode();
	if let Err(error) = fs::write(&file, metadata) {
		eprintln!("{file}: {error}");
		return ExitCode::FAILURE;
	}
	ExitCode::SUCCESS
}
