//! Somebody who does what a document says: gives its commands in a shell, keeps those that go on running,
//! and puts what they tell where the document has a placeholder.
//!
//! Ports are the one thing that differs from the document: each of its ports means a free one, the same
//! wherever it is named or is a program's default.

use crate::{process::tail, wait::eventually};
use anyhow::{Context, Result, ensure};
use infergrid_devnet::{Claim, Ports, Process, Program};
use std::{
	cell::RefCell, collections::BTreeMap, ffi::OsString, fs, path::PathBuf, process::Stdio, rc::Rc,
	time::Duration,
};
use tokio::{process::Command, time::timeout};

/// Until a program does its work, on a busy machine.
const READY: Duration = Duration::from_secs(300);
/// Until a program has ended, which finishes its work first.
const FAREWELL: Duration = Duration::from_secs(120);
/// Programs that go on running, by the beginnings of their commands, and what they log when they work.
const SERVICES: [(&str, &str); 4] = [
	("infergrid-node --", "Running JSON-RPC server"),
	("infergrid mine ", "the offer is on chain"),
	("infergrid verify ", "verifying"),
	("infergrid gateway ", "serving"),
];
/// What stands before a value that programs tell, and the placeholder for it.
const TOLD: [(&str, &str); 7] = [
	("Local node identity is: ", FIRST_NODE),
	("SS58 Address:", "ADDRESS"),
	("Public key (hex):", "0xOWNER"),
	("\"keys\":\"", "0xKEYS"),
	("\"proof\":\"", "0xPROOF"),
	("\"receipt_id\":\"", "RECEIPT"),
	("\nprofile ", "0xPROFILE"),
];
/// Means the first node, whatever others are called.
pub const FIRST_NODE: &str = "12D3…";
/// Flags of a node for which it has a default.
const NODE_PORTS: [&str; 3] = [" --port ", " --rpc-port ", " --prometheus-port "];
/// What stands before a port.
const BEFORE_PORT: [&str; 3] = [":", "/tcp/", "port "];

/// The ports of documents, and those in their place.
#[derive(Debug)]
pub struct PortMap {
	free: Ports,
	chosen: RefCell<BTreeMap<String, (u16, Option<Claim>)>>,
}

impl PortMap {
	/// A map that is empty. The claims of all grids of this machine lie in `claims`.
	pub fn new(claims: Option<PathBuf>) -> Self {
		Self {
			free: Ports { claims },
			chosen: RefCell::default(),
		}
	}

	/// From now on `port`, on which a program listens, is in the place of the one that is called `named`.
	pub fn put(&self, named: &str, port: u16) {
		let mut chosen = self.chosen.borrow_mut();
		chosen.insert(named.to_owned(), (port, None));
	}

	/// The port in the place of the one that is called `named`.
	pub fn port(&self, named: &str) -> Result<u16> {
		let mut chosen = self.chosen.borrow_mut();
		if let Some((port, _)) = chosen.get(named) {
			return Ok(*port);
		}
		let held = self.free.free(1)?.pop().context("a port")?;
		let port = held.number();
		chosen.insert(named.to_owned(), (port, Some(held.release())));
		Ok(port)
	}
}

/// A program that goes on running.
#[derive(Debug)]
struct Service {
	line: String,
	process: Process,
	log: PathBuf,
	/// Whether it has been seen at work.
	works: bool,
}

impl Service {
	/// Waits until it works, and gives what it has logged so far.
	async fn ready(&self) -> Result<String> {
		let (line, log) = (&self.line, &self.log);
		let mark = SERVICES.iter().find(|(start, _)| line.starts_with(start));
		let (_, mark) = mark.with_context(|| format!("`{line}` is no service"))?;
		let told = eventually(mark, READY, || async {
			let (lives, text) = (self.process.lives(), fs::read_to_string(log)?);
			let works = text.contains(mark);
			Ok((works || !lives).then_some(works.then_some(text)))
		});
		let told = told.await.with_context(|| tail(log))?;
		told.with_context(|| format!("`{line}` ended:\n{}", tail(log)))
	}
}

/// Whether a command's program goes on running.
pub fn goes_on(line: &str) -> bool {
	SERVICES.iter().any(|(start, _)| line.starts_with(start))
}

