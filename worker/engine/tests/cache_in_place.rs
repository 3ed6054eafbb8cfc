//! A token appended to a large cache must not copy it: allocations of one step are counted.

#![allow(
	clippy::disallowed_methods,
	clippy::unwrap_used,
	reason = "tests are not bound by what binds the libraries"
)]

use infergrid_engine::{Device, Engine};
use std::{
	alloc::{GlobalAlloc, Layout, System},
	fs,
	path::PathBuf,
	sync::atomic::{AtomicUsize, Ordering},
};

struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
	unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
		ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
		unsafe { System.alloc(layout) }
	}

	unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
		unsafe { System.dealloc(pointer, layout) }
	}
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Bytes allocated by one step of decoding with room for `capacity` tokens.
fn step(engine: &Engine, capacity: usize) -> usize {
	let mut cache = engine.cache(capacity);
	engine.extend(&[5, 6, 7], &mut cache).unwrap();
	engine.extend(&[8], &mut cache).unwrap();
	assert_eq!((cache.len(), cache.capacity()), (4, capacity));
	let before = ALLOCATED.load(Ordering::Relaxed);
	engine.extend(&[9], &mut cache).unwrap();
	ALLOCATED.load(Ordering::Relaxed) - before
}

#[test]
fn a_step_costs_the_same_whatever_the_capacity() {
	let from =
		PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("fixtures/qwen3");
	let directory = tempfile::tempdir().unwrap();
	let config = fs::read_to_string(from.join("config.json")).unwrap();
	let longer = "\"max_position_embeddings\": 16384";
	let config = config.replace("\"max_position_embeddings\": 256", longer);
	fs::write(directory.path().join("config.json"), config).unwrap();
	fs::copy(
		from.join("model.safetensors"),
		directory.path().join("model.safetensors"),
	)
	.unwrap();
	let engine = Engine::load(directory.path(), Device::Cpu).unwrap();

	// One step in some forty copies, when another thread lets go of the buffer a moment too late: three
	// in a row do not.
	let least = |capacity| (0..3).map(|_| step(&engine, capacity)).min();
	let (small, large) = (least(256).unwrap(), least(16_384).unwrap());
	// One layer's keys alone are 2 heads x 16,384 x 32 x 4 bytes = 4 MiB.
	assert!(
		large < small + (64 << 10),
		"{small} bytes with 256, {large} bytes with 16,384"
	);
}
