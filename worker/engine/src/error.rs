//! Why a model cannot be loaded.

use infergrid_checkpoint::{CheckpointError, WeightsError};
use infergrid_proof::NotEnoughMemory;

/// A device that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
	/// The program was built without the feature.
	#[error(
		"this program was built without CUDA; build it with `--features cuda`, or choose the device \"cpu\""
	)]
	NotBuilt,
	/// No driver.
	#[error(
		"the NVIDIA driver's libcuda.so.1 cannot be loaded ({reason}); install the NVIDIA driver \
		 (570 or newer; `nvidia-smi` must work), or choose the device \"cpu\""
	)]
	NoDriver { reason: String },
	/// The driver does not start.
	#[error(
		"the NVIDIA driver does not start (CUDA error {code}); check that `nvidia-smi` shows a GPU \
		 and, in a container, that it was started with access to it, or choose the device \"cpu\""
	)]
	Driver { code: i32 },
	/// No such GPU.
	#[error(
		"there is no CUDA device {index}: the driver shows {count}, counted from cuda:0; choose one of \
		 them, or the device \"cpu\""
	)]
	NoGpu { index: usize, count: i32 },
	/// The compiler of kernels is missing.
	#[error(
		"NVRTC, which compiles the kernels, cannot be used ({reason}); install the CUDA toolkit's \
		 nvrtc and headers (12.8 or newer) and point CUDA_PATH at them"
	)]
	NoToolkit { reason: String },
	/// It fell over at first touch.
	#[error("the GPU fails at its first computation: {reason}")]
	Failed { reason: String },
	/// Not a device's name.
	#[error("{name:?} is no device; write \"cpu\", \"cuda\" or \"cuda:N\"")]
	Unknown { name: String },
}

/// A model that cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
	/// Configuration, tokenizer or template.
	#[error(transparent)]
	Checkpoint(#[from] CheckpointError),
	/// Weights.
	#[error(transparent)]
	Weights(#[from] WeightsError),
	/// Device.
	#[error(transparent)]
	Device(#[from] DeviceError),
	/// Memory.
	#[error(transparent)]
	Memory(#[from] NotEnoughMemory),
}
