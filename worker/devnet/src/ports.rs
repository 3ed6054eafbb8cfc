//! Ports that nobody else takes between the choice and the child's start.
//!
//! A port is held by a listener until the child that gets it is started. From the choice until the
//! grid is dropped it is claimed, so that no other grid chooses it while its child is down: in this
//! process by a list, in others by a locked file. Free ports come from below those that the system
//! gives to whoever asks for any.

use crate::{error::SpawnError, plan::PortChoice};
use std::{
	collections::BTreeSet,
	fs::{self, File, TryLockError},
	io::{self, ErrorKind},
	net::{Ipv4Addr, TcpListener},
	path::PathBuf,
	sync::{Mutex, PoisonError},
};

/// The first port that the system gives by itself, where nothing else is known.
const EPHEMERAL: u16 = 32_768;
/// Ports below that one from which free ones are chosen.
const CHOICE: u16 = 12_000;

/// The ports that grids of this process have claimed.
static CLAIMED: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A claim on a port, given up when it is dropped.
#[derive(Debug)]
pub struct Claim {
	number: u16,
	/// None where no file can be written.
	_file: Option<File>,
}

impl Claim {
	#[cfg(test)]
	fn number(&self) -> u16 {
		self.number
	}
}

impl Drop for Claim {
	fn drop(&mut self) {
		let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
		claimed.remove(&self.number);
	}
}

/// A claimed port that nobody can take, until it is released.
#[derive(Debug)]
pub struct HeldPort {
	claim: Claim,
	_listener: TcpListener,
}

impl HeldPort {
	/// The port.
	pub fn number(&self) -> u16 {
		self.claim.number
	}

	/// Lets the port go for the child that is started next, and keeps the claim on it.
	pub fn release(self) -> Claim {
		self.claim
	}
}

/// Gives ports.
#[derive(Clone, Debug)]
pub struct Ports {
	/// Where all grids of this machine put their claims.
	pub claims: Option<PathBuf>,
}

impl Ports {
	/// A port for each of the `usual` ones.
	pub(crate) fn choose(
		&self,
		choice: PortChoice,
		usual: &[u16],
	) -> Result<Vec<HeldPort>, SpawnError> {
		match choice {
			PortChoice::Usual => self.prefer(usual),
			PortChoice::From(first) => self.from(first, usual.len()),
			PortChoice::Free => self.free(usual.len()),
		}
	}

	fn prefer(&self, usual: &[u16]) -> Result<Vec<HeldPort>, SpawnError> {
		let mut held = Vec::with_capacity(usual.len());
		for number in usual {
			match self.hold(*number) {
				Ok(port) => held.push(port),
				Err(_) => held.extend(self.free(1)?),
			}
		}
		Ok(held)
	}

	fn from(&self, first: u16, wanted: usize) -> Result<Vec<HeldPort>, SpawnError> {
		let end = u16::try_from(wanted)
			.ok()
			.and_then(|wanted| first.checked_add(wanted));
		let end = end.ok_or_else(|| SpawnError::TooFewPorts {
			wanted,
			place: format!("from {first} upwards"),
		})?;
		let hold = |number| {
			self.hold(number)
				.map_err(|source| SpawnError::Port { number, source })
		};
		(first..end).map(hold).collect()
	}

	/// `wanted` free ports.
	pub fn free(&self, wanted: usize) -> Result<Vec<HeldPort>, SpawnError> {
		let end = first_ephemeral();
		let begin = end.saturating_sub(CHOICE).max(1_024);
		// Grids that start at the same time had better not try the same ports one after the other.
		let start = rand::random_range(begin..end);
		let mut held = Vec::with_capacity(wanted);
		for number in (start..end).chain(begin..start) {
			if held.len() == wanted {
				break;
			}
			match self.hold(number) {
				Ok(port) => held.push(port),
				Err(source) if source.kind() == ErrorKind::AddrInUse => {}
				Err(source) => return Err(SpawnError::Port { number, source }),
			}
		}
		if held.len() < wanted {
			let place = format!("free from {begin} to {end}");
			return Err(SpawnError::TooFewPorts { wanted, place });
		}
		Ok(held)
	}

	/// Port `number`, unless it is used or claimed.
	fn hold(&self, number: u16) -> io::Result<HeldPort> {
		Ok(HeldPort {
			claim: self.claim(number)?,
			_listener: TcpListener::bind((Ipv4Addr::LOCALHOST, number))?,
		})
	}

	fn claim(&self, number: u16) -> io::Result<Claim> {
		let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
		if claimed.contains(&number) {
			return Err(in_use("another grid of this process has claimed it"));
		}
		let file = self.lock(number)?;
		claimed.insert(number);
		Ok(Claim {
			number,
			_file: file,
		})
	}

