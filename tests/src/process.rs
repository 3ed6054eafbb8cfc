//! Child processes that can be killed without warning and started again, and never outlive the test.

use anyhow::{Context, Result, bail, ensure};
use nix::{
	sys::signal::{Signal, killpg},
	unistd::Pid,
};
use std::{
	fs::{self, OpenOptions},
	io,
	os::unix::process::CommandExt,
	path::{Path, PathBuf},
	process::{Child, Command, Stdio},
};

/// Lines of a log that an error shows.
const TAIL_LINES: usize = 30;

/// A program with its arguments, running or not.
#[derive(Debug)]
pub struct Process {
	name: String,
	executable: PathBuf,
	args: Vec<String>,
	log: PathBuf,
	child: Option<Child>,
}

impl Process {
	/// Starts `executable`; its output goes to `NAME.log` in `directory`.
	pub fn start(
		name: &str,
		executable: &Path,
		args: Vec<String>,
		directory: &Path,
	) -> Result<Self> {
		let log = directory.join(format!("{name}.log"));
		let mut process = Self {
			name: name.into(),
			executable: executable.into(),
			args,
			log,
			child: None,
		};
		process.restart()?;
		Ok(process)
	}

	/// Starts the program again with the same arguments. It must not be running.
	pub fn restart(&mut self) -> Result<()> {
		if self.running() {
			bail!("{} is running already", self.name);
		}
		let log = OpenOptions::new()
			.create(true)
			.append(true)
			.open(&self.log)?;
		let mut command = Command::new(&self.executable);
		command
			.args(&self.args)
			.stdin(Stdio::null())
			.stdout(log.try_clone()?)
			.stderr(log)
			.process_group(0);
		// SAFETY: one system call between fork and exec, no allocation.
		unsafe {
			command.pre_exec(|| {
				nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from)
			});
		}
		let child = command
			.spawn()
			.with_context(|| format!("cannot start {}", self.executable.display()))?;
		self.child = Some(child);
		Ok(())
	}

	/// Whether the child runs.
	pub fn running(&mut self) -> bool {
		self.child
			.as_mut()
			.is_some_and(|child| matches!(child.try_wait(), Ok(None)))
	}

	/// Fails with the end of the log if the child has ended.
	pub fn check(&mut self) -> Result<()> {
		if !self.running() {
			bail!("{} has ended:\n{}", self.name, self.tail());
		}
		Ok(())
	}

	/// Kills the child and all it started with SIGKILL and waits until it is gone.
	pub fn kill(&mut self) {
		self.signal(Signal::SIGKILL);
		if let Some(mut child) = self.child.take() {
			let _ = child.wait();
		}
	}

	/// The last lines of the log.
	pub fn tail(&self) -> String {
		let text = fs::read_to_string(&self.log).unwrap_or_default();
		let lines: Vec<_> = text.lines().collect();
		let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
		format!("--- {}\n{}", self.log.display(), tail.join("\n"))
	}

	fn signal(&self, signal: Signal) {
		if let Some(child) = &self.child {
			let _ = killpg(Pid::from_raw(child.id() as i32), signal);
		}
	}
}

impl Drop for Process {
	fn drop(&mut self) {
		self.kill();
	}
}

/// A program of this workspace: from the environment variable `variable`, or beside the running
/// test, where cargo puts both.
pub fn program(name: &str, variable: &str) -> Result<PathBuf> {
	if let Some(path) = std::env::var_os(variable) {
		return Ok(path.into());
	}
	let test = std::env::current_exe()?;
	let path = test
		.parent()
		.and_then(Path::parent)
		.context("cargo's directories")?
		.join(name);
	if !path.is_file() {
		bail!(
			"{} is missing: run `cargo build --package {name}` first, or name the program in {variable}",
			path.display()
		);
	}
	Ok(path)
}

/// Runs a program to its end and gives what it wrote to its standard output; fails with its whole
/// output if it fails. It ends with the future.
pub async fn output_of(mut command: tokio::process::Command) -> Result<Vec<u8>> {
	let output = command
		.stdin(Stdio::null())
		.kill_on_drop(true)
		.output()
		.await
		.with_context(|| format!("{command:?}"))?;
	ensure!(
		output.status.success(),
		"{command:?} failed ({}):\n{}\n{}",
		output.status,
		String::from_utf8_lossy(&output.stdout),
		String::from_utf8_lossy(&output.stderr)
	);
	Ok(output.stdout)
}
