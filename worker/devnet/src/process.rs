//! Child processes: each in a group of its own, with a log file of its own, never left behind.
//!
//! Standard output and error of a child go straight into its file, so that no full pipe can stop it.
//! A thread starts the child and waits for its end. It lives as long as the child: the kernel, which
//! kills the child when the thread that started it ends, then kills it only with this whole process.

use crate::error::SpawnError;
use nix::{
	errno::Errno,
	sys::signal::{Signal, killpg},
	unistd::Pid,
};
use std::{
	collections::BTreeSet,
	ffi::OsString,
	fs::{File, OpenOptions},
	io::{self, Read, Seek, SeekFrom},
	os::unix::process::CommandExt,
	path::{Path, PathBuf},
	process::{Child, Command, Stdio},
	sync::{Mutex, MutexGuard, PoisonError, mpsc},
	thread,
	time::Duration,
};
use tokio::{sync::watch, time::timeout};

/// How long a child may take to end after it was asked to.
const FAREWELL: Duration = Duration::from_secs(10);
/// How long the system may take to end a child that is killed.
const DEATH: Duration = Duration::from_secs(5);
/// How much of a log is shown when its child dies.
const TAIL_BYTES: u64 = 4_096;
const TAIL_LINES: usize = 20;

/// Groups that are alive, for the one case in which nothing is dropped: the caller exits at once.
static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Kills every process of every grid of this process: to be called before an exit that drops
/// nothing.
pub fn kill_leftovers() {
	for group in groups().iter() {
		let _ = killpg(Pid::from_raw(*group), Signal::SIGKILL);
	}
}

/// What to start.
#[derive(Clone, Debug)]
pub struct Program {
	/// Names the child in messages.
	pub name: String,
	/// The executable.
	pub executable: PathBuf,
	/// Its arguments.
	pub args: Vec<String>,
	/// Its whole environment.
	pub environment: Vec<(OsString, OsString)>,
	/// Where its output goes.
	pub log: PathBuf,
}

impl Program {
	fn spawn(&self) -> io::Result<Child> {
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
			.env_clear()
			.envs(self.environment.iter().map(|(name, value)| (name, value)))
			.process_group(0);
		die_with_parent(&mut command);
		command.spawn()
	}
}

/// A child. Dropping it kills it and waits until it is gone.
#[derive(Debug)]
pub struct Process {
	group: i32,
	/// How it ended.
	end: watch::Receiver<Option<String>>,
	/// Closed when the child is gone.
	gone: Mutex<mpsc::Receiver<()>>,
}

impl Process {
	/// Starts `program`.
	pub fn start(program: &Program) -> Result<Self, SpawnError> {
		let failed = |source| SpawnError::Start {
			path: program.executable.clone(),
			source,
		};
		let (started, start) = mpsc::channel();
		let (ended, end) = watch::channel(None);
		let (alive, gone) = mpsc::channel::<()>();
		let child = program.clone();
		let wait = move || {
			let _alive = alive;
			match child.spawn() {
				Err(error) => drop(started.send(Err(error))),
				Ok(mut child) => {
					let group = child.id() as i32;
					groups().insert(group);
					let _ = started.send(Ok(group));
					ended.send_replace(Some(wait(&mut child, group)));
				}
			}
		};
		thread::Builder::new()
			.name(program.name.clone())
			.spawn(wait)
			.map_err(failed)?;
		let group = start
			.recv()
			.unwrap_or_else(|_| Err(io::Error::other("the thread that starts it crashed")))
			.map_err(failed)?;
		Ok(Self {
			group,
			end,
			gone: Mutex::new(gone),
		})
	}

	/// The process id.
	pub fn id(&self) -> u32 {
		self.group as u32
	}

	/// Waits until the child ends, and says how it did. Cancelling loses nothing.
	pub async fn ended(&self) -> String {
		let mut end = self.end.clone();
		let how = end.wait_for(Option::is_some).await;
		how.map_or_else(
			|_| "nobody knows how".to_owned(),
			|how| how.clone().unwrap_or_default(),
		)
	}

	/// Asks the child to end, waits, then kills what is left of its group. Whether it ended by itself.
	pub(crate) async fn stop(&self) -> bool {
		self.signal(Signal::SIGTERM);
		let in_time = timeout(FAREWELL, self.ended()).await.is_ok();
		self.kill().await;
		in_time
	}

	/// Kills the child and all it has started.
	pub async fn kill(&self) {
		self.signal(Signal::SIGKILL);
		let _ = timeout(DEATH, self.ended()).await;
	}

	/// Whether it has not ended.
	pub fn lives(&self) -> bool {
		self.end.borrow().is_none()
	}

	/// Kills the child without waiting until it is gone.
	pub(crate) fn condemn(&self) {
		self.signal(Signal::SIGKILL);
	}

	/// Sends a signal to the child's group, unless the child is gone.
	fn signal(&self, signal: Signal) {
		let groups = groups();
		if groups.contains(&self.group) {
			let _ = killpg(Pid::from_raw(self.group), signal);
		}
	}
}

impl Drop for Process {
	fn drop(&mut self) {
		self.condemn();
		let gone = self.gone.get_mut().unwrap_or_else(PoisonError::into_inner);
		let _ = gone.recv_timeout(DEATH);
	}
}

fn groups() -> MutexGuard<'static, BTreeSet<i32>> {
	GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for the end of `child`, then kills what is left of its group. Its number is given to nobody
