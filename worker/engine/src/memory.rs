//! What a device has free. Nothing is an error here: where nobody says, nobody knows.

use crate::device::Device;
use std::{fs, path::Path};

/// Bytes that can be taken on `device`.
pub(crate) fn available(device: Device) -> Option<u64> {
	match device {
		Device::Cpu => on_processor(Path::new("/")),
		#[cfg(feature = "cuda")]
		Device::Cuda(index) => cuda::free(index),
		#[cfg(not(feature = "cuda"))]
		Device::Cuda(_) => None,
	}
}

/// What the system has, and no more than the process's control groups leave.
fn on_processor(root: &Path) -> Option<u64> {
	let memory = fs::read_to_string(root.join("proc/meminfo")).ok();
	let system = memory.and_then(|text| field(&text, "MemAvailable:"));
	let system = system.map(|kibibytes| kibibytes.saturating_mul(1_024));
	let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
	let limits = groups.lines().flat_map(|line| group_limits(root, line));
	system.into_iter().chain(limits).min()
}

/// What the groups of a line of /proc/self/cgroup leave, from the innermost outwards: in a container
/// only the outer ones may be seen.
fn group_limits(root: &Path, line: &str) -> Vec<u64> {
	let mut parts = line.splitn(3, ':').skip(1);
	let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
		return Vec::new();
	};
	let (mount, names) = match controllers {
		"" => ("sys/fs/cgroup", ["memory.max", "memory.current"]),
		"memory" => (
			"sys/fs/cgroup/memory",
			["memory.limit_in_bytes", "memory.usage_in_bytes"],
		),
		_ => return Vec::new(),
	};
	let mount = root.join(mount);
	let group = Path::new(path.trim_start_matches('/'));
	group
		.ancestors()
		.filter_map(|group| left_in(&mount.join(group), names))
		.collect()
}

/// What the group in `directory` may still take; `None` if it has no limit. Files in memory give way.
fn left_in(directory: &Path, [limit, usage]: [&str; 2]) -> Option<u64> {
	let read = |name: &str| fs::read_to_string(directory.join(name)).ok();
	let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
	let files = read("memory.stat").map_or(0, |stat| {
		["inactive_file", "active_file"]
			.iter()
			.filter_map(|name| field(&stat, name))
			.fold(0, u64::saturating_add)
	});
	let used = number(usage)?.saturating_sub(files);
	Some(number(limit)?.saturating_sub(used))
}

/// The number after `name` at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
	let mut lines = text.lines().map(str::split_whitespace);
	lines.find_map(|mut words| (words.next()? == name).then(|| words.next()?.parse().ok())?)
}

#[cfg(feature = "cuda")]
mod cuda {
	use libloading::{Library, Symbol};
	use std::{ffi::c_void, ptr::null_mut};

	type Context = *mut c_void;

	/// Bytes that the driver says are free on a device.
	pub(super) fn free(index: usize) -> Option<u64> {
		let index = i32::try_from(index).ok()?;
		// SAFETY: the signatures are those of the CUDA driver API; what it writes to outlives each
		// call, and the context is the device's primary one, retained for as long as it is current.
		unsafe {
			let driver = Library::new("libcuda.so.1").ok()?;
			let init: Symbol<unsafe extern "C" fn(u32) -> i32> = driver.get(b"cuInit\0").ok()?;
			let device: Symbol<unsafe extern "C" fn(*mut i32, i32) -> i32> =
				driver.get(b"cuDeviceGet\0").ok()?;
			let retain: Symbol<unsafe extern "C" fn(*mut Context, i32) -> i32> =
				driver.get(b"cuDevicePrimaryCtxRetain\0").ok()?;
			let release: Symbol<unsafe extern "C" fn(i32) -> i32> =
				driver.get(b"cuDevicePrimaryCtxRelease_v2\0").ok()?;
			let push: Symbol<unsafe extern "C" fn(Context) -> i32> =
				driver.get(b"cuCtxPushCurrent_v2\0").ok()?;
			let pop: Symbol<unsafe extern "C" fn(*mut Context) -> i32> =
				driver.get(b"cuCtxPopCurrent_v2\0").ok()?;
			let info: Symbol<unsafe extern "C" fn(*mut usize, *mut usize) -> i32> =
				driver.get(b"cuMemGetInfo_v2\0").ok()?;

			let (mut handle, mut context) = (0, null_mut());
			if init(0) != 0 || device(&mut handle, index) != 0 || retain(&mut context, handle) != 0
			{
				return None;
			}
			let (mut free, mut total) = (0, 0);
			let told = push(context) == 0 && {
				let told = info(&mut free, &mut total) == 0;
				pop(&mut context);
				told
			};
			release(handle);
			told.then_some(free as u64)
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	/// A machine made of files.
	fn machine(files: &[(&str, &str)]) -> Option<u64> {
		let root = tempfile::tempdir().unwrap();
		for (path, text) in files {
			let path = root.path().join(path);
			fs::create_dir_all(path.parent().unwrap()).unwrap();
			fs::write(path, text).unwrap();
		}
		on_processor(root.path())
	}

	const SYSTEM: (&str, &str) = (
		"proc/meminfo",
		"MemTotal:        8000000 kB\nMemFree:          100000 kB\nMemAvailable:    4000000 kB\n",
	);

	#[test]
	fn the_system_says_what_is_available() {
		assert_eq!(machine(&[SYSTEM]), Some(4_096_000_000));
		assert_eq!(machine(&[]), None);
		assert_eq!(machine(&[("proc/meminfo", "MemAvailable: much\n")]), None);
	}

	#[test]
	fn a_group_may_leave_less() {
		let inside = [
			SYSTEM,
			("proc/self/cgroup", "0::/system/worker\n"),
			("sys/fs/cgroup/system/worker/memory.max", "max\n"),
			("sys/fs/cgroup/system/worker/memory.current", "500\n"),
			("sys/fs/cgroup/system/memory.max", "3000000\n"),
			("sys/fs/cgroup/system/memory.current", "1000000\n"),
			(
				"sys/fs/cgroup/system/memory.stat",
				"anon 300\ninactive_file 200000\nactive_file 100000\n",
			),
		];
		assert_eq!(machine(&inside), Some(2_300_000));
		// In a container the path leads nowhere, and the mount is the container's own.
		let contained = [
			SYSTEM,
			("proc/self/cgroup", "0::/elsewhere/pod\n"),
			("sys/fs/cgroup/memory.max", "2000000\n"),
			("sys/fs/cgroup/memory.current", "3000000\n"),
		];
		assert_eq!(machine(&contained), Some(0));
	}

	#[test]
	fn the_old_kind_of_groups_counts_too() {
		let old = [
			SYSTEM,
			("proc/self/cgroup", "5:cpu:/a\n4:memory:/docker/a\n"),
			(
				"sys/fs/cgroup/memory/docker/a/memory.limit_in_bytes",
				"9000000\n",
			),
			(
				"sys/fs/cgroup/memory/docker/a/memory.usage_in_bytes",
				"1000000\n",
			),
		];
		assert_eq!(machine(&old), Some(8_000_000));
	}

	#[test]
	fn this_machine_says_something_plausible() {
		if cfg!(target_os = "linux") {
			let bytes = available(Device::Cpu).unwrap();
			assert!((1 << 20..1 << 50).contains(&bytes), "{bytes}");
		}
	}
}