	/// Claims a port against other processes. Where no file can be written there are no such claims.
	fn lock(&self, number: u16) -> io::Result<Option<File>> {
		let Some(directory) = &self.claims else {
			return Ok(None);
		};
		let file = fs::create_dir_all(directory)
			.and_then(|()| File::create(directory.join(number.to_string())));
		let Ok(file) = file else { return Ok(None) };
		match file.try_lock() {
			Ok(()) => Ok(Some(file)),
			Err(TryLockError::WouldBlock) => Err(in_use("another grid has claimed it")),
			Err(TryLockError::Error(_)) => Ok(None),
		}
	}
}

/// The first port that the system gives to whoever asks for any.
fn first_ephemeral() -> u16 {
	let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
	parse_range(&range).unwrap_or(EPHEMERAL)
}

/// The beginning of a range that leaves enough ports below it.
fn parse_range(range: &str) -> Option<u16> {
	let first = range.split_whitespace().next()?.parse().ok()?;
	(first > CHOICE).then_some(first)
}

fn in_use(reason: &str) -> io::Error {
	io::Error::new(ErrorKind::AddrInUse, reason)
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::{
		collections::HashSet,
		time::{Duration, Instant},
	};
	use tempfile::TempDir;

	fn ports() -> (Ports, TempDir) {
		let directory = tempfile::tempdir().unwrap();
		let claims = Some(directory.path().to_path_buf());
		(Ports { claims }, directory)
	}

	/// A child that another test starts has everything open for a moment.
	fn soon(check: impl Fn() -> bool) -> bool {
		let started = Instant::now();
		while started.elapsed() < Duration::from_secs(5) {
			if check() {
				return true;
			}
			std::thread::yield_now();
		}
		false
	}

	fn is_free(number: u16) -> bool {
		TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok()
	}

	#[test]
	fn ports_are_distinct_held_and_below_the_systems_own() {
		let held = ports().0.free(8).unwrap();
		let numbers: HashSet<_> = held.iter().map(HeldPort::number).collect();
		assert_eq!(numbers.len(), 8);
		for number in &numbers {
			assert!(*number < first_ephemeral());
			assert!(!is_free(*number));
		}
	}

	#[test]
	fn a_released_port_can_be_bound_and_is_not_given_again_before_its_claim_is_dropped() {
		let (ports, _directory) = ports();
		let claim = ports.free(1).unwrap().remove(0).release();
		let number = claim.number();
		assert!(soon(|| is_free(number)));
		let refused = ports.hold(number).unwrap_err();
		assert_eq!(refused.kind(), ErrorKind::AddrInUse);
		drop(claim);
		assert!(soon(|| ports.hold(number).is_ok()));
	}

	#[test]
	fn a_port_that_another_process_claims_is_not_given() {
		let (ports, _directory) = ports();
		let number = ports.free(1).unwrap().remove(0).number();
		let mut others = None;
		assert!(soon(|| ports.hold(number).is_ok()));
		// As another process does it: without the list of this one.
		let path = ports.claims.as_ref().unwrap().join(number.to_string());
		let file = File::create(path).unwrap();
		assert!(soon(|| file.try_lock().is_ok()));
		others.replace(file);
		let refused = ports.hold(number).unwrap_err();
		assert_eq!(refused.kind(), ErrorKind::AddrInUse);
	}

	#[test]
	fn threads_that_choose_at_once_get_different_ports() {
		let (ports, _directory) = ports();
		let choose = || {
			let held = ports.free(20).unwrap();
			held.into_iter().map(HeldPort::release).collect::<Vec<_>>()
		};
		let chosen: Vec<Claim> = std::thread::scope(|scope| {
			let threads: Vec<_> = (0..8).map(|_| scope.spawn(choose)).collect();
			let claims = threads.into_iter().map(|thread| thread.join().unwrap());
			claims.flatten().collect()
		});
		let numbers: HashSet<_> = chosen.iter().map(Claim::number).collect();
		assert_eq!(numbers.len(), 160);
	}

	#[test]
	fn a_taken_port_is_named_or_replaced() {
		let (ports, _directory) = ports();
		let taken = ports.free(1).unwrap().remove(0);
		let refused = ports.choose(PortChoice::From(taken.number()), &[0]);
		let refused = refused.unwrap_err().to_string();
		assert!(refused.contains(&taken.number().to_string()), "{refused}");
		let instead = ports.choose(PortChoice::Usual, &[taken.number()]).unwrap();
		assert_ne!(instead[0].number(), taken.number());
	}

	#[test]
	fn a_range_beyond_the_last_port_is_refused() {
		let (ports, _directory) = ports();
		let refused = ports.choose(PortChoice::From(65_530), &[0; 9]);
		assert!(matches!(refused, Err(SpawnError::TooFewPorts { .. })));
	}

	#[test]
	fn a_range_that_leaves_too_few_ports_is_not_used() {
		assert_eq!(parse_range("32768\t60999\n"), Some(32_768));
		for odd in ["1024 65535", "", "many"] {
			assert_eq!(parse_range(odd), None);
		}
	}
}