/// else before that.
fn wait(child: &mut Child, group: i32) -> String {
	await_end(child, group);
	let mut groups = groups();
	let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
	groups.remove(&group);
	drop(groups);
	match child.wait() {
		Ok(status) => status.to_string(),
		Err(error) => format!("lost: {error}"),
	}
}

#[cfg(target_os = "linux")]
fn await_end(_: &mut Child, group: i32) {
	use nix::sys::wait::{Id, WaitPidFlag, waitid};
	let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
	while waitid(Id::Pid(Pid::from_raw(group)), flags) == Err(Errno::EINTR) {}
}

#[cfg(not(target_os = "linux"))]
fn await_end(child: &mut Child, _: i32) {
	let _ = child.wait();
}

#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
	// SAFETY: the closure runs between fork and exec and makes one system call, which is allowed
	// there; it allocates nothing.
	unsafe {
		command
			.pre_exec(|| nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from));
	}
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_: &mut Command) {}

/// The last lines of a file.
pub(crate) fn tail(path: &Path) -> String {
	let read = || -> io::Result<String> {
		let mut file = File::open(path)?;
		let length = file.metadata()?.len();
		file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
		let mut bytes = Vec::new();
		file.read_to_end(&mut bytes)?;
		Ok(last_lines(&bytes))
	};
	read().unwrap_or_else(|error| format!("(cannot be read: {error})"))
}

/// The last lines of what a program wrote.
pub(crate) fn last_lines(bytes: &[u8]) -> String {
	let text = String::from_utf8_lossy(bytes);
	let lines: Vec<_> = text.lines().collect();
	lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::time::Instant;

	fn shell(directory: &Path, script: &str) -> Process {
		Process::start(&Program {
			name: "child".into(),
			executable: "/bin/sh".into(),
			args: vec!["-c".into(), script.into()],
			environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
			log: directory.join("child.log"),
		})
		.unwrap()
	}

	fn alive(pid: u32) -> bool {
		nix::sys::signal::kill(Pid::from_raw(pid as i32), None).is_ok()
	}

	/// What the script wrote into its log, as soon as that is something.
	async fn logged(directory: &Path) -> String {
		let started = Instant::now();
		while started.elapsed() < Duration::from_secs(10) {
			let text = tail(&directory.join("child.log"));
			if !text.trim().is_empty() && !text.starts_with('(') {
				return text.trim().to_owned();
			}
			tokio::task::yield_now().await;
		}
		panic!("nothing in the log");
	}

	fn dies(pid: u32) -> bool {
		let started = Instant::now();
		while alive(pid) && started.elapsed() < Duration::from_secs(10) {
			thread::yield_now();
		}
		!alive(pid)
	}

	#[tokio::test]
	async fn its_end_is_told_and_its_output_logged() {
		let directory = tempfile::tempdir().unwrap();
		let process = shell(directory.path(), "echo out; echo reason >&2; exit 3");
		assert_eq!(process.ended().await, "exit status: 3");
		assert_eq!(tail(&directory.path().join("child.log")), "out\nreason");
	}

	#[tokio::test]
	async fn it_sees_its_own_environment_only() {
		let directory = tempfile::tempdir().unwrap();
		let process = shell(directory.path(), "echo ${CARGO_MANIFEST_DIR-none}");
		process.ended().await;
		assert_eq!(logged(directory.path()).await, "none");
	}

	#[tokio::test]
	async fn stopping_takes_grandchildren_along() {
		let directory = tempfile::tempdir().unwrap();
		let process = shell(directory.path(), "sleep 600 & echo $!; wait");
		let grandchild = logged(directory.path()).await.parse().unwrap();
		assert!(alive(grandchild));
		assert!(process.stop().await);
		assert!(dies(grandchild));
	}

	#[tokio::test]
	async fn a_child_that_dies_takes_grandchildren_along() {
		let directory = tempfile::tempdir().unwrap();
		let process = shell(directory.path(), "sleep 600 & echo $!");
		process.ended().await;
		let grandchild = logged(directory.path()).await.parse().unwrap();
		assert!(dies(grandchild));
	}

	#[tokio::test]
	async fn dropping_kills_who_does_not_listen_and_waits_for_it() {
		let directory = tempfile::tempdir().unwrap();
		let script = "trap '' TERM; echo $$; while :; do sleep 1; done";
		let process = shell(directory.path(), script);
		let pid = logged(directory.path()).await.parse().unwrap();
		drop(process);
		assert!(!alive(pid));
	}

	#[tokio::test]
	async fn it_outlives_the_thread_that_asked_for_it() {
		let directory = tempfile::tempdir().unwrap();
		let path = directory.path().to_path_buf();
		let process = thread::spawn(move || shell(&path, "read forever < /dev/zero; :"));
		let process = process.join().unwrap();
		assert!(alive(process.id()));
		let end = timeout(Duration::from_millis(200), process.ended()).await;
		assert!(end.is_err(), "{end:?}");
	}

	#[test]
	fn a_missing_program_is_named() {
		let directory = tempfile::tempdir().unwrap();
		let error = Process::start(&Program {
			name: "ghost".into(),
			executable: "/nonexistent/ghost".into(),
			args: vec![],
			environment: vec![],
			log: directory.path().join("ghost.log"),
		});
		assert!(
			error
				.unwrap_err()
				.to_string()
				.contains("/nonexistent/ghost")
		);
	}
}
