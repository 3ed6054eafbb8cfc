//! Where a model runs, chosen at start. A missing driver or GPU is an error, never a panic.

use crate::error::DeviceError;
use std::{fmt, str::FromStr};

/// Where a model runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
	/// The processor.
	#[default]
	Cpu,
	/// An NVIDIA GPU by its number, counted from 0. Needs the feature `cuda`.
	Cuda(usize),
}

impl fmt::Display for Device {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Cpu => f.write_str("cpu"),
			Self::Cuda(index) => write!(f, "cuda:{index}"),
		}
	}
}

impl FromStr for Device {
	type Err = DeviceError;

	fn from_str(name: &str) -> Result<Self, DeviceError> {
		let unknown = || DeviceError::Unknown {
			name: name.to_owned(),
		};
		match name {
			"cpu" => Ok(Self::Cpu),
			"cuda" => Ok(Self::Cuda(0)),
			_ => {
				let index = name.strip_prefix("cuda:").ok_or_else(unknown)?;
				index.parse().map(Self::Cuda).map_err(|_| unknown())
			}
		}
	}
}

impl Device {
	/// Makes the device ready, or says what is missing.
	pub(crate) fn open(self) -> Result<burn::tensor::Device, DeviceError> {
		match self {
			Self::Cpu => Ok(burn::tensor::Device::flex()),
			#[cfg(not(feature = "cuda"))]
			Self::Cuda(_) => Err(DeviceError::NotBuilt),
			#[cfg(feature = "cuda")]
			Self::Cuda(index) => cuda::open(index),
		}
	}
}

#[cfg(feature = "cuda")]
mod cuda {
	use super::DeviceError;
	use burn::tensor::{Device, Tensor};
	use libloading::Library;
	use std::{env, path::Path};

	pub(super) fn open(index: usize) -> Result<Device, DeviceError> {
		let count = devices()?;
		if usize::try_from(count).is_ok_and(|count| index >= count) {
			return Err(DeviceError::NoGpu { index, count });
		}
		toolkit()?;
		first_touch(index)
	}

	/// Devices that the driver shows. The bindings panic when the library is missing, so it is asked
	/// for here first.
	fn devices() -> Result<i32, DeviceError> {
		let missing = |error: libloading::Error| DeviceError::NoDriver {
			reason: error.to_string(),
		};
		let check = |code| {
			if code == 0 {
				Ok(())
			} else {
				Err(DeviceError::Driver { code })
			}
		};
		// SAFETY: the signatures are those of the CUDA driver API, whose library has no
		// initialiser that could misbehave; `count` outlives the call.
		unsafe {
			let library = Library::new("libcuda.so.1").map_err(missing)?;
			let init: libloading::Symbol<unsafe extern "C" fn(u32) -> i32> =
				library.get(b"cuInit\0").map_err(missing)?;
			let get_count: libloading::Symbol<unsafe extern "C" fn(*mut i32) -> i32> =
				library.get(b"cuDeviceGetCount\0").map_err(missing)?;
			check(init(0))?;
			let mut count = 0;
			check(get_count(&mut count))?;
			Ok(count)
		}
	}

	fn toolkit() -> Result<(), DeviceError> {
		let names = ["libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12"];
		// SAFETY: loading NVRTC runs no code beyond its own initialisers.
		if !names
			.iter()
			.any(|name| unsafe { Library::new(name) }.is_ok())
		{
			let reason = format!("none of {names:?} can be loaded");
			return Err(DeviceError::NoToolkit { reason });
		}
		// The places where the kernel compiler looks for headers, in its order.
		#[expect(
			clippy::disallowed_methods,
			reason = "the kernel compiler reads it itself, whatever this program is told"
		)]
		let chosen = env::var_os("CUDA_PATH").filter(|path| !path.is_empty());
		let found = match &chosen {
			Some(path) => Path::new(path).join("include").is_dir(),
			None => ["/usr/local/cuda", "/opt/cuda", "/usr/bin/nvcc"]
				.iter()
				.any(|path| Path::new(path).exists()),
		};
		if found {
			return Ok(());
		}
		let reason = "no CUDA headers under CUDA_PATH, /usr/local/cuda or /opt/cuda".to_owned();
		Err(DeviceError::NoToolkit { reason })
	}

	fn first_touch(index: usize) -> Result<Device, DeviceError> {
		let touch = move || {
			let device = Device::cuda(index);
			let ones = Tensor::<2>::ones([2, 2], &device);
			let sum = ones.clone().matmul(ones).into_data().try_to_vec::<f32>();
			(device, sum)
		};
		match std::panic::catch_unwind(touch) {
			Ok((device, Ok(sum))) if sum == [2.0; 4] => Ok(device),
			Ok((_, result)) => Err(DeviceError::Failed {
				reason: format!("{result:?}"),
			}),
			Err(panic) => Err(DeviceError::Failed {
				reason: infergrid_proof::panic_message(&*panic),
			}),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn names_are_read_back() {
		for device in [Device::Cpu, Device::Cuda(0), Device::Cuda(3)] {
			assert_eq!(device.to_string().parse::<Device>().unwrap(), device);
		}
		assert_eq!("cuda".parse::<Device>().unwrap(), Device::Cuda(0));
		for name in ["", "gpu", "cuda:", "cuda:-1", "cuda:x"] {
			assert!(
				matches!(name.parse::<Device>(), Err(DeviceError::Unknown { .. })),
				"{name}"
			);
		}
	}

	#[cfg(not(feature = "cuda"))]
	#[test]
	fn says_how_to_get_cuda() {
		let message = Device::Cuda(0).open().unwrap_err().to_string();
		assert!(message.contains("--features cuda"), "{message}");
	}

	#[cfg(feature = "cuda")]
	#[test]
	fn a_gpu_that_is_not_there_is_an_error_that_says_what_to_do() {
		// SAFETY: the driver's library has no initialiser that could misbehave.
		let driver = unsafe { libloading::Library::new("libcuda.so.1") };
		let remedy = match driver {
			Ok(_) => "driver",
			Err(_) => "install the NVIDIA driver",
		};
		let message = Device::Cuda(9_999).open().unwrap_err().to_string();
		assert!(message.contains(remedy), "{message}");
	}
}