/// Who follows a document. Dropping it ends every program.
#[derive(Debug)]
pub struct Reader {
	directory: PathBuf,
	environment: Vec<(String, String)>,
	ports: Rc<PortMap>,
	/// What every shell starts with.
	prelude: String,
	placeholders: BTreeMap<String, String>,
	services: Vec<Service>,
	/// Services so far.
	started: usize,
}

impl Reader {
	/// A reader in `directory`, whose shells have `environment` only.
	pub fn new(directory: PathBuf, environment: Vec<(String, String)>, ports: Rc<PortMap>) -> Self {
		Self {
			directory,
			environment,
			ports,
			prelude: String::new(),
			placeholders: BTreeMap::new(),
			services: Vec::new(),
			started: 0,
		}
	}

	/// From now on every shell starts with `line`.
	pub fn start_shells_with(&mut self, line: &str) {
		self.prelude = format!("{line} && ");
	}

	/// From now on `value` stands for `placeholder`.
	pub fn put(&mut self, placeholder: &str, value: &str) {
		self.placeholders
			.insert(placeholder.to_owned(), value.to_owned());
	}

	/// From now on every shell has the variable `name`.
	pub fn set(&mut self, name: &str, value: &str) {
		self.environment.push((name.to_owned(), value.to_owned()));
	}

	/// What stands for `placeholder`.
	pub fn value(&self, placeholder: &str) -> Result<&str> {
		let value = self.placeholders.get(placeholder);
		value
			.map(String::as_str)
			.with_context(|| format!("nothing has told {placeholder}"))
	}

	/// Writes a file that only its owner reads, as an editor does it.
	pub fn write_key(&self, name: &str, secret: &str) -> Result<()> {
		use std::os::unix::fs::PermissionsExt;
		let path = self.directory.join(name);
		fs::write(&path, format!("{secret}\n"))?;
		Ok(fs::set_permissions(
			&path,
			fs::Permissions::from_mode(0o600),
		)?)
	}

	/// Gives a command. What one that ends has written to its standard output is the result; for one that
	/// goes on running this waits until it works.
	pub async fn give(&mut self, line: &str) -> Result<String> {
		if goes_on(line) {
			self.start(line)?;
			self.ready().await?;
			return Ok(String::new());
		}
		let output = self.ask(line).await?;
		self.listen(&output);
		Ok(output)
	}

	/// Gives a command that ends, and keeps nothing of what it writes to its standard output.
	pub async fn ask(&self, line: &str) -> Result<String> {
		let (success, output, error) = self.run(line).await?;
		ensure!(success, "`{line}` failed:\n{output}\n{error}");
		Ok(output)
	}

	/// Gives a command that must fail, and gives what it wrote to its standard error.
	pub async fn give_in_vain(&self, line: &str) -> Result<String> {
		let told = timeout(READY, self.run(line)).await;
		let (success, output, error) = told.with_context(|| format!("`{line}` goes on"))??;
		ensure!(!success, "`{line}` succeeded:\n{output}");
		Ok(error)
	}

	/// Asks the program that was started by the command with `part` to stop, and gives its log when it has;
	/// it counts as running no more.
	pub async fn stop(&mut self, part: &str) -> Result<String> {
		let service = self.services.remove(self.find(part)?);
		let mut kill = Command::new("kill");
		kill.arg(service.process.id().to_string()).status().await?;
		let ended = timeout(FAREWELL, service.process.ended()).await;
		ended.with_context(|| format!("`{}` does not stop", service.line))?;
		Ok(fs::read_to_string(service.log)?)
	}

	/// Kills that program without warning, which counts as running no more.
	pub async fn kill(&mut self, part: &str) -> Result<()> {
		let service = self.services.remove(self.find(part)?);
		service.process.kill().await;
		Ok(())
	}

	/// What the program that was started by the command with `part` has logged.
	pub fn log(&self, part: &str) -> Result<String> {
		Ok(fs::read_to_string(&self.services[self.find(part)?].log)?)
	}

	/// Fails if a program that should run has ended.
	pub fn check(&self) -> Result<()> {
		for service in &self.services {
			ensure!(service.process.lives(), "`{}` has ended", service.line);
		}
		Ok(())
	}

	/// The ends of all logs.
	pub fn tails(&self) -> String {
		let tails = self.services.iter().map(|service| tail(&service.log));
		tails.collect::<Vec<_>>().join("\n")
	}

