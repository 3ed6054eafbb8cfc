//! Runs the installed `wasm-opt` with the options that `substrate-wasm-builder` asks for.

use std::{fmt, io, path::Path, process::Command};

/// A pass over a module.
#[derive(Clone, Copy, Debug)]
pub enum Pass {
	/// Removes DWARF sections.
	StripDwarf,
	/// Asks that no sign-extension operator is left. Code for `wasm32v1-none` has none to lower, and
	/// the command refuses a module that has one, because only the first version's features are on.
	SignextLowering,
}

/// What to run.
#[derive(Clone, Debug)]
pub struct OptimizationOptions {
	arguments: Vec<&'static str>,
}

impl OptimizationOptions {
	/// No optimization but the passes that are added.
	pub fn new_opt_level_0() -> Self {
		Self {
			arguments: vec!["-O0", "--mvp-features"],
		}
	}

	/// Allows only what the first WebAssembly version has, which is on in any case.
	pub fn mvp_features_only(&mut self) -> &mut Self {
		self
	}

	/// Keeps the names of functions.
	pub fn debug_info(&mut self, keep: bool) -> &mut Self {
		if keep {
			self.arguments.push("--debuginfo");
		}
		self
	}

	/// Adds a pass.
	pub fn add_pass(&mut self, pass: Pass) -> &mut Self {
		match pass {
			Pass::StripDwarf => self.arguments.push("--strip-dwarf"),
			Pass::SignextLowering => {}
		}
		self
	}

	/// Reads `input` and writes `output`, which may be the same file.
	pub fn run(
		&self,
		input: impl AsRef<Path>,
		output: impl AsRef<Path>,
	) -> Result<(), OptimizationError> {
		let status = Command::new("wasm-opt")
			.args(&self.arguments)
			.arg(input.as_ref())
			.arg("--output")
			.arg(output.as_ref())
			.status()
			.map_err(OptimizationError::Start)?;
		if status.success() {
			Ok(())
		} else {
			Err(OptimizationError::Failed(status))
		}
	}
}

/// Why a module was not written.
#[derive(Debug)]
pub enum OptimizationError {
	/// The command could not be started.
	Start(io::Error),
	/// The command refused the module; its own message is on stderr.
	Failed(std::process::ExitStatus),
}

impl fmt::Display for OptimizationError {
	fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Start(error) => {
				write!(
					formatter,
					"cannot start wasm-opt ({error}): run scripts/setup, or install the package binaryen"
				)
			}
			Self::Failed(status) => write!(formatter, "wasm-opt ended with {status}"),
		}
	}
}

impl std::error::Error for OptimizationError {}
