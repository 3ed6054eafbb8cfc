//! Matrix times vector in 32-bit floats, on all cores.
//!
//! Decoding one token reads every weight once, so it runs at the speed of memory, if both cores
//! read. Burn's processor backend runs this case on one.

use rayon::prelude::*;

/// Weights below which threads cost more than they save.
const PARALLEL_FROM: usize = 1 << 16;
/// Rows handed to a thread at once have about this many weights: small enough to balance two cores,
/// large enough for the hardware's prefetching.
const BLOCK: usize = 1 << 15;

/// Dot product of two slices of one length.
type Dot = fn(&[f32], &[f32]) -> f32;

/// `out[i] = Σ_j matrix[i·n + j] · vector[j]`, with `n` the length of `vector`.
///
/// `matrix` must hold `out.len() · n` values; what is beyond is not read.
pub(crate) fn gemv(matrix: &[f32], vector: &[f32], out: &mut [f32]) {
	let width = vector.len().max(1);
	debug_assert!(matrix.len() >= out.len() * vector.len());
	let dot = best_dot();
	let fill = |rows: &[f32], out: &mut [f32]| {
		for (row, value) in rows.chunks_exact(width).zip(out) {
			*value = dot(row, vector);
		}
	};
	if matrix.len() < PARALLEL_FROM {
		return fill(matrix, out);
	}
	let rows = (BLOCK / width).max(1);
	out.par_chunks_mut(rows)
		.zip(matrix.par_chunks(rows * width))
		.for_each(|(out, rows)| fill(rows, out));
}

/// `Σ v²`, by the same instructions: what reading costs and nothing else.
pub(crate) fn sum_of_squares(values: &[f32]) -> f32 {
	best_dot()(values, values)
}

fn best_dot() -> Dot {
	#[cfg(target_arch = "x86_64")]
	{
		if is_x86_feature_detected!("avx512f") {
			// SAFETY: the processor has the feature.
			return |a, b| unsafe { dot_avx512(a, b) };
		}
		if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
			// SAFETY: the processor has both features.
			return |a, b| unsafe { dot_avx2(a, b) };
		}
	}
	dot_portable
}

/// Sixteen partial sums, which compilers turn into what vector instructions the target has.
fn dot_portable(a: &[f32], b: &[f32]) -> f32 {
	let mut sums = [0.0_f32; 16];
	let (a_blocks, b_blocks) = (a.chunks_exact(16), b.chunks_exact(16));
	let tail: f32 = a_blocks
		.remainder()
		.iter()
		.zip(b_blocks.remainder())
		.map(|(x, y)| x * y)
		.sum();
	for (x, y) in a_blocks.zip(b_blocks) {
		for lane in 0..16 {
			sums[lane] += x[lane] * y[lane];
		}
	}
	sums.iter().sum::<f32>() + tail
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn dot_avx512(a: &[f32], b: &[f32]) -> f32 {
	use std::arch::x86_64::*;
	let length = a.len().min(b.len());
	let (a, b) = (a.as_ptr(), b.as_ptr());
	let mut sums = [_mm512_setzero_ps(); 4];
	let mut at = 0;
	// SAFETY: every load lies below `length`; the mask keeps the last one there.
	unsafe {
		while at + 64 <= length {
			for (lane, sum) in sums.iter_mut().enumerate() {
				let (x, y) = (a.add(at + 16 * lane), b.add(at + 16 * lane));
				*sum = _mm512_fmadd_ps(_mm512_loadu_ps(x), _mm512_loadu_ps(y), *sum);
			}
			at += 64;
		}
		while at < length {
			let left = (length - at).min(16);
			let mask = (0xFFFF_u32 >> (16 - left)) as __mmask16;
			let x = _mm512_maskz_loadu_ps(mask, a.add(at));
			let y = _mm512_maskz_loadu_ps(mask, b.add(at));
			sums[0] = _mm512_fmadd_ps(x, y, sums[0]);
			at += left;
		}
	}
	let pairs = [
		_mm512_add_ps(sums[0], sums[1]),
		_mm512_add_ps(sums[2], sums[3]),
	];
	_mm512_reduce_add_ps(_mm512_add_ps(pairs[0], pairs[1]))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn dot_avx2(a: &[f32], b: &[f32]) -> f32 {
	use std::arch::x86_64::*;
	let length = a.len().min(b.len());
	let whole = length - length % 32;
	let mut sums = [_mm256_setzero_ps(); 4];
	let mut lanes = [0.0_f32; 8];
	// SAFETY: every load lies below `whole`, which is at most the length of both.
	unsafe {
		for at in (0..whole).step_by(32) {
			for (lane, sum) in sums.iter_mut().enumerate() {
				let x = _mm256_loadu_ps(a.as_ptr().add(at + 8 * lane));
				let y = _mm256_loadu_ps(b.as_ptr().add(at + 8 * lane));
				*sum = _mm256_fmadd_ps(x, y, *sum);
			}
		}
		let pairs = [
			_mm256_add_ps(sums[0], sums[1]),
			_mm256_add_ps(sums[2], sums[3]),
		];
		_mm256_storeu_ps(lanes.as_mut_ptr(), _mm256_add_ps(pairs[0], pairs[1]));
	}
	lanes.iter().sum::<f32>() + dot_portable(&a[whole..length], &b[whole..length])
}

#[cfg(test)]
mod tests {
	use super::*;

	fn numbers(count: usize, salt: u32) -> Vec<f32> {
		(0..count as u32)
			.map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(salt) >> 8) as f32 / 8e6 - 1.0)
			.collect()
	}

	fn kernels() -> Vec<(&'static str, Dot)> {
		let mut list: Vec<(&str, Dot)> = vec![("portable", dot_portable), ("best", best_dot())];
		#[cfg(target_arch = "x86_64")]
		if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
			// SAFETY: the processor has both features.
			list.push(("avx2", |a, b| unsafe { dot_avx2(a, b) }));
		}
		list
	}

	#[test]
	fn every_kernel_agrees_with_64_bit_sums_at_every_length() {
		for (name, dot) in kernels() {
			for length in (0..140).chain([896, 1_001, 4_864]) {
				let (a, b) = (numbers(length, 1), numbers(length, 77));
				let exact: f64 = a
					.iter()
					.zip(&b)
					.map(|(x, y)| f64::from(*x) * f64::from(*y))
					.sum();
				let error = (f64::from(dot(&a, &b)) - exact).abs();
				assert!(
					error <= 1e-6 * length as f64 + 1e-7,
					"{name} at {length}: {error}"
				);
			}
		}
	}

	#[test]
	fn every_row_is_written_on_both_paths() {
		for (rows, width) in [(3, 5), (700, 129), (1, 70_000), (40_000, 2), (513, 256)] {
			let (matrix, vector) = (numbers(rows * width, 3), numbers(width, 9));
			let mut out = vec![f32::NAN; rows];
			gemv(&matrix, &vector, &mut out);
			for (row, value) in matrix.chunks(width).zip(&out) {
				let exact: f64 = row
					.iter()
					.zip(&vector)
					.map(|(x, y)| f64::from(*x) * f64::from(*y))
					.sum();
				assert!((f64::from(*value) - exact).abs() < 1e-6 * width as f64 + 1e-6);
			}
		}
	}
}