	fn find(&self, part: &str) -> Result<usize> {
		let mut services = self.services.iter();
		let found = services.position(|service| service.line.contains(part));
		found.with_context(|| format!("no program was started by a command with {part}"))
	}

	async fn run(&self, line: &str) -> Result<(bool, String, String)> {
		let output = Command::new("bash")
			.arg("-c")
			.arg(format!("{}{}", self.prelude, self.filled(line)?))
			.current_dir(&self.directory)
			.env_clear()
			.envs(self.environment())
			.stdin(Stdio::null())
			.kill_on_drop(true)
			.output()
			.await
			.with_context(|| line.to_owned())?;
		let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
		Ok((
			output.status.success(),
			text(&output.stdout),
			text(&output.stderr),
		))
	}

	/// Gives a command that goes on running, in a shell of its own.
	pub fn start(&mut self, line: &str) -> Result<()> {
		self.started += 1;
		let name = format!("{:02}-{}", self.started, line.replace([' ', '/'], "_"));
		let name: String = name.chars().take(60).collect();
		let place = self.directory.display();
		let command = format!("cd {place} && {}exec {}", self.prelude, self.filled(line)?);
		let program = Program {
			executable: "/bin/bash".into(),
			args: vec!["-c".into(), command],
			environment: self
				.environment()
				.map(|(name, value)| (OsString::from(name), OsString::from(value)))
				.collect(),
			log: self.directory.join(format!("{name}.log")),
			name,
		};
		self.services.push(Service {
			line: line.to_owned(),
			process: Process::start(&program)?,
			log: program.log,
			works: false,
		});
		Ok(())
	}

	/// Waits until all that was started works.
	pub async fn ready(&mut self) -> Result<()> {
		let mut told = Vec::new();
		for service in self.services.iter_mut().filter(|service| !service.works) {
			told.push(service.ready().await?);
			service.works = true;
		}
		told.iter().for_each(|told| self.listen(told));
		Ok(())
	}

	/// Keeps what a program has told.
	fn listen(&mut self, output: &str) {
		for (mark, placeholder) in TOLD {
			let Some((_, rest)) = output.split_once(mark) else {
				continue;
			};
			let value = rest.split_whitespace().next().unwrap_or_default();
			let value = value.split('"').next().unwrap_or_default();
			if placeholder != FIRST_NODE || !self.placeholders.contains_key(FIRST_NODE) {
				self.put(placeholder, value);
			}
		}
		if let Some((_, rest)) = output.split_once("Secret phrase:") {
			let phrase = rest.lines().next().unwrap_or_default().trim();
			self.set("SECRET", phrase);
		}
	}

	/// The environment of a shell.
	fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
		let known = self.environment.iter();
		known.map(|(name, value)| (name.as_str(), value.as_str()))
	}

	/// A command with values for placeholders, and free ports.
	fn filled(&self, line: &str) -> Result<String> {
		let line = match line.strip_prefix("scripts/call ") {
			Some(call) => format!("scripts/call --url ws://127.0.0.1:9944 {call}"),
			None => line.to_owned(),
		};
		let mut names: Vec<_> = self.placeholders.iter().collect();
		// ADDRESS is a part of other names.
		names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
		let (mut filled, mut rest) = (String::new(), line.as_str());
		while let Some(letter) = rest.chars().next() {
			let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
			let (part, end) = rest.split_at(digits.max(letter.len_utf8()));
			let mut found = names.iter().filter(|(name, _)| rest.starts_with(*name));
			if let Some((name, value)) = found.next() {
				filled.push_str(value);
				rest = &rest[name.len()..];
				continue;
			}
			let port = BEFORE_PORT.iter().any(|before| filled.ends_with(before));
			if port && digits > 3 {
				filled.push_str(&self.ports.port(part)?.to_string());
			} else {
				filled.push_str(part);
			}
			rest = end;
		}
		let node = line.starts_with("infergrid-node --");
		for flag in NODE_PORTS.iter().filter(|_| node) {
			if !filled.contains(flag) {
				let port = self.ports.port(&format!("{flag}of {line}"))?;
				filled.push_str(&format!("{flag}{port}"));
			}
		}
		Ok(filled)
	}
}
