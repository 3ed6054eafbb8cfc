//! Child processes: each in a group of its own, with a log file of its own, never left behind.
//!
//! Standard output and error of a child go straight into its file, so that no full pipe can stop it.
//! A child dies with this process, however that ends: by its group when the handle is dropped, and
//! by the kernel when there is no time to drop anything.

use crate::failure::Failure;
use anyhow::{Context, anyhow};
use nix::{
	sys::signal::{Signal, killpg},
	unistd::Pid,
};
use std::{
	collections::BTreeSet,
	fs::{File, OpenOptions},
	io::{Read, Seek, SeekFrom},
	path::{Path, PathBuf},
	process::Stdio,
	sync::{Mutex, PoisonError},
	time::Duration,
};
use tokio::{
	process::{Child, Command},
	time::timeout,
};

/// How long a child may take to end after it was asked to.
const FAREWELL: Duration = Duration::from_secs(10);
/// How much of a log is shown when its child dies.
const TAIL_BYTES: u64 = 4_096;
const TAIL_LINES: usize = 20;

/// Groups that are alive, for the one case in which nothing is dropped: the second Ctrl-C.
static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Kills every child group that is still alive.
pub(crate) fn kill_leftovers() {
	for group in GROUPS.lock().unwrap_or_else(PoisonError::into_inner).iter() {
		let _ = killpg(Pid::from_raw(*group), Signal::SIGKILL);
	}
}

/// What to start.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Program {
	/// Names the child in messages, and its log file.
	pub(crate) name: String,
	/// The executable.
	pub(crate) executable: PathBuf,
	/// Its arguments.
	pub(crate) args: Vec<String>,
	/// Where its output goes.
	pub(crate) log: PathBuf,
}

/// A running child.
#[derive(Debug)]
pub(crate) struct Process {
	pub(crate) program: Program,
	child: Child,
	group: i32,
}

impl Process {
	/// Starts `program`. To be called from a thread that lives as long as the child should.
	pub(crate) fn start(program: Program) -> Result<Self, Failure> {
		let log = OpenOptions::new()
			.create(true)
			.append(true)
			.open(&program.log)
			.with_context(|| format!("cannot write {}", program.log.display()))
			.map_err(Failure::outside)?;
		let errors = log.try_clone().map_err(Failure::outside)?;
		let mut command = Command::new(&program.executable);
		command
			.args(&program.args)
			.stdin(Stdio::null())
			.stdout(log)
			.stderr(errors)
			.env_clear()
			.process_group(0)
			.kill_on_drop(true);
		for name in KEPT_VARIABLES {
			if let Some(value) = std::env::var_os(name) {
				command.env(name, value);
			}
		}
		die_with_parent(&mut command);
		let child = command
			.spawn()
			.with_context(|| format!("cannot start {}", program.executable.display()))
			.map_err(Failure::outside)?;
		let group = child
			.id()
			.and_then(|id| i32::try_from(id).ok())
			.ok_or_else(|| Failure::outside(anyhow!("{} ended at once", program.name)))?;
		GROUPS
			.lock()
			.unwrap_or_else(PoisonError::into_inner)
			.insert(group);
		Ok(Self {
			program,
			child,
			group,
		})
	}

	/// The process id.
	pub(crate) fn id(&self) -> u32 {
		self.group as u32
	}

	/// Waits until the child ends, which it should not, and says why it did.
	pub(crate) async fn died(&mut self) -> Failure {
		let how = match self.child.wait().await {
			Ok(status) => status.to_string(),
			Err(error) => format!("lost: {error}"),
		};
		Failure::outside(anyhow!(
			"{} ended ({how}); the end of {}:\n{}",
			self.program.name,
			self.program.log.display(),
			tail(&self.program.log)
		))
	}

	/// Asks the child to end, waits, then kills what is left of its group.
	pub(crate) async fn stop(&mut self) {
		let group = Pid::from_raw(self.group);
		let _ = killpg(group, Signal::SIGTERM);
		if timeout(FAREWELL, self.child.wait()).await.is_err() {
			tracing::warn!(child = %self.program.name, "did not end in time and is killed");
		}
		let _ = killpg(group, Signal::SIGKILL);
		let _ = timeout(FAREWELL, self.child.wait()).await;
		GROUPS
			.lock()
			.unwrap_or_else(PoisonError::into_inner)
			.remove(&self.group);
	}
}

