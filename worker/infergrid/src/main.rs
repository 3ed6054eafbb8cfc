//! `infergrid`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
	infergrid::run(std::env::args_os())
}
