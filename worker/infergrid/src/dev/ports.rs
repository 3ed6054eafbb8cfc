//! Ports that nobody else takes between the choice and the child's start.
//!
//! A port is held by a listener until the child that gets it is started. This process gives it to
//! nobody else, nor does another one: it is claimed by a locked file for as long as this process
//! lives. Free ports come from below those that the system gives to whoever asks for any.

use crate::failure::Failure;
use anyhow::anyhow;
use std::{
	collections::BTreeMap,
	fs::{self, File, TryLockError},
	io::{self, ErrorKind},
	net::{Ipv4Addr, TcpListener},
	sync::{Mutex, PoisonError},
};

/// The first port that the system gives by itself, where nothing else is known.
const EPHEMERAL: u16 = 32_768;
/// Ports below that one from which free ones are chosen.
const CHOICE: u16 = 12_000;

/// The ports that were released to children, with the claims on them.
static RELEASED: Mutex<BTreeMap<u16, Option<File>>> = Mutex::new(BTreeMap::new());

/// A port of this machine, held until it is released.
#[derive(Debug)]
pub struct HeldPort {
	number: u16,
	claim: Option<File>,
	_listener: TcpListener,
}

impl HeldPort {
	/// Port `number`, unless it is used or claimed.
	fn hold(number: u16) -> io::Result<Self> {
		let released = RELEASED.lock().unwrap_or_else(PoisonError::into_inner);
		if released.contains_key(&number) {
			return Err(in_use("a part of this grid has it"));
		}
		drop(released);
		Ok(Self {
			number,
			claim: claim(number)?,
			_listener: TcpListener::bind((Ipv4Addr::LOCALHOST, number))?,
		})
	}

	/// Its number.
	pub fn number(&self) -> u16 {
		self.number
	}

	/// Lets the port go, for the child that is started next. The claim on it stays.
	pub fn release(self) -> u16 {
		let mut released = RELEASED.lock().unwrap_or_else(PoisonError::into_inner);
		released.insert(self.number, self.claim);
		self.number
	}
}

/// `count` ports: from `base` upwards, or any free ones without a base.
pub(crate) fn hold(base: Option<u16>, count: u16) -> Result<Vec<HeldPort>, Failure> {
	let Some(base) = base else {
		return any(count.into());
	};
	let end = base.checked_add(count).ok_or_else(|| {
		Failure::usage(format!(
			"no {count} ports from {base} upwards; choose a lower --base-port"
		))
	})?;
	let hold = |number| {
		HeldPort::hold(number).map_err(|error| {
			Failure::outside(anyhow!("port {number} cannot be used: {error}"))
				.hint("choose other ports with --base-port, or leave it out to take free ones")
		})
	};
	(base..end).map(hold).collect()
}

/// The ports in `usual`, each replaced by a free one where it is taken.
pub(crate) fn prefer(usual: &[u16]) -> Result<Vec<HeldPort>, Failure> {
	let mut held = Vec::with_capacity(usual.len());
	for number in usual {
		match HeldPort::hold(*number) {
			Ok(port) => held.push(port),
			Err(_) => held.extend(any(1)?),
		}
	}
	Ok(held)
}

fn any(count: usize) -> Result<Vec<HeldPort>, Failure> {
	free(count)
		.map_err(|error| Failure::outside(anyhow!("this machine gives no free port: {error}")))
}