impl Drop for Process {
	fn drop(&mut self) {
		let known = GROUPS
			.lock()
			.unwrap_or_else(PoisonError::into_inner)
			.remove(&self.group);
		if known {
			let _ = killpg(Pid::from_raw(self.group), Signal::SIGKILL);
		}
	}
}

/// Of this process's environment, children see no more than these.
const KEPT_VARIABLES: [&str; 8] = [
	"PATH",
	"HOME",
	"LANG",
	"TMPDIR",
	"LD_LIBRARY_PATH",
	"CUDA_VISIBLE_DEVICES",
	"RUST_BACKTRACE",
	"RAYON_NUM_THREADS",
];

#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
	// SAFETY: the closure runs between fork and exec and makes one system call, which is allowed
	// there; it allocates nothing.
	unsafe {
		command.pre_exec(|| {
			nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(std::io::Error::from)
		});
	}
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_: &mut Command) {}

/// The last lines of a file.
pub(crate) fn tail(path: &Path) -> String {
	let read = || -> std::io::Result<String> {
		let mut file = File::open(path)?;
		let length = file.metadata()?.len();
		file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
		let mut bytes = Vec::new();
		file.read_to_end(&mut bytes)?;
		let text = String::from_utf8_lossy(&bytes);
		let lines: Vec<_> = text.lines().collect();
		Ok(lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"))
	};
	read().unwrap_or_else(|error| format!("(cannot be read: {error})"))
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::time::Instant;

	fn shell(directory: &Path, script: &str) -> Process {
		Process::start(Program {
			name: "child".into(),
			executable: "/bin/sh".into(),
			args: vec!["-c".into(), script.into()],
			log: directory.join("child.log"),
		})
		.unwrap()
	}

	fn alive(pid: u32) -> bool {
		nix::sys::signal::kill(Pid::from_raw(pid as i32), None).is_ok()
	}

	/// The pid that the script wrote into its log.
	async fn logged_pid(directory: &Path) -> u32 {
		for _ in 0..100 {
			if let Ok(pid) = tail(&directory.join("child.log")).trim().parse() {
				return pid;
			}
			tokio::time::sleep(Duration::from_millis(50)).await;
		}
		panic!("no pid in the log");
	}

	#[tokio::test]
	async fn a_death_is_told_with_the_end_of_the_log() {
		let directory = tempfile::tempdir().unwrap();
		let mut process = shell(directory.path(), "echo out; echo reason >&2; exit 3");
		let failure = process.died().await.to_string();
		for part in ["child", "exit status: 3", "out", "reason"] {
			assert!(failure.contains(part), "{failure}");
		}
	}

	#[tokio::test]
	async fn stopping_takes_grandchildren_along() {
		let directory = tempfile::tempdir().unwrap();
		let mut process = shell(directory.path(), "sleep 600 & echo $!; wait");
		let grandchild = logged_pid(directory.path()).await;
		assert!(alive(grandchild));
		process.stop().await;
		for _ in 0..100 {
			if !alive(grandchild) {
				return;
			}
			tokio::time::sleep(Duration::from_millis(50)).await;
		}
		panic!("the grandchild lives on");
	}

	#[tokio::test]
	async fn dropping_kills() {
		let directory = tempfile::tempdir().unwrap();
		let process = shell(
			directory.path(),
			"trap '' TERM; echo $$; while :; do sleep 1; done",
		);
		let pid = logged_pid(directory.path()).await;
		let started = Instant::now();
		drop(process);
		while alive(pid) && started.elapsed() < Duration::from_secs(5) {
			tokio::time::sleep(Duration::from_millis(20)).await;
		}
		assert!(started.elapsed() < Duration::from_secs(5));
	}

	#[tokio::test]
	async fn a_missing_program_is_named() {
		let directory = tempfile::tempdir().unwrap();
		let failure = Process::start(Program {
			name: "ghost".into(),
			executable: "/nonexistent/ghost".into(),
			args: vec![],
			log: directory.path().join("ghost.log"),
		})
		.unwrap_err();
		assert!(failure.to_string().contains("/nonexistent/ghost"));
	}
}
