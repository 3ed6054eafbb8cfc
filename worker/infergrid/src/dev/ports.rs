//! Ports that nobody else takes between the choice and the child's start.

use crate::failure::Failure;
use anyhow::anyhow;
use std::net::{Ipv4Addr, TcpListener};

/// A port of this machine, held by a listener until it is released.
#[derive(Debug)]
pub(crate) struct HeldPort {
	number: u16,
	_listener: TcpListener,
}

impl HeldPort {
	/// Port `number`, or any free one for 0.
	fn hold(number: u16) -> std::io::Result<Self> {
		let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, number))?;
		Ok(Self {
			number: listener.local_addr()?.port(),
			_listener: listener,
		})
	}

	/// Its number.
	pub(crate) fn number(&self) -> u16 {
		self.number
	}

	/// Lets the port go, for the child that is started next.
	pub(crate) fn release(self) -> u16 {
		self.number
	}
}

/// `count` ports: from `base` upwards, or any free ones without a base.
pub(crate) fn hold(base: Option<u16>, count: u16) -> Result<Vec<HeldPort>, Failure> {
	(0..count)
		.map(|offset| {
			let number = match base {
				None => 0,
				Some(base) => base.checked_add(offset).ok_or_else(|| {
					Failure::usage(format!(
						"no {count} ports from {base} upwards; choose a lower --base-port"
					))
				})?,
			};
			HeldPort::hold(number).map_err(|error| {
				Failure::outside(anyhow!("port {number} cannot be used: {error}"))
					.hint("choose other ports with --base-port, or leave it out to take free ones")
			})
		})
		.collect()
}

/// The ports in `usual`, each replaced by a free one where it is taken.
pub(crate) fn prefer(usual: &[u16]) -> Result<Vec<HeldPort>, Failure> {
	usual
		.iter()
		.map(|number| {
			HeldPort::hold(*number)
				.or_else(|_| HeldPort::hold(0))
				.map_err(|error| {
					Failure::outside(anyhow!("this machine gives no free port: {error}"))
				})
		})
		.collect()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn ports_are_distinct_and_held() {
		let ports = hold(None, 8).unwrap();
		let mut numbers: Vec<_> = ports.iter().map(HeldPort::number).collect();
		numbers.sort_unstable();
		numbers.dedup();
		assert_eq!(numbers.len(), 8);
		assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, numbers[0])).is_err());
		drop(ports);
		assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, numbers[0])).is_ok());
	}

	#[test]
	fn a_taken_port_is_named() {
		let taken = HeldPort::hold(0).unwrap();
		let failure = hold(Some(taken.number()), 1).unwrap_err().to_string();
		assert!(failure.contains(&taken.number().to_string()) && failure.contains("--base-port"));
	}

	#[test]
	fn a_base_too_high_is_refused() {
		assert!(hold(Some(u16::MAX), 2).is_err());
	}
}