/// `count` free ports.
pub fn free(count: usize) -> io::Result<Vec<HeldPort>> {
	let end = first_ephemeral();
	let begin = end.saturating_sub(CHOICE).max(1_024);
	// Grids that start at the same time had better not try the same ports one after the other.
	let start = rand::random_range(begin..end);
	let mut held = Vec::with_capacity(count);
	for number in (start..end).chain(begin..start) {
		if held.len() == count {
			break;
		}
		match HeldPort::hold(number) {
			Ok(port) => held.push(port),
			Err(error) if error.kind() == ErrorKind::AddrInUse => {}
			Err(error) => return Err(error),
		}
	}
	if held.len() < count {
		return Err(in_use(&format!(
			"fewer than {count} ports from {begin} to {end} are free"
		)));
	}
	Ok(held)
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

/// Claims a port against other grids; fails if one has it. Where no file can be written there are no
/// claims.
fn claim(number: u16) -> io::Result<Option<File>> {
	let cache = super::cache().unwrap_or_else(std::env::temp_dir);
	let directory = cache.join("infergrid/ports");
	let file = fs::create_dir_all(&directory)
		.and_then(|()| File::create(directory.join(number.to_string())));
	let Ok(file) = file else { return Ok(None) };
	match file.try_lock() {
		Ok(()) => Ok(Some(file)),
		Err(TryLockError::WouldBlock) => Err(in_use("another grid has claimed it")),
		Err(TryLockError::Error(_)) => Ok(None),
	}
}

fn in_use(reason: &str) -> io::Error {
	io::Error::new(ErrorKind::AddrInUse, reason)
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::{collections::HashSet, thread::sleep, time::Duration};

	/// A child that another test starts has everything open for a moment.
	fn soon(check: impl Fn() -> bool) -> bool {
		(0..100).any(|_| {
			check() || {
				sleep(Duration::from_millis(20));
				false
			}
		})
	}

	fn is_free(number: u16) -> bool {
		TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok()
	}

	#[test]
	fn ports_are_distinct_held_and_below_the_systems_own() {
		let ports = free(8).unwrap();
		let numbers: HashSet<_> = ports.iter().map(HeldPort::number).collect();
		assert_eq!(numbers.len(), 8);
		for number in &numbers {
			assert!(*number < first_ephemeral());
			assert!(!is_free(*number));
		}
	}

	#[test]
	fn a_released_port_can_be_bound_and_is_not_given_again() {
		let number = free(1).unwrap().remove(0).release();
		assert!(soon(|| is_free(number)));
		let refused = HeldPort::hold(number).unwrap_err();
		assert_eq!(refused.kind(), ErrorKind::AddrInUse);
	}

	#[test]
	fn a_dropped_port_is_free_again() {
		let number = free(1).unwrap().remove(0).number();
		assert!(soon(|| HeldPort::hold(number).is_ok()));
	}

	#[test]
	fn a_port_that_another_grid_claims_is_not_given() {
		let number = free(1).unwrap().remove(0).number();
		assert!(soon(|| claim(number).is_ok()));
		let others = claim(number).unwrap();
		assert!(others.is_some() && is_free(number));
		let refused = HeldPort::hold(number).unwrap_err();
		assert_eq!(refused.kind(), ErrorKind::AddrInUse);
	}

	#[test]
	fn threads_that_choose_at_once_get_different_ports() {
		let choose = || {
			let ports = free(20).unwrap();
			ports.into_iter().map(HeldPort::release).collect::<Vec<_>>()
		};
		let chosen: Vec<u16> = std::thread::scope(|scope| {
			let threads: Vec<_> = (0..8).map(|_| scope.spawn(choose)).collect();
			let ports = threads.into_iter().map(|thread| thread.join().unwrap());
			ports.flatten().collect()
		});
		assert_eq!(chosen.iter().collect::<HashSet<_>>().len(), 160);
	}

	#[test]
	fn a_taken_port_is_named_or_replaced() {
		let taken = free(1).unwrap().remove(0);
		let failure = hold(Some(taken.number()), 1).unwrap_err().to_string();
		assert!(failure.contains(&taken.number().to_string()) && failure.contains("--base-port"));
		let instead = prefer(&[taken.number()]).unwrap();
		assert_ne!(instead[0].number(), taken.number());
	}

	#[test]
	fn a_base_too_high_is_refused() {
		assert!(hold(Some(u16::MAX), 2).is_err());
	}

	#[test]
	fn a_range_that_leaves_too_few_ports_is_not_used() {
		assert_eq!(parse_range("32768\t60999\n"), Some(32_768));
		for odd in ["1024 65535", "", "many"] {
			assert_eq!(parse_range(odd), None);
		}
	}
}
